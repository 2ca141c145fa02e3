#include "log/printable.h"

#include <cstdint>

#include <fmt/format.h>

#include "text/unicode.h"

namespace receiver::log {

bool is_control(char32_t code) {
  const auto within = [code](char32_t first, char32_t last) {
    return code >= first && code <= last;
  };
  return code < 0x20 || within(0x7F, 0x9F) || code == 0x61C || within(0x200E, 0x200F) ||
         within(0x2028, 0x202E) || within(0x2066, 0x2069);
}

std::string escaped_control(char32_t code) {
  switch (code) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default:
      return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
  }
}

std::size_t append_printable(std::string& out, std::string_view text) {
  const text::CodePoint code = text::first_code_point(text);
  if (code.bytes == 0) {
    out += "\uFFFD";
    return 1;
  }
  if (is_control(code.value)) {
    out += escaped_control(code.value);
  } else {
    out += text.substr(0, code.bytes);
  }
  return code.bytes;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) text.remove_prefix(append_printable(out, text));
  return out;
}

}  // namespace receiver::log
