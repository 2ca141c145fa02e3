#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace receiver::ctl {

/// The value of an option: `90s`, `1m30s`, as Go writes it; without a unit, seconds. Nothing for
/// any other text.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_duration(const std::string& text);

}  // namespace receiver::ctl
