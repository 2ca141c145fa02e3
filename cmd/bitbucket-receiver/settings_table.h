#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/bitbucket-receiver/settings.h"

namespace receiver {

/// Both ends belong to it.
struct Range {
  std::int64_t least = 0;
  std::int64_t most = 0;
  const char* unit = "";
};

/// What a setting may be, and which member takes it.
struct SettingKind {
  std::string placeholder;   ///< of the value in the help; empty: a switch, true if given alone
  std::string default_text;  ///< empty: what it is by default, the help says
  std::string expected;      ///< follows "expected" in the line that says what is wrong
  /// False: `text` is not as expected, and the member is unchanged.
  std::function<bool(std::string_view text)> read;
  std::optional<Range> range{};  ///< of what is a number or a duration
  bool may_be_empty = false;     ///< an empty value means something
};

/// A row of SPEC 5: one thing that can be set by flag, environment or file.
struct Setting {
  std::string variable;  ///< in the environment, and as key of the file
  std::string group;     ///< in the help
  std::string help;
  SettingKind kind;
  /// The environment may also name it in lower case, as other programs read it.
  bool in_either_case = false;

  /// `--port` for PORT.
  [[nodiscard]] std::string flag() const;
};

/// All of them, in the order of the help. They write to the members of `settings`, whose values now
/// are the defaults: each is written once, in settings.h or in the room that it belongs to.
[[nodiscard]] std::vector<Setting> settings_table(Settings& settings);

}  // namespace receiver
