#include "test/differential/history.h"

#include <algorithm>
#include <utility>

namespace receiver::test {
namespace {

constexpr std::uint32_t kPlain = 0100644;
constexpr std::uint32_t kExecutable = 0100755;
constexpr std::uint32_t kLink = 0120000;
constexpr std::uint32_t kSubmodule = 0160000;

constexpr std::size_t kManyFiles = 1100;

// Paths ---------------------------------------------------------------------------------------

const std::vector<std::string>& broken_parts() {
  static const std::vector<std::string> parts{"latin\xe9", "cut\xc3", "\xff\xfe", "\xed\xa0\x80"};
  return parts;
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + '/' + name;
}

bool is_in_folder(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

/// A path cannot be a file and a folder: removes what is in the way.
void put(Tree& tree, const std::string& path, File file) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    tree.erase(path.substr(0, slash));
  }
  std::erase_if(tree, [&](const auto& entry) { return is_in_folder(entry.first, path); });
  tree[path] = file;
}

// Commits -------------------------------------------------------------------------------------

class Writer {
 public:
  Writer(Random& random, const HistoryTraits& traits) : random_(random), traits_(traits) {}

  History write(std::size_t pushes) {
    history_.default_branch = random_.one_of(std::vector<std::string>{"main", "master", "trunk"});
    main_ = "refs/heads/" + history_.default_branch;
    focus();
    Tree tree;
    for (int i = 0; i < 25; ++i) put(tree, random_path(), new_file());
    move(main_, Tip{commit({}, std::move(tree))});
    finish_push();
    while (history_.pushes.size() < pushes) {
      focus();
      push();
      if (!updates_.empty()) finish_push();
    }
    return std::move(history_);
  }

 private:
  Random& random_;
  const HistoryTraits traits_;
  History history_;
  std::string main_;
  std::map<std::string, Tip> refs_;
  std::vector<RefUpdate> updates_;
  /// The folders that this push mostly changes.
  std::vector<std::string> focus_;
  std::uint64_t last_content_ = 0;
  std::size_t last_name_ = 0;

  // A push's updates.

  /// Only for refs that this push has not touched.
  void move(const std::string& ref, std::optional<Tip> after) {
    const auto found = refs_.find(ref);
    std::optional<Tip> before;
    if (found != refs_.end()) before = found->second;
    if (before == after) return;
    if (after) {
      refs_[ref] = *after;
    } else {
      refs_.erase(ref);
    }
    updates_.push_back({ref, before, after});
  }

  [[nodiscard]] bool is_touched(const std::string& ref) const {
    return std::ranges::find(updates_, ref, &RefUpdate::ref) != updates_.end();
  }

  void finish_push() {
    auto before =
        history_.pushes.empty() ? std::map<std::string, Tip>() : history_.pushes.back().refs_after;
    history_.pushes.push_back({.updates = std::exchange(updates_, {}),
                               .refs_before = std::move(before),
                               .refs_after = refs_,
                               .commits_after = history_.commits.size()});
  }

  void push() {
    const std::size_t count = 1 + random_.weighted({70, 20, 6, 4});
    for (std::size_t i = 0; i < count; ++i) {
      switch (random_.weighted({42, 6, 10, 4, 12, 15, 5, 2, 6})) {
        case 0:
          advance();
          break;
        case 1:
          merge_backwards();
          break;
        case 2:
          new_branch();
          break;
        case 3:
          delete_ref("refs/heads/");
          break;
        case 4:
          force();
          break;
        case 5:
          tag(any_commit());
          break;
        case 6:
          move_tag();
          break;
        case 7:
          delete_ref("refs/tags/");
          break;
        default:
          fast_forward();
      }
    }
  }

  /// An existing, untouched ref; empty if there is none.
  std::string any_ref(const std::string& prefix) {
    std::vector<std::string> names;
    for (const auto& [ref, tip] : refs_) {
      if (ref.starts_with(prefix) && !is_touched(ref)) names.push_back(ref);
    }
    if (names.empty()) return {};
    const bool takes_main = std::ranges::find(names, main_) != names.end() && random_.chance(0.5);
    return takes_main ? main_ : random_.one_of(names);
  }

  std::size_t any_commit() {
    // Mostly the tip of a branch.
    const std::string branch = any_branch_even_touched();
    if (random_.chance(0.75)) return refs_.at(branch).commit;
    return random_.below(history_.commits.size());
  }

  std::string any_branch_even_touched() {
    std::vector<std::string> names;
    for (const auto& [ref, tip] : refs_) {
      if (ref.starts_with("refs/heads/")) names.push_back(ref);
    }
    return random_.one_of(names);
  }

  std::string new_tag_name() {
    const std::string number = std::to_string(++last_name_);
    switch (random_.below(4)) {
      case 0:
        return "v1." + number + ".0";
      case 1:
        return "2." + number + ".1";
      case 2:
        return "release/2026-" + number;
      default:
        return "nightly-" + number;
    }
  }

  Tip new_tip(std::size_t commit) {
    if (random_.chance(0.5)) return {commit};
    history_.tag_objects.push_back({commit});
    return {commit, history_.tag_objects.size() - 1};
  }

  void advance() {
    const std::string branch = any_ref("refs/heads/");
    if (branch.empty()) return;
    const std::size_t tip = with_commits(refs_.at(branch).commit, steps());
    move(branch, Tip{tip});
    if (random_.chance(0.1)) tag(tip);  // a release, with its tag
  }

  void tag(std::size_t commit) {
    const std::string name = "refs/tags/" + new_tag_name();
    move(name, new_tip(commit));
  }

  std::size_t steps() {
    switch (random_.weighted({45, 35, 20})) {
      case 0:
        return 1;
      case 1:
        return random_.between(2, 5);
      default:
        return random_.between(6, 8);
    }
  }

  /// Merges the branch into another one, which then gets its name: its own commits are no longer
  /// first parents.
  void merge_backwards() {
    const std::string branch = any_ref("refs/heads/");
    if (branch.empty()) return;
    const std::size_t tip = refs_.at(branch).commit;
    const std::size_t base = ancestor(tip, random_.below(4));
    const std::size_t side = with_edits(base, random_.between(1, 3));
    const std::size_t both = merge(side, tip, base);
    move(branch, Tip{with_commits(both, random_.below(2))});
  }

  /// To the tip of another branch.
  void fast_forward() {
    const std::string branch = any_ref("refs/heads/");
    if (branch.empty()) return;
    std::vector<std::size_t> ahead;
    for (const auto& [ref, tip] : refs_) {
      if (!ref.starts_with("refs/heads/") || tip == refs_.at(branch)) continue;
      if (ancestors(history_, tip.commit)[refs_.at(branch).commit]) ahead.push_back(tip.commit);
    }
    if (!ahead.empty()) move(branch, Tip{random_.one_of(ahead)});
  }

  void new_branch() {
    std::string name = random_.chance(0.5) ? "refs/heads/feature/" : "refs/heads/team-";
    name += std::to_string(random_.below(12));
    if (refs_.contains(name) || is_touched(name)) return;
    const std::size_t base = any_commit();
    move(name, Tip{with_commits(base, random_.below(4))});
  }

  void delete_ref(const std::string& prefix) {
    const std::string ref = any_ref(prefix);
    if (!ref.empty() && ref != main_) move(ref, std::nullopt);
  }

  void move_tag() {
    const std::string tag = any_ref("refs/tags/");
    if (!tag.empty()) move(tag, new_tip(any_commit()));
  }

  void force() {
    const std::string branch = any_ref("refs/heads/");
    if (branch.empty()) return;
    const std::size_t tip = refs_.at(branch).commit;
    const std::size_t base = ancestor(tip, random_.between(1, 4));
    switch (random_.weighted({20, 35, 20, 15, 10})) {
      case 0:  // back
        move(branch, Tip{base});
        break;
      case 1:  // amended, possibly with the same files
        if (history_.commits[tip].parents.empty()) return;
        move(branch, Tip{commit(history_.commits[tip].parents,
                                random_.chance(0.3) ? *history_.commits[tip].tree : edited(tip))});
        break;
      case 2:  // rebased: the same changes in other commits
        move(branch,
             Tip{commit({with_edits(base, random_.between(1, 3))}, *history_.commits[tip].tree)});
        break;
      case 3:  // another one's commits
        move(branch, Tip{any_commit()});
        break;
      default:  // unrelated history
        move(branch, Tip{commit({}, *history_.commits[tip].tree)});
    }
  }

  // Commits.

  std::size_t commit(std::vector<std::size_t> parents, Tree tree) {
    history_.commits.push_back({std::move(parents), std::make_shared<const Tree>(std::move(tree))});
    return history_.commits.size() - 1;
  }

  [[nodiscard]] const Tree& tree_of(std::size_t commit) const {
    return *history_.commits[commit].tree;
  }

  /// Along first parents; the root if there are fewer.
  [[nodiscard]] std::size_t ancestor(std::size_t commit, std::size_t steps) const {
    for (; steps > 0 && !history_.commits[commit].parents.empty(); --steps) {
      commit = history_.commits[commit].parents.front();
    }
    return commit;
  }

  std::size_t with_edits(std::size_t tip, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) tip = commit({tip}, edited(tip));
    return tip;
  }

  /// First parents of all kinds.
  std::size_t with_commits(std::size_t tip, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) tip = with_commit(tip);
    return tip;
  }

  std::size_t with_commit(std::size_t tip) {
    const std::size_t base = ancestor(tip, random_.below(4));
    const auto side = [&] { return with_edits(base, random_.between(1, 4)); };
    switch (random_.weighted({120, 20, 10, 25, 2, 2, 2, traits_.many_files ? 12U : 0U})) {
      case 0:
        return commit({tip}, edited(tip));
      case 1:
        return merge(tip, side(), base);
      case 2:  // squashed
        return commit({tip}, merged(tree_of(tip), side(), base));
      case 3:  // reverted
        return commit({tip}, tree_of(ancestor(tip, random_.between(1, 2))));
      case 4: {  // an octopus
        const std::size_t one = side();
        const std::size_t two = side();
        Tree tree = merged(tree_of(tip), one, base);
        return commit({tip, one, two}, merged(std::move(tree), two, base));
      }
      case 5:  // merged without any of its files
        return commit({tip, side()}, tree_of(tip));
      case 6:  // empty
        return commit({tip}, tree_of(tip));
      default: {  // many files of a folder appear or disappear
        Tree tree = tree_of(tip);
        const std::string folder = random_.one_of(focus_);
        if (std::erase_if(tree, [](const auto& entry) {
              return entry.first.find("/many/") != std::string::npos;
            }) == 0) {
          const File file = new_file();
          for (std::size_t i = 0; i < kManyFiles; ++i) {
            put(tree, joined(folder.empty() ? "apps" : folder, "many/" + std::to_string(i)), file);
          }
        }
        return commit({tip}, std::move(tree));
      }
    }
  }

  std::size_t merge(std::size_t first, std::size_t second, std::size_t base) {
    Tree tree = merged(tree_of(first), second, base);
    if (random_.chance(0.1)) edit(tree);  // conflicts were resolved differently
    return commit({first, second}, std::move(tree));
  }

  /// The changes of the side since the base, applied to the tree.
  Tree merged(Tree tree, std::size_t side, std::size_t base) {
    const Tree& wanted = tree_of(side);
    for (const std::string& path : differing_paths(tree_of(base), wanted)) {
      const auto found = wanted.find(path);
      if (found == wanted.end()) {
        tree.erase(path);
      } else {
        put(tree, path, found->second);
      }
    }
    return tree;
  }

  // Files.

  /// A push mostly changes a few places.
  void focus() {
    focus_.clear();
    for (std::size_t i = random_.between(1, 3); i > 0; --i) focus_.push_back(random_folder());
  }

  std::string random_folder() {
    if (traits_.broken_names && random_.chance(0.2)) {
      return "apps/" + random_.one_of(broken_parts());
    }
    return random_.one_of(traits_.odd_names && random_.chance(0.5) ? odd_folders()
                                                                   : usual_folders());
  }

  std::string random_path() {
    const std::string folder = random_.chance(0.9) ? random_.one_of(focus_) : random_folder();
    if (traits_.broken_names && random_.chance(0.1)) {
      return joined(folder, random_.one_of(broken_parts()));
    }
    return joined(folder, random_.one_of(traits_.odd_names && random_.chance(0.4) ? odd_names()
                                                                                  : usual_names()));
  }

  File new_file() { return {.mode = kPlain, .content = ++last_content_}; }

  Tree edited(std::size_t parent) {
    Tree tree = tree_of(parent);
    for (std::size_t i = random_.between(1, 3); i > 0; --i) edit(tree);
    // The edits may have had no effect.
    if (tree == tree_of(parent)) put(tree, random_path(), new_file());
    return tree;
  }

  void edit(Tree& tree) {
    const auto chosen = any_file(tree);
    if (chosen == tree.end()) {
      put(tree, random_path(), new_file());
      return;
    }
    const auto [path, file] = *chosen;
    switch (random_.weighted({28, 26, 14, 18, 6, 4, 2, 2})) {
      case 0:
        tree[path].content = ++last_content_;
        break;
      case 1:
        put(tree, random_path(), new_file());
        break;
      case 2:
        tree.erase(path);
        break;
      case 3:  // renamed
        tree.erase(path);
        put(tree, random_path(), file);
        break;
      case 4:  // copied
        put(tree, random_path(), file);
        break;
      case 5:
        tree[path] = {file.mode == kExecutable ? kPlain : kExecutable, file.content};
        break;
      case 6:
        tree[path] = {kLink, ++last_content_};
        break;
      default:
        tree[path] = {kSubmodule, ++last_content_};
    }
  }

  /// In the push's folders, if there is any.
  Tree::const_iterator any_file(const Tree& tree) {
    const std::string& folder = random_.one_of(focus_);
    std::vector<Tree::const_iterator> found;
    for (auto at = tree.begin(); at != tree.end(); ++at) {
      if (folder.empty() || is_in_folder(at->first, folder)) found.push_back(at);
    }
    if (found.empty()) return tree.end();
    return random_.one_of(found);
  }
};

}  // namespace

History random_history(Random& random, std::size_t pushes, const HistoryTraits& traits) {
  return Writer(random, traits).write(pushes);
}

std::vector<std::string> differing_paths(const Tree& before, const Tree& after) {
  std::vector<std::string> paths;
  auto left = before.begin();
  auto right = after.begin();
  while (left != before.end() || right != after.end()) {
    if (right == after.end() || (left != before.end() && left->first < right->first)) {
      paths.push_back(left++->first);
    } else if (left == before.end() || right->first < left->first) {
      paths.push_back(right++->first);
    } else {
      if (left->second != right->second) paths.push_back(left->first);
      ++left;
      ++right;
    }
  }
  return paths;
}

const Tree& former_tree(const History& history, const Commit& commit) {
  static const Tree empty;
  return commit.parents.empty() ? empty : *history.commits[commit.parents.front()].tree;
}

std::vector<bool> ancestors(const History& history, std::size_t commit) {
  std::vector<bool> found(history.commits.size(), false);
  found[commit] = true;
  for (std::size_t at = commit + 1; at-- > 0;) {
    if (!found[at]) continue;
    for (const std::size_t parent : history.commits[at].parents) found[parent] = true;
  }
  return found;
}

}  // namespace receiver::test
