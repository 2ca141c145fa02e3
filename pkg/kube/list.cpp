#include "kube/list.h"

#include <utility>

#include "kube/json.h"
#include "kube/list_reader.h"
#include "kube/object_meta.h"
#include "kube/reflector_request.h"

namespace receiver::kube {

namespace asio = boost::asio;

namespace {

ApiError make_error(ApiError::Kind kind, std::string message) {
  return {
      .kind = kind, .status = 0, .reason = {}, .message = std::move(message), .retry_after = {}};
}

asio::awaitable<ApiResult<ListPage>> read_page(RestClient& rest, std::string target,
                                               ReflectorTimes times, ListReader::OnItem on_item) {
  auto opened =
      co_await rest.open(std::move(target), http::Client::Connection::kPooled, times.list_head);
  if (!opened) co_return tl::unexpected(std::move(opened.error()));
  const auto stream = std::move(*opened);
  ListReader reader(std::move(on_item));
  for (;;) {
    const auto piece = co_await stream->next(times.list_silence);
    if (!piece) {
      co_return tl::unexpected(make_error(ApiError::Kind::kUnreachable, piece.error().message));
    }
    if (piece->empty()) break;
    if (auto fed = reader.feed(*piece); !fed) {
      co_return tl::unexpected(make_error(ApiError::Kind::kMalformed, std::move(fed.error())));
    }
  }
  auto page = reader.finish();
  if (!page) {
    co_return tl::unexpected(make_error(ApiError::Kind::kMalformed, std::move(page.error())));
  }
  co_return std::move(*page);
}

}  // namespace

asio::awaitable<ApiResult<void>> list_once(RestClient& rest, ReflectorOptions options,
                                           ObjectSink& sink) {
  const Projection projection = with_meta(options.projection);
  const auto take = [&sink, &projection](const ListReader::Item& item) {
    if (item.too_large) return;
    const auto object = parse_json(item.json, projection);
    if (!object) return;
    if (const auto meta = read_meta(*object)) (void)sink.add_listed(*meta, *object);
  };
  sink.begin_replace();
  reflecting::ReadPage page{.from_cache = false, .continue_token = {}};
  do {
    const auto read =
        co_await read_page(rest, reflecting::list_target(options, page), options.times, take);
    if (!read) {
      sink.abort_replace();
      co_return tl::unexpected(read.error());
    }
    page.continue_token = read->continue_token;
  } while (!page.continue_token.empty());
  sink.end_replace();
  co_return ApiResult<void>();
}

}  // namespace receiver::kube
