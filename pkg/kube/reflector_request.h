#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "kube/reflector.h"
#include "kube/reflector_state.h"

/// The requests of the reflector. Pure; internal to the room.
namespace receiver::kube::reflecting {

/// Objects per page. An API server that answers from its cache may send all of them.
inline constexpr int kPageSize = 500;
/// The server ends a watch after a random time between these, so that watches that began together
/// do not end together.
inline constexpr std::chrono::seconds kShortestWatch{300}, kLongestWatch{600};

/// `random` is in [0, 1).
[[nodiscard]] std::string list_target(const ReflectorOptions& options, const ReadPage& page);
[[nodiscard]] std::string watch_target(const ReflectorOptions& options, const OpenWatch& watch,
                                       double random);

}  // namespace receiver::kube::reflecting
