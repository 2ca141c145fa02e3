#include "json/scan.h"

#include <array>
#include <cstring>

namespace receiver::json {

std::size_t string_end(std::string_view text, std::size_t from, bool& escaped) {
  std::size_t at = from;
  if (escaped && at < text.size()) {
    escaped = false;
    ++at;
  }
  // From quote to quote rather than from byte to byte; a quote counts after an even number of
  // backslashes. Each backslash is counted once, since a quote ends their row.
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
      if (closers[static_cast<std::size_t>(--open)] != c)
        return fail(at - 1, "brackets do not match");
      if (open == 0) return at;
    }
  }
  return fail(begin, "an object or array does not end");
}

std::size_t Skipper::fail(std::size_t at, const char* problem) {
  problem_ = problem;
  problem_at_ = at;
  return std::string_view::npos;
}

}  // namespace receiver::json
