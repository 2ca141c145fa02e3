#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace receiver::json {

/// Cuts one JSON value after the other out of text that arrives in pieces, looking at each byte
/// once. It finds where a value ends, not whether it is well-formed: that is for the parser.
class ValueCutter {
 public:
  explicit ValueCutter(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  ~ValueCutter() { release(); }
  ValueCutter(const ValueCutter&) = delete;
  ValueCutter& operator=(const ValueCutter&) = delete;

  /// Takes what belongs to the value off the front of `text`, which must not begin with white space
  /// when a value begins. True once the value is whole; the next call begins another.
  bool take(std::string_view& text);

  /// The whole value, until the next call of take() or release(), or until its piece of text is
  /// gone. If it is too large, its beginning.
  [[nodiscard]] std::string_view value() const { return value_; }
  [[nodiscard]] bool too_large() const { return size_ > max_bytes_; }
  /// The value was looked at: wipes what was held of it, and gives the memory back.
  void release();
  /// Bytes that are held of a value whose end has not come.
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  /// Bytes of the value so far, held or not.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// In the midst of a value.
  [[nodiscard]] bool open() const { return shape_ != Shape::kNone; }

 private:
  enum class Shape { kNone, kString, kContainer, kScalar };

  /// How many bytes of `text` belong to the value; sets `whole_` if it ends there.
  std::size_t scan(std::string_view text);
  void begin(char first);

  std::size_t max_bytes_;
  Shape shape_ = Shape::kNone;
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool whole_ = false;
  std::size_t size_ = 0;
  std::string held_;  ///< what earlier pieces brought of the value
  std::string_view value_;
};

/// Without its leading white space.
[[nodiscard]] std::string_view skip_space(std::string_view text);

}  // namespace receiver::json
