#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/bitbucket-receiver/settings.h"

namespace receiver {

/// Both ends are included.
struct Range {
  std::int64_t least = 0;
  std::int64_t most = 0;
  const char* unit = "";
};

/// The allowed values of a setting, and the member that stores it.
struct SettingKind {
  std::string
      placeholder;  ///< of the value in the help; empty: a switch, which is true without a value
  std::string default_text;  ///< empty: the help describes the default
  std::string expected;      ///< follows "expected" in the error
  /// False: `text` is invalid, and the member is unchanged.
  std::function<bool(std::string_view text)> read;
  std::optional<Range> range{};  ///< of a number or a duration
  bool may_be_empty = false;     ///< an empty value has a meaning
};

/// A row of SPEC 5: one setting, for flag, environment and file.
struct Setting {
  std::string variable;  ///< in the environment, and as key of the file
  std::string group;     ///< in the help
  std::string help;
  SettingKind kind;
  /// The environment may also have it in lower case, as other programs accept it.
  bool in_either_case = false;

  /// For example `--port` for PORT.
  [[nodiscard]] std::string flag() const;
};

/// All settings, in the order of the help. They write to the members of `settings`, whose current
/// values are the defaults: each default is defined once, in settings.h or in its room.
[[nodiscard]] std::vector<Setting> settings_table(Settings& settings);

}  // namespace receiver
