#include "json/reader.h"

#include <algorithm>

#include "text/ascii.h"

namespace receiver::json {

bool Reader::strings(std::initializer_list<Text> wanted) {
  return object([&](std::string_view name) {
    const auto* const found = std::ranges::find(wanted, name, &Text::name);
    if (found != wanted.end()) {
      found->value = string();
    } else {
      skip();
    }
  });
}

std::string Reader::string() {
  const std::string_view value = take();
  return value.starts_with('"') ? decoded(value) : std::string();
}

std::optional<bool> Reader::boolean() {
  const std::string_view value = take();
  return value == "true" || value == "false" ? std::optional(value == "true") : std::nullopt;
}

std::optional<std::int64_t> Reader::integer() {
  return text::parse_number<std::int64_t>(take());
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

std::string_view Reader::take_name(std::string& buffer) {
  std::string_view name;
  move_to(skipper_.take_name(skipper_.skip_space(at_), name, buffer));
  return name;
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
