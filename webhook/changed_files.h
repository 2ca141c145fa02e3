#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/warehouse.h"
#include "bitbucket/ref_changes.h"
#include "git/ref_selector.h"
#include "webhook/pushed_repositories.h"

/// Which of the Warehouses that a push could be for it spares, since discovery would find nothing
/// in it: rules of SPEC 6.1 and 6.2. Whatever is not known for sure refreshes. Pure.
namespace receiver::webhook {

/// Pushes of more refs spare nothing.
inline constexpr std::size_t kMaxJudgedRefs = 100;

/// Whether such a subscription may be spared a push that affects it: it names paths, or no branch.
[[nodiscard]] bool may_be_spared(const git::Subscription& subscription);

using Paths = std::shared_ptr<const std::vector<std::string>>;

/// What Bitbucket has said of a push's repository. Until something is asked for, nobody knows
/// whether it will be known.
struct Findings {
  struct OfRef {
    bool asked = false;
    std::vector<Paths> files;  ///< changed by its commits; empty: not known
  };
  bool default_branch_asked = false;
  std::optional<std::string> default_branch;  ///< `refs/heads/main`; nothing: not known
  std::vector<OfRef> refs;                    ///< of the push's changes, in their order
};

/// What is to be asked for.
struct Inquiry {
  enum class Files {
    kNo,
    kIfDefaultBranch,  ///< or if that is not known
    kYes,
  };
  bool default_branch = false;
  std::vector<Files> files;  ///< of the push's changes, in their order

  [[nodiscard]] bool empty() const;
};

/// A push as far as it decides.
struct JudgedPush {
  PushedRepositories repositories;
  std::span<const bitbucket::RefChange> changes;
};

enum class Judgement {
  kAffected,  ///< or nobody knows
  kSpared,
  kOpen,  ///< depends on what is not asked yet
};

/// Of a Warehouse. What it depends on is added to the inquiry. `enough` is asked before each file:
/// true ends the judging, and the Warehouse counts as affected.
[[nodiscard]] Judgement judge_changed_files(const JudgedPush& push, const api::Warehouse& warehouse,
                                            const Findings& findings, Inquiry& inquiry,
                                            const std::function<bool()>& enough);

/// The commits whose own changes a ref's change has brought, if the payload tells; nothing if
/// Bitbucket is to be asked. A new tag brings its commit.
[[nodiscard]] std::optional<std::vector<bitbucket::Commit>> steps_of(
    const bitbucket::RefChange& change, std::span<const bitbucket::Commit> known);

}  // namespace receiver::webhook
