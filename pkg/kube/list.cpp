#include "kube/list.h"

#include <utility>

#include "kube/list_reader.h"
#include "kube/object_meta.h"
#include "kube/reflector_request.h"

namespace receiver::kube {

namespace asio = boost::asio;
using Kind = ApiError::Kind;

namespace {

ApiError failed(Kind kind, std::string message) {
  return {
      .kind = kind, .status = 0, .reason = {}, .message = std::move(message), .retry_after = {}};
}

}  // namespace

asio::awaitable<ApiResult<void>> read_list(
    RestClient& rest, ReflectorOptions options,
    std::function<void(const ObjectMeta&, const rapidjson::Value&)> on_object) {
  const Projection projection = with_meta(options.projection);
  reflecting::ReadPage page{.from_cache = false, .continue_token = {}};
  do {
    auto opened = co_await rest.open(reflecting::list_target(options, page),
                                     http::Client::Connection::kPooled, options.times.list_head);
    if (!opened) co_return tl::unexpected(std::move(opened.error()));
    const auto stream = std::move(*opened);
    ListReader reader([&](const ListReader::Item& item) {
      const auto object = parse_json(item.json, projection);
      if (!object) return;
      if (const auto meta = read_meta(*object)) on_object(*meta, *object);
    });
    for (;;) {
      const auto piece = co_await stream->next(options.times.list_silence);
      if (!piece) {
        const bool closed = piece.error().kind == http::ClientError::Kind::kClosed;
        co_return tl::unexpected(
            failed(closed ? Kind::kClosed : Kind::kUnreachable, piece.error().message));
      }
      if (piece->empty()) break;
      if (auto fed = reader.feed(*piece); !fed) {
        co_return tl::unexpected(failed(Kind::kMalformed, std::move(fed.error())));
      }
    }
    auto read = reader.finish();
    if (!read) co_return tl::unexpected(failed(Kind::kMalformed, std::move(read.error())));
    page.continue_token = std::move(read->continue_token);
  } while (!page.continue_token.empty());
  co_return ApiResult<void>();
}

}  // namespace receiver::kube
