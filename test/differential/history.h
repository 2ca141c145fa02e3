#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "test/differential/random.h"

/// Random histories of a repository, push by push.
namespace receiver::test {

/// A file of a tree.
struct File {
  std::uint32_t mode = 0100644;  ///< Git's mode: plain, executable, symbolic link, submodule
  std::uint64_t content = 0;     ///< equal for equal contents

  friend bool operator==(const File&, const File&) = default;
};
/// By path, which may contain any bytes except NUL.
using Tree = std::map<std::string, File>;

struct Commit {
  std::vector<std::size_t> parents;
  std::shared_ptr<const Tree> tree;
  std::string hash{};  ///< once Git knows it
};

/// What a ref points to.
struct Tip {
  std::size_t commit = 0;
  /// The object of an annotated tag: its index in History::tag_objects.
  std::optional<std::size_t> tag_object{};

  friend bool operator==(const Tip&, const Tip&) = default;
};

struct RefUpdate {
  std::string ref;  ///< in full
  std::optional<Tip> before;
  std::optional<Tip> after;
};

struct HistoryPush {
  std::vector<RefUpdate> updates;
  std::map<std::string, Tip> refs_before;
  std::map<std::string, Tip> refs_after;
  std::size_t commits_after = 0;  ///< number of existing commits
};

struct TagObject {
  std::size_t commit = 0;
  std::string hash{};
};

struct History {
  std::string default_branch;   ///< its short name
  std::vector<Commit> commits;  ///< parents come before their children
  std::vector<TagObject> tag_objects;
  std::vector<HistoryPush> pushes;
};

/// Unusual traits of a history, for all of it or not at all.
struct HistoryTraits {
  bool odd_names = false;     ///< quotes, control characters, characters beyond ASCII
  bool broken_names = false;  ///< invalid UTF-8
  bool many_files = false;    ///< commits with more changed files than Data Center reports
};

/// The first push creates the default branch. Hashes are set later.
[[nodiscard]] History random_history(Random& random, std::size_t pushes,
                                     const HistoryTraits& traits);

/// Every path with different files in the two trees. Pure, as Git compares trees without rename
/// detection.
[[nodiscard]] std::vector<std::string> differing_paths(const Tree& before, const Tree& after);

/// The tree of its first parent; for a root the empty one.
[[nodiscard]] const Tree& former_tree(const History& history, const Commit& commit);

/// Itself and every commit that it comes from.
[[nodiscard]] std::vector<bool> ancestors(const History& history, std::size_t commit);

/// Folders and names in the paths of random_history(), for filters.
[[nodiscard]] const std::vector<std::string>& usual_folders();
[[nodiscard]] const std::vector<std::string>& usual_names();
[[nodiscard]] const std::vector<std::string>& odd_folders();
[[nodiscard]] const std::vector<std::string>& odd_names();

}  // namespace receiver::test
