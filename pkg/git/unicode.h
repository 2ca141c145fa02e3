#pragma once

#include <string>
#include <string_view>

/// The little of Unicode that comparing URLs takes, as Go's `strings` and `unicode` have it.
namespace receiver::git::unicode {

/// Letters to lower case, one by one. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string to_lower(std::string_view text);

/// Without the characters that cannot be seen (control, format, any space but the plain one), and
/// without plain spaces at both ends: they come along when a URL is copied.
[[nodiscard]] std::string without_invisible(std::string_view text);

}  // namespace receiver::git::unicode
