#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/bitbucket-receiver/settings.h"

namespace receiver {

/// Settings while they are read: with what only makes sense together.
struct SettingsDraft : Settings {
  bool tls_enabled = false;
  std::string tls_cert_path;
  std::string tls_key_path;
};

/// What a setting may be.
struct SettingKind {
  std::string placeholder;  ///< of the value in the help; empty: a switch, true if given alone
  std::string default_text;
  std::string expected;  ///< follows "expected" in the line that says what is wrong
  /// False: `text` is not as expected, and the draft is unchanged.
  std::function<bool(std::string_view text, SettingsDraft&)> read;
  bool may_be_empty = false;  ///< an empty value means something
};

/// A row of SPEC 5: one thing that can be set by flag, environment or file.
struct Setting {
  std::string variable;  ///< in the environment, and as key of the file
  std::string group;     ///< in the help
  std::string help;
  SettingKind kind;

  /// `--port` for PORT.
  [[nodiscard]] std::string flag() const;
};

/// All of them, in the order of the help.
[[nodiscard]] std::vector<Setting> settings_table();

}  // namespace receiver
