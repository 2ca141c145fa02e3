#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "json/scan.h"

namespace receiver::json {

/// Reads a JSON text value by value, in one pass, and builds nothing: the caller keeps what it
/// needs. The text is checked strictly, including skipped parts; see Skipper::skip_strictly().
///
/// Each function reads the next value. A value of another kind than requested is skipped, and so is
/// everything after an error. Values that were returned before the error stay valid.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), skipper_(text) {}

  /// Whether the next value begins with this character, for example `{` or `[`.
  [[nodiscard]] bool at(char sign);

  /// Calls `take(name)` for each member, which must read its value. False: the value is not an
  /// object.
  template <class Take>
  bool object(Take take) {
    if (!at('{')) return skip();
    for (bool more = enter('}'); more; more = go_on('}')) {
      std::string buffer;
      const std::string_view name = take_name(buffer);
      if (problem_.empty()) take(name);
    }
    return true;
  }

  /// Calls `take()` only for members with this name, and skips the others.
  template <class Take>
  bool member(std::string_view wanted, Take take) {
    return object([&](std::string_view name) {
      if (name == wanted) {
        take();
      } else {
        skip();
      }
    });
  }

  struct Text {
    std::string_view name;
    std::string& value;
  };
  /// Reads the string members with these names of an object, and skips the others.
  bool strings(std::initializer_list<Text> wanted);

  /// Calls `take()` for each element, which must read it. False: the value is not an array.
  template <class Take>
  bool array(Take take) {
    if (!at('[')) return skip();
    for (bool more = enter(']'); more; more = go_on(']')) take();
    return true;
  }

  /// The decoded string, with U+FFFD for half a surrogate pair. Empty if the value is not a string.
  [[nodiscard]] std::string string();
  /// Nothing if the value is neither `true` nor `false`.
  [[nodiscard]] std::optional<bool> boolean();
  /// Nothing if the value is not a number, or has a fraction, an exponent or more than 64 bits.
  [[nodiscard]] std::optional<std::int64_t> integer();
  /// The text of the value, including everything in it; empty if it is malformed.
  [[nodiscard]] std::string_view raw() { return take(); }
  /// Skips the next value. Returns false.
  bool skip();

  /// Call last: the error and its byte position; empty if the text was one valid value.
  [[nodiscard]] std::string_view finish();
  [[nodiscard]] std::size_t problem_at() const { return problem_at_; }

 private:
  /// Enters a container. Returns whether it has any content.
  bool enter(char closer);
  /// Whether anything follows in the container. If not, leaves it.
  bool go_on(char closer);
  std::string_view take_name(std::string& buffer);
  /// The text of the next value; empty if it is malformed.
  std::string_view take();
  void move_to(std::size_t end);
  void fail(std::size_t where, std::string_view problem);

  std::string_view text_;
  Skipper skipper_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string_view problem_;
  std::size_t problem_at_ = 0;
};

}  // namespace receiver::json
