#pragma once

#include <functional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "kube/list_reader.h"
#include "kube/reflector.h"
#include "kube/reflector_state.h"

namespace receiver::kube {

/// Reads the collection once, page by page, from storage. To follow a collection, use Reflector.
/// `on_object` gets each object of the projection; unreadable objects are skipped.
boost::asio::awaitable<ApiResult<void>> read_list(
    RestClient& rest, ReflectorOptions options,
    std::function<void(const ObjectMeta&, const rapidjson::Value&)> on_object);

/// Internal to the room.
namespace reflecting {

/// Reads one page of the collection. `on_heard` is called when data arrives, and again when it has
/// been delivered; once it returns false, reading ends with kClosed. What the arguments refer to
/// must outlive it.
boost::asio::awaitable<ApiResult<ListPage>> read_page(RestClient& rest,
                                                      const ReflectorOptions& options,
                                                      const ReadPage& page,
                                                      const ListReader::OnItem& on_item,
                                                      const std::function<bool()>& on_heard);

/// The error for a stream that was lost or fell silent.
[[nodiscard]] ApiError broken(const http::ClientError& error);
/// The error for a stream with unexpected content.
[[nodiscard]] ApiError malformed(std::string message);

}  // namespace reflecting

}  // namespace receiver::kube
