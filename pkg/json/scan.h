#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>

#include "json/json.h"

namespace receiver::json {

/// Where a JSON string ends in `text`, just after its closing quote; npos if it goes on beyond it.
/// `from` is after the opening quote or anywhere in the string. `escaped` tells, and is told,
/// whether the byte before is a backslash that escapes the next one.
[[nodiscard]] std::size_t string_end(std::string_view text, std::size_t from, bool& escaped);

/// Passes over JSON values as fast as quotes and brackets can be found. What lies between them is
/// not looked at.
class Skipper {
 public:
  explicit Skipper(std::string_view text) : text_(text) {}

  /// Where the value that begins at `at` ends, inside `depth` others; npos if it is malformed:
  /// then problem() and problem_at() tell why.
  [[nodiscard]] std::size_t skip(std::size_t at, int depth);
  [[nodiscard]] const char* problem() const { return problem_; }
  [[nodiscard]] std::size_t problem_at() const { return problem_at_; }

 private:
  std::size_t skip_container(std::size_t at, int depth);
  std::size_t fail(std::size_t at, const char* problem);

  std::string_view text_;
  const char* problem_ = nullptr;
  std::size_t problem_at_ = 0;
};

inline constexpr const char* kTooDeep = "nested too deep";

[[nodiscard]] constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
/// What follows a number or a literal.
[[nodiscard]] constexpr bool ends_scalar(char c) {
  return c == ',' || c == ']' || c == '}' || is_space(c);
}

}  // namespace receiver::json
