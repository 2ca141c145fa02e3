#pragma once

#include <string>
#include <string_view>

/// The version of this build. cmake/version.cmake writes it into a file of its own, so that a new
/// commit recompiles only that file.
namespace receiver {

[[nodiscard]] std::string_view version();      ///< 1.2.3; between two releases, 1.2.4-dev.56
[[nodiscard]] std::string_view commit();       ///< short; "unknown" if the build did not set it
[[nodiscard]] std::string_view commit_date();  ///< 2026-11-29; the same
/// `program version (commit, date)`.
[[nodiscard]] std::string version_line(std::string_view program);
/// `program/version (os/arch) commit`.
[[nodiscard]] std::string user_agent(std::string_view program);

}  // namespace receiver
