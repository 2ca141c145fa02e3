#include "json/reader.h"

#include <charconv>
#include <system_error>

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

/// What a valid string literal says.
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

}  // namespace

std::string Reader::string() {
  const std::string_view value = take();
  return value.starts_with('"') ? decoded(value) : std::string();
}

std::optional<bool> Reader::boolean() {
  const std::string_view value = take();
  return value == "true" || value == "false" ? std::optional(value == "true") : std::nullopt;
}

std::optional<std::int64_t> Reader::integer() {
  const std::string_view value = take();
  std::int64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number);
  return read.ec == std::errc() && read.ptr == end ? std::optional(number) : std::nullopt;
}

bool Reader::skip() {
  (void)take();
  return false;
}

std::string_view Reader::take() {
  const std::size_t begin = at_ = skipper_.skip_space(at_);
  if (problem_.empty()) move_to(skipper_.skip_strictly(begin, depth_));
  return problem_.empty() ? text_.substr(begin, at_ - begin) : std::string_view();
}

std::string_view Reader::finish() {
  at_ = skipper_.skip_space(at_);
  if (at_ != text_.size()) fail(at_, "there is text after the end");
  return problem_;
}

bool Reader::at(char sign) {
  at_ = skipper_.skip_space(at_);
  return at_ < text_.size() && text_[at_] == sign;
}

bool Reader::enter(char closer) {
  if (depth_ == kMaxDepth) {
    fail(at_, kTooDeep);
    return false;
  }
  ++at_;
  ++depth_;
  if (!at(closer)) return true;
  return go_on(closer);
}

bool Reader::go_on(char closer) {
  if (at(closer)) {
    ++at_;
    --depth_;
    return false;
  }
  if (at(',')) {
    ++at_;
    return true;
  }
  fail(at_, closer == '}' ? "a comma or } is missing" : "a comma or ] is missing");
  return false;
}

std::string_view Reader::take_name(std::string& unescaped) {
  at_ = skipper_.skip_space(at_);
  const std::size_t begin = at_;
  move_to(skipper_.skip_name_strictly(begin));
  if (!problem_.empty()) return {};
  const std::string_view literal =
      text_.substr(begin, text_.find_last_of('"', at_ - 1) + 1 - begin);
  if (literal.find('\\') == std::string_view::npos) return literal.substr(1, literal.size() - 2);
  return unescaped = decoded(literal);
}

void Reader::move_to(std::size_t end) {
  if (end == std::string_view::npos) {
    fail(skipper_.problem_at(), skipper_.problem());
  } else {
    at_ = end;
  }
}

void Reader::fail(std::size_t where, std::string_view problem) {
  if (!problem_.empty()) return;
  problem_ = problem;
  problem_at_ = where;
  at_ = text_.size();
}

}  // namespace receiver::json
