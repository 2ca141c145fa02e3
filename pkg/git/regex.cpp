#include "git/regex.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <re2/re2.h>

namespace receiver::git {
namespace {

/// Memory limit of the program and its automaton.
constexpr std::int64_t kMaxRegexMemory = std::int64_t{2} << 20;

/// The end of the character class that begins at `at`: after its `]`, or at the pattern's end.
std::size_t class_end(std::string_view regex, std::size_t at) {
  ++at;
  if (at < regex.size() && regex[at] == '^') ++at;
  // A bracket in first place is a literal.
  if (at < regex.size() && regex[at] == ']') ++at;
  while (at < regex.size() && regex[at] != ']') {
    const std::size_t named = regex.substr(at, 2) == "[:" ? regex.find(":]", at + 2) : regex.npos;
    if (named != regex.npos) {
      at = named + 2;
    } else {
      at += regex[at] == '\\' ? 2 : 1;
    }
  }
  return std::min(at + 1, regex.size());
}

/// Go, and so Kargo, reads `(?<name>` as `(?P<name>`. RE2 before 2023-09 only knows the latter.
std::string with_named_groups_of_re2(std::string_view regex) {
  std::string result;
  std::size_t at = 0;
  const auto copy_until = [&](std::size_t end) {
    result += regex.substr(at, end - at);
    at = std::min(end, regex.size());
  };
  while (at < regex.size()) {
    const std::string_view rest = regex.substr(at);
    if (rest.starts_with("\\Q")) {
      const std::size_t end = rest.find("\\E");
      copy_until(end == rest.npos ? regex.size() : at + end + 2);
    } else if (rest.front() == '\\') {
      copy_until(at + 2);
    } else if (rest.front() == '[') {
      copy_until(class_end(regex, at));
    } else if (rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")) {
      result += "(?P<";
      at += 3;
    } else {
      copy_until(at + 1);
    }
  }
  return result;
}

}  // namespace

Regex::Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}

tl::expected<Regex, std::string> Regex::parse(std::string_view expression) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxRegexMemory);
  options.set_never_capture(true);
  auto compiled = std::make_shared<const RE2>(with_named_groups_of_re2(expression), options);
  if (!compiled->ok()) return tl::unexpected(compiled->error());
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace receiver::git
