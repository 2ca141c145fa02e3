#pragma once

#include <string>
#include <string_view>

/// What was built: cmake/version.cmake writes it into a file of its own, which alone is compiled
/// anew for a new commit.
namespace receiver {

[[nodiscard]] std::string_view version();      ///< 1.2.3; between two releases, 1.2.4-dev.56
[[nodiscard]] std::string_view commit();       ///< short; "unknown" where nobody has told
[[nodiscard]] std::string_view commit_date();  ///< 2026-11-29; likewise
/// `program version (commit, date)`.
[[nodiscard]] std::string version_line(std::string_view program);
/// `program/version (os/arch) commit`.
[[nodiscard]] std::string user_agent(std::string_view program);

}  // namespace receiver
