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
/// Characters that can follow a number or a literal.
[[nodiscard]] constexpr bool ends_scalar(char c) {
  return c == ',' || c == ']' || c == '}' || is_space(c);
}

/// The position after the closing quote of a JSON string; npos if the string continues beyond
/// `text`. `from` is after the opening quote or anywhere in the string. `escaped` is an input and
/// an output: whether the byte before is a backslash that escapes the next one.
[[nodiscard]] std::size_t string_end(std::string_view text, std::size_t from, bool& escaped);

/// The content of a valid string literal, with U+FFFD for half a surrogate pair.
[[nodiscard]] std::string decoded(std::string_view literal);

/// Skips JSON values. Each function returns where the value that begins at `at` ends, or npos if it
/// is malformed: problem() and problem_at() then say why. `depth` is the number of containers
/// around it. No function recurses.
class Skipper {
 public:
  explicit Skipper(std::string_view text) : text_(text) {}

  /// Skips a value as fast as quotes and brackets can be found. The text between them is not
  /// checked.
  [[nodiscard]] std::size_t skip(std::size_t at, int depth);
  /// Skips a value and checks its grammar. Numbers may have any size, half surrogate pairs may be
  /// escaped, and bytes beyond ASCII are not checked.
  [[nodiscard]] std::size_t skip_strictly(std::size_t at, int depth);
  /// Skips a member's name and its colon. `name` is the decoded name; it points into the text or,
  /// if it had to be decoded, into `buffer`.
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
