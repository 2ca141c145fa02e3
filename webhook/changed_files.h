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

/// Decides which Warehouses a push spares because discovery would find nothing in it: rules of SPEC
/// 6.1 and 6.2. In doubt, a Warehouse is refreshed. Pure.
namespace receiver::webhook {

/// Pushes with more refs spare nothing.
inline constexpr std::size_t kMaxJudgedRefs = 100;

/// Whether the subscription may be spared a push that affects it: it has paths, or no branch.
[[nodiscard]] bool may_be_spared(const git::Subscription& subscription);

using Paths = std::shared_ptr<const std::vector<std::string>>;

/// What Bitbucket has said about a push's repository. A question that has not been asked is open.
struct Findings {
  struct OfRef {
    bool asked = false;
    std::vector<Paths> files;  ///< files changed by its commits; empty: unknown
  };
  bool default_branch_asked = false;
  std::optional<std::string> default_branch;  ///< `refs/heads/main`; nothing: unknown
  std::vector<OfRef> refs;                    ///< of the push's changes, in their order
};

/// The questions to ask.
struct Inquiry {
  enum class Files {
    kNo,
    kIfDefaultBranch,  ///< or if that is unknown
    kYes,
  };
  bool default_branch = false;
  std::vector<Files> files;  ///< of the push's changes, in their order

  [[nodiscard]] bool empty() const;
};

/// The part of a push that decides.
struct JudgedPush {
  PushedRepositories repositories;
  std::span<const bitbucket::RefChange> changes;
};

enum class Judgement {
  kAffected,  ///< or unknown
  kSpared,
  kOpen,  ///< depends on a question that has not been asked
};

/// Judges a Warehouse. Open questions are added to the inquiry. `enough` is called before each
/// file: true ends the judging, and the Warehouse counts as affected.
[[nodiscard]] Judgement judge_changed_files(const JudgedPush& push, const api::Warehouse& warehouse,
                                            const Findings& findings, Inquiry& inquiry,
                                            const std::function<bool()>& enough);

/// The commits whose own changes a ref's change has brought, if the payload contains them; nothing
/// if Bitbucket must be asked. A new tag brings its commit.
[[nodiscard]] std::optional<std::vector<bitbucket::Commit>> steps_of(
    const bitbucket::RefChange& change, std::span<const bitbucket::Commit> known);

}  // namespace receiver::webhook
