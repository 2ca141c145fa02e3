#include "git/glob.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "text/unicode.h"

namespace receiver::git {
namespace {

/// An invalid UTF-8 byte is U+FFFD, as in Go.
text::CodePoint first_character(std::string_view text) {
  constexpr char32_t kReplacement = 0xFFFD;
  const text::CodePoint character = text::first_code_point(text);
  return character.bytes == 0 ? text::CodePoint{kReplacement, 1} : character;
}

/// The position of the first of `wanted` that no backslash escapes.
std::size_t find_unescaped(std::string_view text, std::string_view wanted) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (wanted.find(text[at]) != std::string_view::npos) {
      return at;
    }
  }
  return std::string_view::npos;
}

/// Reads the negation mark of a class, after its `[`. Nothing if the text ends there.
std::optional<bool> take_negation(std::string_view& text) {
  const bool negated = text.starts_with('!') || text.starts_with('^');
  if (negated) text.remove_prefix(1);
  if (text.empty() || text.front() == ']') return std::nullopt;
  return negated;
}

/// What is wrong with a glob, and what to do; nothing if it is valid.
std::optional<std::string> problem_of(std::string_view text) {
  std::size_t groups = 0;
  std::size_t open = 0;
  while (!text.empty()) {
    const char character = text.front();
    text.remove_prefix(1);
    if (character == '\\') {
      if (text.empty()) return R"(the last '\' escapes nothing: write '\\' for the character)";
      text.remove_prefix(1);
    } else if (character == '[') {
      if (!take_negation(text) && !text.empty()) {
        return R"('[]' lists no character: write '\]' for a ']' in it, '\[' for the character '[')";
      }
      const std::size_t end = find_unescaped(text, "]");
      if (end == std::string_view::npos) {
        return R"('[' has no ']': close it, or write '\[' for the character)";
      }
      text.remove_prefix(end + 1);
    } else if (character == '{') {
      ++open;
      if (++groups > kMaxGlobGroups) {
        return fmt::format("more than {} '{{': write several globs instead", kMaxGlobGroups);
      }
    } else if (character == '}') {
      if (open == 0) return R"('}' has no '{': open it, or write '\}' for the character)";
      --open;
    }
  }
  if (open > 0) return R"('{' has no '}': close it, or write '\{' for the character)";
  return std::nullopt;
}

struct Group {
  std::vector<std::string_view> alternatives;
  std::string_view after;
};

/// The group at the beginning of a glob. Braces and commas count in classes too. Nothing if the
/// group has no end.
std::optional<Group> first_group(std::string_view text) {
  Group group;
  std::size_t depth = 0;
  std::size_t begin = 1;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t mark = find_unescaped(text.substr(at), "{,}");
    if (mark == std::string_view::npos) return std::nullopt;
    at += mark;
    if (text[at] == '{') {
      ++depth;
      continue;
    }
    if (text[at] == '}') --depth;
    if (depth == 0 || (depth == 1 && text[at] == ',')) {
      group.alternatives.push_back(text.substr(begin, at - begin));
      begin = at + 1;
    }
    if (depth == 0) {
      group.after = text.substr(begin);
      return group;
    }
  }
  return std::nullopt;
}

enum class Outcome {
  kNo,
  kYes,
  /// The glob is invalid after all: an alternative contained half a class, for example. No other
  /// alternative is tried then.
  kBroken,
  kTooHard,
};

/// Matches a glob against a path. On a mismatch, only the last star takes more characters; if it
/// cannot, only the last `**` takes more folders. For a group, each alternative is put in its place
/// in turn, and the walk continues from there with the stars before it.
class GlobWalk {
 public:
  GlobWalk(std::string_view glob, std::string_view path, std::size_t& steps_left)
      : glob_(glob), path_(path), steps_left_(steps_left) {}

  Outcome run() {
    while (at_.path < path_.size()) {
      if (!spend(1)) return Outcome::kTooHard;
      if (rest().starts_with('{')) return try_alternatives();
      if (part_begins_ && rest() == "**") return Outcome::kYes;
      switch (take_term()) {
        case Term::kFits:
          break;
        case Term::kBroken:
          return Outcome::kBroken;
        case Term::kDoesNotFit:
          if (!try_again()) return Outcome::kNo;
      }
    }
    return matches_nothing(rest());
  }

 private:
  enum class Term { kFits, kDoesNotFit, kBroken };

  struct Place {
    std::size_t glob = 0;
    std::size_t path = 0;
  };

  [[nodiscard]] std::string_view rest() const { return std::string_view(glob_).substr(at_.glob); }

  /// False once the step limit is used up.
  bool spend(std::size_t steps) {
    steps_left_ -= std::min(steps_left_, steps);
    return steps_left_ > 0;
  }

  Term take_term() {
    if (rest().empty()) return Term::kDoesNotFit;
    switch (rest().front()) {
      case '*':
        take_star();
        return Term::kFits;
      case '?':
        part_begins_ = false;
        if (path_[at_.path] == '/') return Term::kDoesNotFit;
        ++at_.glob;
        at_.path += first_character(path_.substr(at_.path)).bytes;
        return Term::kFits;
      case '[':
        part_begins_ = false;
        return take_class();
      case '\\':
        ++at_.glob;
        if (rest().empty()) return Term::kBroken;
        return take_character();
      default:
        return take_character();
    }
  }

  void take_star() {
    if (part_begins_ && rest().starts_with("**/")) {
      at_.glob += 3;
      globstar_ = at_;
      star_.reset();
      return;
    }
    at_.glob += rest().starts_with("**") ? 2 : 1;
    star_ = at_;
    part_begins_ = false;
  }

  Term take_character() {
    const auto [wanted, bytes] = first_character(rest());
    const text::CodePoint character = first_character(path_.substr(at_.path));
    if (wanted != character.value) return Term::kDoesNotFit;
    at_.glob += bytes;
    at_.path += character.bytes;
    part_begins_ = wanted == U'/';
    return Term::kFits;
  }

  Term take_class() {
    std::string_view members = rest().substr(1);
    const auto negated = take_negation(members);
    if (!negated) return Term::kBroken;
    const text::CodePoint character = first_character(path_.substr(at_.path));
    const bool listed = take_members(members, character.value);
    spend(rest().size() - members.size());
    if (listed == *negated) return members.empty() ? Term::kBroken : Term::kDoesNotFit;
    const std::size_t end = find_unescaped(members, "]");
    if (end == std::string_view::npos) return Term::kBroken;
    members.remove_prefix(end + 1);
    spend(end + 1);
    at_.glob = glob_.size() - members.size();
    at_.path += character.bytes;  // unlike `?`, it may be a `/`
    return Term::kFits;
  }

  /// Reads the members of a class up to the one that is this character, or up to its `]`.
  static bool take_members(std::string_view& members, char32_t character) {
    constexpr char32_t kNoRange = 0x10FFFF;  // a character that begins no range
    char32_t lowest = kNoRange;
    while (!members.empty() && members.front() != ']') {
      if (lowest != kNoRange && members.size() > 1 && members[0] == '-' && members[1] != ']') {
        members.remove_prefix(1);
        const char32_t highest = take_member(members);
        if (lowest <= character && character <= highest) return true;
        lowest = kNoRange;
        continue;
      }
      lowest = take_member(members);
      if (lowest == character) return true;
    }
    return false;
  }

  static char32_t take_member(std::string_view& members) {
    if (members.size() > 1 && members.front() == '\\') members.remove_prefix(1);
    const auto [member, bytes] = first_character(members);
    members.remove_prefix(bytes);
    return member;
  }

  /// Returns to the last star, which takes one more character, or the last `**`, which takes one
  /// more folder.
  bool try_again() {
    if (star_ && path_[star_->path] != '/') {
      star_->path += first_character(path_.substr(star_->path)).bytes;
      at_ = *star_;
      part_begins_ = false;
      return true;
    }
    if (!globstar_) return false;
    const std::size_t slash = path_.find('/', globstar_->path);
    if (slash == std::string_view::npos) return false;
    globstar_->path = slash + 1;
    at_ = *globstar_;
    part_begins_ = true;
    return true;
  }

  Outcome try_alternatives() {
    const auto group = first_group(rest());
    if (!group) return Outcome::kBroken;
    const std::string_view before = std::string_view(glob_).substr(0, at_.glob);
    for (const std::string_view alternative : group->alternatives) {
      if (!spend(glob_.size())) return Outcome::kTooHard;
      GlobWalk walk = *this;
      walk.glob_ = fmt::format("{}{}{}", before, alternative, group->after);
      walk.part_begins_ = true;  // anywhere in the glob, so a `**` may follow
      const Outcome outcome = walk.run();
      if (outcome != Outcome::kNo) return outcome;
    }
    return Outcome::kNo;
  }

  /// Whether the rest of the glob matches the end of a path.
  Outcome matches_nothing(std::string_view glob) {
    constexpr std::array<std::string_view, 6> kNothing{"", "*", "**", "/**", "**/", "/**/"};
    if (std::ranges::find(kNothing, glob) != kNothing.end()) return Outcome::kYes;
    if (!glob.starts_with('{')) return Outcome::kNo;
    const auto group = first_group(glob);
    if (!group) return Outcome::kBroken;
    for (const std::string_view alternative : group->alternatives) {
      if (!spend(glob.size())) return Outcome::kTooHard;
      const Outcome outcome = matches_nothing(fmt::format("{}{}", alternative, group->after));
      if (outcome != Outcome::kNo) return outcome;
    }
    return Outcome::kNo;
  }

  std::string glob_;
  std::string_view path_;
  Place at_;
  /// The place after the star or `**` in the glob, and where in the path the rest was tried last.
  std::optional<Place> star_;
  std::optional<Place> globstar_;
  /// Whether `**` may stand for folders here.
  bool part_begins_ = true;
  std::size_t& steps_left_;
};

}  // namespace

tl::expected<Glob, std::string> Glob::parse(std::string_view text) {
  if (auto problem = problem_of(text)) return tl::unexpected(*std::move(problem));
  return Glob(text);
}

PathMatch Glob::matches(std::string_view path) const {
  std::size_t steps_left = kMaxGlobSteps;
  switch (GlobWalk(text_, path, steps_left).run()) {
    case Outcome::kYes:
      return PathMatch::kYes;
    case Outcome::kTooHard:
      return PathMatch::kUnknown;
    case Outcome::kNo:
    case Outcome::kBroken:  // Kargo ignores it, too
      break;
  }
  return PathMatch::kNo;
}

}  // namespace receiver::git
