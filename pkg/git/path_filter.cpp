#include "git/path_filter.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "text/unicode.h"

namespace receiver::git {
namespace {

constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

bool is_plain(char character) {
  return character >= ' ' && character < '\x7f' && character != '"' && character != '\\';
}

std::string escaped(char character) {
  constexpr std::array<std::pair<char, std::string_view>, 9> kNamed{{
      {'\a', "\\a"},
      {'\b', "\\b"},
      {'\t', "\\t"},
      {'\n', "\\n"},
      {'\v', "\\v"},
      {'\f', "\\f"},
      {'\r', "\\r"},
      {'"', "\\\""},
      {'\\', "\\\\"},
  }};
  const auto* const named =
      std::ranges::find(kNamed, character, &std::pair<char, std::string_view>::first);
  if (named != kNamed.end()) return std::string(named->second);
  return fmt::format("\\{:03o}", static_cast<unsigned char>(character));
}

bool is_in_doubt(std::string_view path) {
  return path.empty() || path.size() > kMaxPathBytes || !text::is_utf8(path) ||
         path.find(kReplacementCharacter) != std::string_view::npos;
}

}  // namespace

PathFilter::PathFilter(const PathRules& rules) {
  parse(rules.include(), "includePaths", include_);
  parse(rules.exclude(), "excludePaths", exclude_);
}

void PathFilter::parse(const std::vector<std::string>& texts, std::string_view name,
                       std::vector<PathPattern>& patterns) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto pattern = PathPattern::parse(texts[i]);
    if (pattern) {
      patterns.push_back(*std::move(pattern));
    } else {
      problems_.push_back(fmt::format("{}[{}]: {}", name, i, pattern.error()));
    }
  }
}

bool PathFilter::may_count(std::string_view path) const {
  if (!problems_.empty() || is_in_doubt(path) || counts(path)) return true;
  return !std::ranges::all_of(path, is_plain) && counts(quoted_path(path));
}

bool PathFilter::counts(std::string_view path) const {
  const auto matches = [path](PathMatch least) {
    return [path, least](const PathPattern& pattern) {
      const PathMatch match = pattern.matches(path);
      return match == PathMatch::kYes || match == least;
    };
  };
  const bool included =
      include_.empty() || std::ranges::any_of(include_, matches(PathMatch::kUnknown));
  return included && std::ranges::none_of(exclude_, matches(PathMatch::kYes));
}

std::string quoted_path(std::string_view path) {
  if (std::ranges::all_of(path, is_plain)) return std::string(path);
  std::string quoted = "\"";
  for (const char character : path) {
    if (is_plain(character)) {
      quoted += character;
    } else {
      quoted += escaped(character);
    }
  }
  return quoted += '"';
}

}  // namespace receiver::git
