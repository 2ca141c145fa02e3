#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Which URLs name the same Git repository. Pure functions of untrusted text: any bytes are fine,
/// nothing throws.
namespace receiver::git {

/// A longer URL (or one with a longer normal form) has no identity, and normalising it gives it
/// back as it is.
inline constexpr std::size_t kMaxUrlBytes = 4096;

/// Kargo's normal form of a repository URL, bit for bit: lower case, no user for http(s), no final
/// `/` and `.git`, `user@host:path` as ssh. What it does not understand (a query, a broken escape)
/// it gives back as it is.
[[nodiscard]] std::string normalize(std::string_view url);

/// A key that is equal for all URLs of one repository. Equal whenever the normal forms are, and
/// besides for: http and https; letter case; default ports; the ssh and https URLs of one Bitbucket
/// Cloud repository; ssh URLs that differ in user or port only. Other http(s) ports count. Empty
/// for a URL that names no repository: matches nothing.
[[nodiscard]] std::string identity(std::string_view url);

/// The URL without user info, query and fragment, shortened to a bounded length: fit for a log
/// line.
[[nodiscard]] std::string redacted(std::string_view url);

}  // namespace receiver::git
