#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "kube/reflector.h"
#include "kube/reflector_state.h"

/// What the reflector's requests look like. Pure; internal to the room.
namespace receiver::kube::reflecting {

/// Objects of a page; an API server that answers from its cache may send them all.
inline constexpr int kPageSize = 500;
/// The server ends a watch after a time between these, so that watches which began together do not
/// end together.
inline constexpr std::chrono::seconds kShortestWatch{300}, kLongestWatch{600};

/// `random` is in [0, 1).
[[nodiscard]] std::string list_target(const ReflectorOptions& options, const ReadPage& page);
[[nodiscard]] std::string watch_target(const ReflectorOptions& options, const OpenWatch& watch,
                                       double random);

}  // namespace receiver::kube::reflecting
