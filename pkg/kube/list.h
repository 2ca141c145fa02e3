#pragma once

#include <functional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "kube/list_reader.h"
#include "kube/reflector.h"
#include "kube/reflector_state.h"

namespace receiver::kube {

/// Reads the collection once, page by page, as new as the storage is; for one that is followed, see
/// Reflector. `on_object` sees each object of the projection; what cannot be read as one is passed
/// over.
boost::asio::awaitable<ApiResult<void>> read_list(
    RestClient& rest, ReflectorOptions options,
    std::function<void(const ObjectMeta&, const rapidjson::Value&)> on_object);

/// Internal to the room.
namespace reflecting {

/// Reads one page of the collection. `on_heard` is called when something was, and again when that
/// has been handed on: once it returns false, reading ends with kClosed. What is referred to must
/// outlive it.
boost::asio::awaitable<ApiResult<ListPage>> read_page(RestClient& rest,
                                                      const ReflectorOptions& options,
                                                      const ReadPage& page,
                                                      const ListReader::OnItem& on_item,
                                                      const std::function<bool()>& on_heard);

/// A stream that broke or fell silent.
[[nodiscard]] ApiError broken(const http::ClientError& error);
/// A stream that holds something else.
[[nodiscard]] ApiError malformed(std::string message);

}  // namespace reflecting

}  // namespace receiver::kube
