#include "json/scan.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "text/ascii.h"
#include "text/unicode.h"

namespace receiver::json {
namespace {

char32_t code_unit(std::string_view digits) {
  char32_t unit = 0;
  for (const char digit : digits.substr(0, 4)) {
    unit = unit * 16 + static_cast<char32_t>(text::hex_value(digit));
  }
  return unit;
}

}  // namespace

std::string decoded(std::string_view literal) {
  constexpr std::string_view kLetters = "bfnrt", kControls = "\b\f\n\r\t";
  literal = literal.substr(1, literal.size() - 2);
  std::string said;
  while (!literal.empty()) {
    const std::string_view plain = literal.substr(0, literal.find('\\'));
    said += plain;
    literal.remove_prefix(plain.size());
    if (literal.empty()) break;
    if (literal[1] != 'u') {
      const std::size_t letter = kLetters.find(literal[1]);
      said += letter == std::string_view::npos ? literal[1] : kControls[letter];
      literal.remove_prefix(2);
      continue;
    }
    char32_t character = code_unit(literal.substr(2));
    literal.remove_prefix(6);
    if (character >= 0xD800 && character <= 0xDBFF && literal.starts_with("\\u")) {
      const char32_t low = code_unit(literal.substr(2));
      if (low >= 0xDC00 && low <= 0xDFFF) {
        character = 0x10000 + ((character - 0xD800) << 10U) + (low - 0xDC00);
        literal.remove_prefix(6);
      }
    }
    text::append_utf8(said, character);
  }
  return said;
}

std::size_t string_end(std::string_view text, std::size_t from, bool& escaped) {
  std::size_t at = from;
  if (escaped && at < text.size()) {
    escaped = false;
    ++at;
  }
  // Jumps from quote to quote instead of byte to byte. A quote counts after an even number of
  // backslashes. Each backslash is counted once, because a quote ends their row.
  while (at < text.size()) {
    const void* found = std::memchr(text.data() + at, '"', text.size() - at);
    const std::size_t end =
        found == nullptr ? text.size()
                         : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    std::size_t first = end;
    while (first > at && text[first - 1] == '\\') --first;
    const bool odd = (end - first) % 2 != 0;
    if (found == nullptr) {
      escaped = odd;
      return std::string_view::npos;
    }
    if (!odd) return end + 1;
    at = end + 1;
  }
  return std::string_view::npos;
}

std::size_t Skipper::skip(std::size_t at, int depth) {
  if (at >= text_.size()) return fail(at, "a value is missing");
  if (text_[at] == '{' || text_[at] == '[') return skip_container(at, depth);
  if (text_[at] == '"') {
    bool escaped = false;
    const std::size_t end = string_end(text_, at + 1, escaped);
    return end != std::string_view::npos ? end : fail(at, "a string does not end");
  }
  std::size_t end = at;
  while (end < text_.size() && !ends_scalar(text_[end])) ++end;
  return end != at ? end : fail(at, "a value is missing");
}

std::size_t Skipper::skip_container(std::size_t at, int depth) {
  std::array<char, kMaxDepth> closers;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  int open = 0;
  const std::size_t begin = at;
  while (at < text_.size()) {
    const char c = text_[at++];
    if (c == '"') {
      bool escaped = false;
      const std::size_t end = string_end(text_, at, escaped);
      if (end == std::string_view::npos) return fail(at - 1, "a string does not end");
      at = end;
    } else if (c == '{' || c == '[') {
      if (depth + open >= kMaxDepth) return fail(at - 1, kTooDeep);
      closers[static_cast<std::size_t>(open++)] = c == '{' ? '}' : ']';
    } else if (c == '}' || c == ']') {
      if (closers[static_cast<std::size_t>(--open)] != c) {
        return fail(at - 1, "brackets do not match");
      }
      if (open == 0) return at;
    }
  }
  return fail(begin, "an object or array does not end");
}

std::size_t Skipper::skip_strictly(std::size_t at, int depth) {
  std::array<char, kMaxDepth> closers;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  int open = 0;
  const auto closer = [&] { return closers[static_cast<std::size_t>(open - 1)]; };
  while (true) {
    const char first = char_at(at);
    bool is_whole = true;
    if (first == '{' || first == '[') {
      if (depth + open >= kMaxDepth) return fail(at, kTooDeep);
      closers[static_cast<std::size_t>(open++)] = first == '{' ? '}' : ']';
      at = skip_space(at + 1);
      is_whole = char_at(at) == closer();
      if (!is_whole && first == '{') at = skip_name_strictly(at);
    } else {
      at = first == '"' ? skip_string_strictly(at) : skip_scalar_strictly(at);
      if (open == 0) return at;
    }
    // Leaves all containers that end here, and moves on to the next value.
    while (is_whole && at != std::string_view::npos) {
      at = skip_space(at);
      if (char_at(at) == closer()) {
        ++at;
        if (--open == 0) return at;
      } else if (char_at(at) == ',') {
        at = skip_space(at + 1);
        if (closer() == '}') at = skip_name_strictly(at);
        is_whole = false;
      } else {
        return fail(at, closer() == '}' ? "a comma or } is missing" : "a comma or ] is missing");
      }
    }
    if (at == std::string_view::npos) return at;
  }
}

std::size_t Skipper::take_name(std::size_t at, std::string_view& name, std::string& buffer) {
  const std::size_t end = skip_name_strictly(at);
  if (end == std::string_view::npos) return end;
  const std::string_view literal = text_.substr(at, text_.rfind('"', end - 1) + 1 - at);
  if (literal.find('\\') == std::string_view::npos) {
    name = literal.substr(1, literal.size() - 2);
  } else {
    name = buffer = decoded(literal);
  }
  return end;
}

std::size_t Skipper::skip_name_strictly(std::size_t at) {
  if (char_at(at) != '"') return fail(at, "a member's name is missing");
  at = skip_string_strictly(at);
  if (at == std::string_view::npos) return at;
  at = skip_space(at);
  return char_at(at) == ':' ? skip_space(at + 1) : fail(at, "a colon is missing");
}

std::size_t Skipper::skip_string_strictly(std::size_t at) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  static constexpr std::array<bool, 256> kPlain = [] {
    std::array<bool, 256> plain{};
    for (std::size_t byte = 0x20; byte < plain.size(); ++byte) {
      plain.at(byte) = byte != '"' && byte != '\\';
    }
    return plain;
  }();
  const std::size_t begin = at++;
  while (at < text_.size()) {
    if (kPlain[static_cast<unsigned char>(text_[at])]) {
      ++at;
    } else if (text_[at] == '"') {
      return at + 1;
    } else if (text_[at] != '\\') {
      return fail(at, "a control character stands in a string");
    } else if (const std::string_view escape = text_.substr(at + 1, 5); escape.starts_with('u')) {
      if (escape.size() < 5 || !std::ranges::all_of(escape.substr(1), text::is_hex_digit)) {
        return fail(at, "\\u is not followed by four hex digits");
      }
      at += 6;
    } else if (!escape.empty() && kEscapes.find(escape.front()) != std::string_view::npos) {
      at += 2;
    } else {
      return fail(at, "an escape is unknown");
    }
  }
  return fail(begin, "a string does not end");
}

std::size_t Skipper::skip_scalar_strictly(std::size_t at) {
  for (const std::string_view literal : {"null", "true", "false"}) {
    if (text_.substr(at).starts_with(literal)) return at + literal.size();
  }
  const std::size_t begin = at;
  if (char_at(at) == '-') ++at;
  if (!text::is_digit(char_at(at))) return fail(begin, "a value is missing");
  at = char_at(at) == '0' ? at + 1 : skip_digits(at);
  if (char_at(at) == '.') at = skip_digits(at + 1);
  if (char_at(at) == 'e' || char_at(at) == 'E') {
    ++at;
    if (char_at(at) == '+' || char_at(at) == '-') ++at;
    at = skip_digits(at);
  }
  return at;
}

std::size_t Skipper::skip_digits(std::size_t at) {
  if (!text::is_digit(char_at(at))) return fail(at, "a digit is missing");
  while (text::is_digit(char_at(at))) ++at;
  return at;
}

std::size_t Skipper::fail(std::size_t at, const char* problem) {
  problem_ = problem;
  problem_at_ = at;
  return std::string_view::npos;
}

}  // namespace receiver::json
