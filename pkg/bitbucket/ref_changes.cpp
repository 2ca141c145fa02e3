#include "bitbucket/ref_changes.h"

#include <algorithm>
#include <utility>

#include "text/ascii.h"

namespace receiver::bitbucket {
namespace {

constexpr std::size_t kHashDigits = 40;

}  // namespace

bool is_commit_hash(std::string_view text) {
  return text.size() == kHashDigits && text.find_first_not_of('0') != std::string_view::npos &&
         std::ranges::all_of(text,
                             [](char c) { return text::is_digit(c) || (c >= 'a' && c <= 'f'); });
}

std::string read_commit_hash(json::Reader& in) {
  std::string hash = in.string();
  return is_commit_hash(hash) ? hash : std::string();
}

std::optional<Commit> read_commit(json::Reader& in, Source product) {
  const std::string_view id = product == Source::kCloud ? "hash" : "id";
  Commit commit;
  bool parents_known = false;
  in.object([&](std::string_view member) {
    if (member == id) {
      commit.hash = read_commit_hash(in);
    } else if (member == "parents") {
      commit.first_parent.clear();
      parents_known = in.at('[');
      bool is_first = true;
      in.array([&] {
        if (!std::exchange(is_first, false)) {
          in.skip();
          return;
        }
        in.member(id, [&] { commit.first_parent = read_commit_hash(in); });
        parents_known = !commit.first_parent.empty();
      });
    } else {
      in.skip();
    }
  });
  if (commit.hash.empty() || !parents_known) return std::nullopt;
  return commit;
}

FirstParentWalk walk_first_parents(std::span<const Commit> known, std::string_view new_hash,
                                   std::string_view old_hash) {
  FirstParentWalk walk;
  while (!walk.reached && !old_hash.empty() && walk.commits.size() < kMaxSteps) {
    const auto next = std::ranges::find(known, new_hash, &Commit::hash);
    if (next == known.end()) break;
    walk.commits.push_back(*next);
    new_hash = next->first_parent;
    walk.reached = new_hash == old_hash;
  }
  return walk;
}

}  // namespace receiver::bitbucket
