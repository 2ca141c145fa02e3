#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "bitbucket/event.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/output.h"
#include "git/ref_selector.h"
#include "webhook/targets.h"

/// What a delivery is for, and why not for the rest, in words. The verdicts are the operator's own.
namespace receiver::ctl {

struct Match {
  controllers::Target object;
  webhook::Verdict verdict = webhook::Verdict::kOther;
  std::string why;      ///< "it subscribes to …"
  bool spared = false;  ///< a target but for its includePaths and excludePaths

  [[nodiscard]] bool is_target() const { return verdict == webhook::Verdict::kTarget && !spared; }
};

/// Which files a push changed, as paths in the repository; nothing: not known, so all may have.
using ChangedFiles = std::optional<std::vector<std::string>>;

/// Adds --changed to the command.
void add_changed(CLI::App& command, ChangedFiles& changed);

/// `Warehouse namespace/name`.
[[nodiscard]] std::string name_of(const controllers::Target& object);

/// Of the project's objects (of all if it is empty), targets first, by name. For a push, its
/// Warehouses; for a pull request, those Promotions that wait for one.
[[nodiscard]] std::vector<Match> matches(const bitbucket::Push& push, const std::string& project,
                                         const Warehouses& warehouses,
                                         const ChangedFiles& changed = {});
[[nodiscard]] std::vector<Match> matches(const bitbucket::PullRequest& pull_request,
                                         const std::string& project, const Promotions& promotions);
/// By the kind of the payload; asks the cluster for the objects.
[[nodiscard]] Result<std::vector<Match>> matches(Cluster& cluster,
                                                 const bitbucket::Payload& payload,
                                                 const std::string& project,
                                                 const ChangedFiles& changed = {});
[[nodiscard]] std::vector<controllers::Target> targets_among(const std::vector<Match>& matches);

/// Which refs and files a subscription selects: "branch main", "any branch", "versions that meet
/// ^1.2, files apps/web but not glob:**/*.md".
[[nodiscard]] std::string selection_of(const git::Subscription& subscription);

[[nodiscard]] std::string matches_table(const std::vector<Match>& matches, bool colours);
/// As an array.
void write_matches(Json& json, const std::vector<Match>& matches);
/// What the payload says: repository and refs, or the pull request.
[[nodiscard]] std::vector<std::pair<std::string, Cell>> lines_of(const bitbucket::Payload& payload);
/// The same as members of an object.
void write_payload(Json& json, const bitbucket::Payload& payload);

}  // namespace receiver::ctl
