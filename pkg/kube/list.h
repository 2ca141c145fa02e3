#pragma once

#include <boost/asio/awaitable.hpp>

#include "kube/reflector.h"
#include "kube/rest.h"
#include "kube/store.h"

namespace receiver::kube {

/// Reads a collection into the sink once, in pages, as it is at that moment: what a Reflector does
/// before it watches, for a program that only wants to look. An object that cannot be read is left
/// out. The options' times bound the waiting.
boost::asio::awaitable<ApiResult<void>> list_once(RestClient& rest, ReflectorOptions options,
                                                  ObjectSink& sink);

}  // namespace receiver::kube
