#pragma once

#include <functional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "kube/reflector.h"

namespace receiver::kube {

/// Reads the collection once, page by page, as new as the storage is; for one that is followed, see
/// Reflector. `on_object` sees each object of the projection; what cannot be read as one is passed
/// over.
boost::asio::awaitable<ApiResult<void>> read_list(
    RestClient& rest, ReflectorOptions options,
    std::function<void(const ObjectMeta&, const rapidjson::Value&)> on_object);

}  // namespace receiver::kube
