#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "json/json.h"

namespace receiver::json {

inline constexpr const char* kTooDeep = "nested too deep";

[[nodiscard]] constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
/// What follows a number or a literal.
[[nodiscard]] constexpr bool ends_scalar(char c) {
  return c == ',' || c == ']' || c == '}' || is_space(c);
}

/// Where a JSON string ends in `text`, just after its closing quote; npos if it goes on beyond it.
/// `from` is after the opening quote or anywhere in the string. `escaped` tells, and is told,
/// whether the byte before is a backslash that escapes the next one.
[[nodiscard]] std::size_t string_end(std::string_view text, std::size_t from, bool& escaped);

/// What a valid string literal says, with U+FFFD for half a surrogate pair.
[[nodiscard]] std::string decoded(std::string_view literal);

/// Passes over JSON values. Each of its functions tells where that ends which begins at `at`; npos
/// if it is malformed: then problem() and problem_at() tell why. `depth` is how many containers it
/// is in. Nothing recurses.
class Skipper {
 public:
  explicit Skipper(std::string_view text) : text_(text) {}

  /// A value, as fast as quotes and brackets can be found. What lies between them is not looked at.
  [[nodiscard]] std::size_t skip(std::size_t at, int depth);
  /// A value of which each byte is as the grammar wants it. Numbers may be of any size, half
  /// surrogate pairs may be escaped, and bytes beyond ASCII are not looked at.
  [[nodiscard]] std::size_t skip_strictly(std::size_t at, int depth);
  /// So a member's name, and its colon. `name` is what it says, which is in the text itself or, if
  /// it must be decoded, in `buffer`.
  [[nodiscard]] std::size_t take_name(std::size_t at, std::string_view& name, std::string& buffer);
  [[nodiscard]] std::size_t skip_space(std::size_t at) const {
    while (at < text_.size() && is_space(text_[at])) ++at;
    return at;
  }
  [[nodiscard]] const char* problem() const { return problem_; }
  [[nodiscard]] std::size_t problem_at() const { return problem_at_; }

 private:
  std::size_t skip_container(std::size_t at, int depth);
  std::size_t skip_name_strictly(std::size_t at);
  std::size_t skip_string_strictly(std::size_t at);
  std::size_t skip_scalar_strictly(std::size_t at);
  std::size_t skip_digits(std::size_t at);
  [[nodiscard]] char char_at(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }
  std::size_t fail(std::size_t at, const char* problem);

  std::string_view text_;
  const char* problem_ = nullptr;
  std::size_t problem_at_ = 0;
};

}  // namespace receiver::json
