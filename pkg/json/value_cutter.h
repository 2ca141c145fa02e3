#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace receiver::json {

/// Cuts JSON values, one after another, out of text that arrives in pieces, looking at each byte
/// once. It finds where a value ends; the parser checks whether it is well-formed.
class ValueCutter {
 public:
  explicit ValueCutter(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  ~ValueCutter() { release(); }
  ValueCutter(const ValueCutter&) = delete;
  ValueCutter& operator=(const ValueCutter&) = delete;

  /// Removes the part of `text` that belongs to the value. `text` must not begin with white space
  /// when a value begins. Returns true once the value is complete; the next call begins another.
  bool take(std::string_view& text);

  /// The complete value, until the next call of take() or release(), or until its piece of text is
  /// gone. For a value that is too large, its beginning.
  [[nodiscard]] std::string_view value() const { return value_; }
  [[nodiscard]] bool too_large() const { return size_ > max_bytes_; }
  /// Call after reading the value: wipes and frees the buffer.
  void release();
  /// Buffered bytes of a value whose end has not arrived.
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  /// Bytes of the value so far, buffered or not.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Whether a value has begun and not ended.
  [[nodiscard]] bool open() const { return shape_ != Shape::kNone; }

 private:
  enum class Shape { kNone, kString, kContainer, kScalar };

  /// Returns how many bytes of `text` belong to the value. Sets `whole_` if it ends there.
  std::size_t scan(std::string_view text);
  void begin(char first);

  std::size_t max_bytes_;
  Shape shape_ = Shape::kNone;
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool whole_ = false;
  std::size_t size_ = 0;
  std::string held_;  ///< the part of the value from earlier pieces
  std::string_view value_;
};

/// The text without leading white space.
[[nodiscard]] std::string_view skip_space(std::string_view text);

}  // namespace receiver::json
