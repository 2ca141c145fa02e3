#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Makes untrusted text (objects, payloads, answers) safe for a terminal and a log. Only this file
/// decides which characters are harmless.
namespace receiver::log {

/// Whether a terminal could act on the character or it could mislead a reader: the controls C0 and
/// C1, DEL, line and paragraph separators, and marks that change the text's direction.
[[nodiscard]] bool is_control(char32_t code);

/// The character as JSON escapes it: `\n`, `\t`, `\r` or `\u001b`.
[[nodiscard]] std::string escaped_control(char32_t code);

/// Appends the first character of a non-empty text: a control character escaped, a byte that is not
/// UTF-8 as U+FFFD. Returns how many bytes of the text it used.
std::size_t append_printable(std::string& out, std::string_view text);

/// The whole text on one line, escaped. Inside a JSON string literal the result stays valid JSON.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace receiver::log
