#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Decides which URLs name the same Git repository. Pure functions of untrusted text: any bytes are
/// valid input, nothing throws.
namespace receiver::git {

/// A longer URL (or one with a longer normal form) has no identity, and normalizing returns it
/// unchanged.
inline constexpr std::size_t kMaxUrlBytes = 4096;

/// Kargo's normal form of a repository URL, bit for bit: lower case, no user for http(s), no final
/// `/` and `.git`, `user@host:path` as ssh. URLs that Kargo does not understand (a query, an
/// invalid escape) are returned unchanged.
[[nodiscard]] std::string normalize(std::string_view url);

/// A key that is equal for all URLs of one repository. It is equal whenever the normal forms are,
/// and ignores: http or https; letter case; default ports; ssh or https for a repository of
/// Bitbucket Cloud; user and port of ssh URLs. Other http(s) ports count. Empty for a URL that
/// names no repository: it matches nothing.
[[nodiscard]] std::string identity(std::string_view url);

/// The URL without user info, query and fragment, and cut to a maximum length, for log lines.
[[nodiscard]] std::string redacted(std::string_view url);

}  // namespace receiver::git
