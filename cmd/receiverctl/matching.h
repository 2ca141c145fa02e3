#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "bitbucket/event.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/output.h"
#include "git/ref_selector.h"
#include "webhook/targets.h"

/// What a delivery refreshes, and why not the rest, in words. The operator's code decides.
namespace receiver::ctl {

struct Match {
  controllers::Target object;
  webhook::Verdict verdict = webhook::Verdict::kOther;
  std::string why;      ///< "it subscribes to …"
  bool spared = false;  ///< only its includePaths and excludePaths exclude it

  [[nodiscard]] bool is_target() const { return verdict == webhook::Verdict::kTarget && !spared; }
};

/// The paths of the files that a push changed; nothing: not known, so every file may have changed.
using ChangedFiles = std::optional<std::vector<std::string>>;

/// Adds --changed to the command.
void add_changed(CLI::App& command, ChangedFiles& changed);

/// `Warehouse namespace/name`.
[[nodiscard]] std::string name_of(const controllers::Target& object);
/// `warehouse/namespace/name`
[[nodiscard]] std::string type_name(const controllers::Target& object);

/// Judges these Warehouses; targets first, then by name.
[[nodiscard]] std::vector<Match> matches(const bitbucket::Push& push,
                                         const std::vector<Warehouses::Object>& warehouses,
                                         const ChangedFiles& changed = {});
/// Judges the project's objects (all if it is empty) likewise: Warehouses for a push, waiting
/// Promotions for a pull request.
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
/// Removes Warehouses of other repositories, which may be thousands. Returns how many it removed.
std::size_t leave_out_others(std::vector<Match>& matches);
/// One line about those; empty if there are none.
[[nodiscard]] std::string left_out_text(std::size_t others);

/// Which refs and files a subscription selects: "branch main", "any branch", "versions that meet
/// ^1.2, files apps/web but not glob:**/*.md".
[[nodiscard]] std::string selection_of(const git::Subscription& subscription);

/// A terminal shows at most this many rows of one table.
inline constexpr std::size_t kRowsOnTerminal = 200;
/// Shows the first `rows` matches and counts the others.
[[nodiscard]] std::string matches_table(const std::vector<Match>& matches, const Layout& layout,
                                        std::size_t rows);
[[nodiscard]] std::string matches_table(const std::vector<Match>& matches, const Layout& layout);
/// As an array.
void write_matches(Json& json, const std::vector<Match>& matches);
/// What the payload says: repository and refs, or the pull request.
[[nodiscard]] std::vector<std::pair<std::string, Cell>> lines_of(const bitbucket::Payload& payload);
/// The same as members of an object.
void write_payload(Json& json, const bitbucket::Payload& payload);

}  // namespace receiver::ctl
