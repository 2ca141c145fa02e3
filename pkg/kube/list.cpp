#include "kube/list.h"

#include <utility>

#include "kube/object_meta.h"
#include "kube/reflector_request.h"

namespace receiver::kube {

namespace asio = boost::asio;

asio::awaitable<ApiResult<void>> read_list(
    RestClient& rest, ReflectorOptions options,
    std::function<void(const ObjectMeta&, const rapidjson::Value&)> on_object) {
  const json::Projection projection = with_meta(options.projection);
  const ListReader::OnItem take = [&](const ListReader::Item& item) {
    if (item.too_large) return;
    const auto object = json::parse(item.json, projection);
    if (!object) return;
    if (const auto meta = read_meta(*object)) on_object(*meta, *object);
  };
  const std::function<bool()> to_the_end = [] { return true; };
  reflecting::ReadPage page{.from_cache = false, .continue_token = {}};
  do {
    auto read = co_await reflecting::read_page(rest, options, page, take, to_the_end);
    if (!read) co_return tl::unexpected(std::move(read.error()));
    page.continue_token = std::move(read->continue_token);
  } while (!page.continue_token.empty());
  co_return ApiResult<void>();
}

namespace reflecting {

asio::awaitable<ApiResult<ListPage>> read_page(RestClient& rest, const ReflectorOptions& options,
                                               const ReadPage& page,
                                               const ListReader::OnItem& on_item,
                                               const std::function<bool()>& on_heard) {
  const auto ended = [] {
    return tl::unexpected(make_error(ApiError::Kind::kClosed, "not wanted"));
  };
  const Lane lane = options.ns.empty() ? Lane::kLists : Lane::kNamespaceLists;
  auto opened = co_await rest.open(list_target(options, page), lane, options.times.list_head);
  if (!opened) co_return tl::unexpected(std::move(opened.error()));
  if (!on_heard()) co_return ended();
  const auto stream = std::move(*opened);
  ListReader reader(on_item);
  for (;;) {
    const auto piece = co_await stream->next(options.times.list_silence);
    if (!piece) co_return tl::unexpected(broken(piece.error()));
    if (!on_heard()) co_return ended();
    if (piece->empty()) break;
    if (auto fed = reader.feed(*piece); !fed) {
      co_return tl::unexpected(malformed(std::move(fed.error())));
    }
    if (!on_heard()) co_return ended();
  }
  auto read = reader.finish();
  if (!read) co_return tl::unexpected(malformed(std::move(read.error())));
  co_return std::move(*read);
}

ApiError broken(const http::ClientError& error) {
  const bool closed = error.kind == http::ClientError::Kind::kClosed;
  return make_error(closed ? ApiError::Kind::kClosed : ApiError::Kind::kUnreachable, error.message);
}

ApiError malformed(std::string message) {
  return make_error(ApiError::Kind::kMalformed, std::move(message));
}

}  // namespace reflecting

}  // namespace receiver::kube
