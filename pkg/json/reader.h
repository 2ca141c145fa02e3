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
/// wants. The text is judged strictly, also where nobody looks; see Skipper::skip_strictly().
///
/// Each function takes the value that comes next, of whatever kind. One of another kind than asked
/// for is skipped, and so is everything after an error. What is told before the error stands.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), skipper_(text) {}

  /// Whether the value that comes next begins with this sign: `{` or `[`, for instance.
  [[nodiscard]] bool at(char sign);

  /// Calls `take(name)` for each member, which must take its value. False: it is no object.
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

  /// Calls `take()` for the members that have this name only, and skips the others.
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
  /// Keeps of an object the strings of these names, and skips the others.
  bool strings(std::initializer_list<Text> wanted);

  /// Calls `take()` for each element, which must take it. False: it is no array.
  template <class Take>
  bool array(Take take) {
    if (!at('[')) return skip();
    for (bool more = enter(']'); more; more = go_on(']')) take();
    return true;
  }

  /// Decoded, with U+FFFD for half a surrogate pair. Empty: it is no string, or an empty one.
  [[nodiscard]] std::string string();
  /// Nothing if it is neither `true` nor `false`.
  [[nodiscard]] std::optional<bool> boolean();
  /// Nothing if it has a fraction, an exponent or more than 64 bits, or is no number.
  [[nodiscard]] std::optional<std::int64_t> integer();
  /// The value as it is written, with what is in it; empty if it is malformed.
  [[nodiscard]] std::string_view raw() { return take(); }
  /// Returns false.
  bool skip();

  /// After all: what is wrong, and at which byte; empty if the text was one valid value.
  [[nodiscard]] std::string_view finish();
  [[nodiscard]] std::size_t problem_at() const { return problem_at_; }

 private:
  /// Into a container, and whether anything is in it.
  bool enter(char closer);
  /// Whether anything follows in the container. If not: out of it.
  bool go_on(char closer);
  std::string_view take_name(std::string& buffer);
  /// The text of the value that comes next; empty if it is malformed.
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
