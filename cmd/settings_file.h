#pragma once

#include <map>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace receiver {

/// Keys and values as written. A key without a value has an empty one.
using SettingsFile = std::map<std::string, std::string>;

/// A YAML document of one level. The error is one line, without the file's name or any value.
[[nodiscard]] tl::expected<SettingsFile, std::string> parse_settings_file(std::string_view text);

/// The same for a file of at most text::kMaxFileBytes. The error begins with the path.
[[nodiscard]] tl::expected<SettingsFile, std::string> read_settings_file(const std::string& path);

}  // namespace receiver
