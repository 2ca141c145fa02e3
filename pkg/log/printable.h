#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Text of strangers (objects, payloads, servers), made fit for a terminal and for a log. The one
/// place that decides which characters are harmless.
namespace receiver::log {

/// Whether a terminal could act on it or a reader be misled by it: the controls C0 and C1, DEL,
/// line and paragraph separators, and the marks that change the direction of reading.
[[nodiscard]] bool is_control(char32_t code);

/// `\n`, `\t`, `\r` or `\u001b`, as JSON writes it.
[[nodiscard]] std::string escaped_control(char32_t code);

/// Appends the first character of a text that is not empty: a control escaped, a byte that is not
/// UTF-8 as U+FFFD. Returns how many bytes of the text that was.
std::size_t append_printable(std::string& out, std::string_view text);

/// The whole text so, in one line. What is inside a JSON string literal stays valid JSON.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace receiver::log
