#include "json/value_cutter.h"

#include <algorithm>

#include "crypto/crypto.h"
#include "json/scan.h"

namespace receiver::json {

bool ValueCutter::take(std::string_view& text) {
  if (text.empty()) return false;
  if (shape_ == Shape::kNone) begin(text.front());
  const std::string_view part = text.substr(0, scan(text));
  text.remove_prefix(part.size());
  size_ += part.size();
  if (held_.empty() && whole_) {
    value_ = part.substr(0, max_bytes_);
  } else {
    const std::size_t room = max_bytes_ - std::min(held_.size(), max_bytes_);
    crypto::append_wiping(held_, part.substr(0, room));
    value_ = held_;
  }
  if (whole_) shape_ = Shape::kNone;
  return whole_;
}

void ValueCutter::release() {
  value_ = {};
  if (held_.empty()) return;
  crypto::wipe(held_);
  std::string().swap(held_);
}

void ValueCutter::begin(char first) {
  release();
  size_ = 0;
  depth_ = 0;
  in_string_ = escaped_ = whole_ = false;
  shape_ = first == '{' || first == '[' ? Shape::kContainer
           : first == '"'               ? Shape::kString
                                        : Shape::kScalar;
}

std::size_t ValueCutter::scan(std::string_view text) {
  std::size_t at = 0;
  if (shape_ == Shape::kScalar) {
    while (at < text.size() && !ends_scalar(text[at])) ++at;
    whole_ = at < text.size();
    return at;
  }
  while (at < text.size()) {
    if (in_string_) {
      at = string_end(text, at, escaped_);
      if (at == std::string_view::npos) return text.size();
      in_string_ = false;
      if (shape_ != Shape::kString) continue;
      whole_ = true;
      return at;
    }
    const char c = text[at++];
    if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if ((c == '}' || c == ']') && --depth_ == 0) {
      whole_ = true;
      return at;
    }
  }
  return at;
}

std::string_view skip_space(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

}  // namespace receiver::json
