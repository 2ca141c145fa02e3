#include "cmd/receiverctl/matching.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "git/path_filter.h"
#include "git/repository.h"

namespace receiver::ctl {
namespace {

using controllers::TargetKind;
using webhook::judge;
using webhook::Verdict;

/// Longer lists say how many more there are.
constexpr std::size_t kNamed = 5;

template <typename Texts>
std::string enumerated(const Texts& texts) {
  std::vector<std::string> named;
  for (const std::string& text : texts) {
    if (named.size() == kNamed) break;
    named.push_back(text);
  }
  const std::size_t more = texts.size() - named.size();
  return fmt::format("{}{}", fmt::join(named, ", "),
                     more == 0 ? "" : fmt::format(" and {} more", more));
}

std::string subscribed_to(const git::Subscription& subscription) {
  return fmt::format("{}, {}", git::redacted(subscription.repo_url), selection_of(subscription));
}

std::string refs_selected_by(const git::Subscription& subscription) {
  std::string selection = "tags";
  switch (subscription.strategy) {
    case git::Strategy::kNewestFromBranch:
      return subscription.branch.empty() ? "any branch" : "branch " + subscription.branch;
    case git::Strategy::kUnknown:
      return "anything: its strategy is unknown here";
    case git::Strategy::kSemVer:
      selection = "versions";
      if (!subscription.semver_constraint.empty()) {
        selection += " that meet " + subscription.semver_constraint;
      }
      break;
    case git::Strategy::kNewestTag:
    case git::Strategy::kLexical:
      break;
  }
  if (!subscription.allow_tags_regexes.empty()) {
    selection += " that match " + enumerated(subscription.allow_tags_regexes);
  }
  if (!subscription.ignore_tags_regexes.empty()) {
    selection += " but not " + enumerated(subscription.ignore_tags_regexes);
  }
  return selection;
}

/// Empty: all files.
std::string files_selected_by(const git::PathRules& rules) {
  if (rules.empty()) return {};
  const git::PathFilter filter(rules);
  if (!filter.problems().empty()) return "all files, since " + enumerated(filter.problems());
  std::string files =
      rules.include().empty() ? "all files" : "files " + enumerated(rules.include());
  if (!rules.exclude().empty()) files += " but not " + enumerated(rules.exclude());
  return files;
}

bool may_count(const git::Subscription& subscription, const ChangedFiles& changed) {
  if (!changed || subscription.paths.empty()) return true;
  const git::PathFilter filter(subscription.paths);
  return std::ranges::any_of(*changed,
                             [&](const std::string& path) { return filter.may_count(path); });
}

Match match_of(const bitbucket::Push& push, const api::Warehouse& warehouse,
               const ChangedFiles& changed) {
  Match match{{TargetKind::kWarehouse, warehouse.key}, judge(push, warehouse), {}};
  if (match.verdict == Verdict::kSubscribesToNothing) {
    match.why = "it has no Git subscription";
    return match;
  }
  std::set<std::string> same, others, other_files;
  for (const git::Subscription& subscription : warehouse.subscriptions) {
    // As a Warehouse of its own: the verdict on this subscription alone.
    const Verdict own = judge(push, {warehouse.key, {subscription}});
    if (own == Verdict::kOther) others.insert(git::redacted(subscription.repo_url));
    if (own != match.verdict) continue;
    const bool spared = own == Verdict::kTarget && !may_count(subscription, changed);
    (spared ? other_files : same).insert(subscribed_to(subscription));
  }
  match.spared = match.verdict == Verdict::kTarget && same.empty();
  if (match.is_target()) {
    match.why = "it subscribes to " + enumerated(same);
  } else if (match.spared) {
    match.why = "it subscribes to other files: " + enumerated(other_files);
  } else if (match.verdict == Verdict::kOtherRefs) {
    match.why = "it subscribes to other refs: " + enumerated(same);
  } else {
    match.why = "it subscribes to other repositories: " + enumerated(others);
  }
  return match;
}

std::string redacted(std::span<const std::string> urls) {
  std::set<std::string> shown;
  for (const std::string& url : urls) shown.insert(git::redacted(url));
  return enumerated(shown);
}

void sort_targets_first(std::vector<Match>& matches) {
  std::ranges::sort(matches, [](const Match& left, const Match& right) {
    return std::pair(!left.is_target(), left.object) < std::pair(!right.is_target(), right.object);
  });
}

}  // namespace

void add_changed(CLI::App& command, ChangedFiles& changed) {
  command
      .add_option("--changed", changed,
                  "A file that the push changed, as a path in the repository; may be repeated. If "
                  "not given: any file.")
      ->option_text("FILE")
      ->take_all();
}

std::string name_of(const controllers::Target& object) {
  return (object.kind == TargetKind::kWarehouse ? "Warehouse " : "Promotion ") + object.key.str();
}

std::string type_name(const controllers::Target& object) {
  return (object.kind == TargetKind::kWarehouse ? "warehouse/" : "promotion/") + object.key.str();
}

std::string selection_of(const git::Subscription& subscription) {
  const std::string files = files_selected_by(subscription.paths);
  return refs_selected_by(subscription) + (files.empty() ? "" : ", " + files);
}

std::vector<Match> matches(const bitbucket::Push& push,
                           const std::vector<Warehouses::Object>& warehouses,
                           const ChangedFiles& changed) {
  std::vector<Match> found;
  found.reserve(warehouses.size());
  for (const auto& warehouse : warehouses) found.push_back(match_of(push, *warehouse, changed));
  sort_targets_first(found);
  return found;
}

std::vector<Match> matches(const bitbucket::Push& push, const std::string& project,
                           const Warehouses& warehouses, const ChangedFiles& changed) {
  auto of_project = warehouses.list();
  std::erase_if(of_project, [&](const Warehouses::Object& warehouse) {
    return !project.empty() && warehouse->key.ns != project;
  });
  return matches(push, of_project, changed);
}

std::vector<Match> matches(const bitbucket::PullRequest& pull_request, const std::string& project,
                           const Promotions& promotions) {
  std::vector<Match> found;
  for (const auto& promotion : promotions.list()) {
    if (!project.empty() && promotion->key.ns != project) continue;
    const Verdict verdict = judge(pull_request, *promotion);
    if (verdict == Verdict::kSubscribesToNothing) continue;
    found.push_back({{TargetKind::kPromotion, promotion->key},
                     verdict,
                     "it waits for " + redacted(promotion->pull_request_urls)});
  }
  sort_targets_first(found);
  return found;
}

Result<std::vector<Match>> matches(Cluster& cluster, const bitbucket::Payload& payload,
                                   const std::string& project, const ChangedFiles& changed) {
  if (const auto* push = std::get_if<bitbucket::Push>(&payload)) {
    const auto warehouses = cluster.warehouses(project);
    if (!warehouses) return tl::unexpected(warehouses.error());
    return matches(*push, project, **warehouses, changed);
  }
  const auto promotions = cluster.promotions(project);
  if (!promotions) return tl::unexpected(promotions.error());
  return matches(std::get<bitbucket::PullRequest>(payload), project, **promotions);
}

std::vector<controllers::Target> targets_among(const std::vector<Match>& matches) {
  std::vector<controllers::Target> targets;
  for (const Match& match : matches) {
    if (match.is_target()) targets.push_back(match.object);
  }
  return targets;
}

std::size_t leave_out_others(std::vector<Match>& matches) {
  return std::erase_if(matches, [](const Match& match) {
    const bool near = match.verdict == Verdict::kTarget || match.verdict == Verdict::kOtherRefs;
    return match.object.kind == TargetKind::kWarehouse && !near;
  });
}

std::string left_out_text(std::size_t others) {
  if (others == 0) return {};
  return others == 1 ? "1 Warehouse subscribes to other repositories: --all shows it.\n"
                     : fmt::format(
                           "{} Warehouses subscribe to other repositories: --all shows "
                           "them.\n",
                           others);
}

std::string matches_table(const std::vector<Match>& matches, const Layout& layout,
                          std::size_t rows) {
  if (matches.empty()) return "There is nothing that it could refresh.\n";
  Table table({"REFRESHED", "OBJECT", "BECAUSE"});
  for (const Match& match : matches) {
    if (rows-- == 0) break;
    table.add({match.is_target() ? Cell("yes", Tone::kGood) : Cell("no", Tone::kQuiet),
               name_of(match.object), match.why});
  }
  std::string text = table.text(layout);
  if (table.rows() < matches.size()) {
    text += fmt::format(
        "… and {} more, {} of them refreshed: -o json has all.\n", matches.size() - table.rows(),
        std::ranges::count_if(matches.begin() + static_cast<std::ptrdiff_t>(table.rows()),
                              matches.end(), &Match::is_target));
  }
  return text;
}

std::string matches_table(const std::vector<Match>& matches, const Layout& layout) {
  return matches_table(matches, layout, layout.columns ? kRowsOnTerminal : matches.size());
}

void write_matches(Json& json, const std::vector<Match>& matches) {
  json.StartArray();
  for (const Match& match : matches) {
    json.StartObject();
    member(json, "kind", match.object.kind == TargetKind::kWarehouse ? "Warehouse" : "Promotion");
    member(json, "namespace", match.object.key.ns);
    member(json, "name", match.object.key.name);
    member(json, "refreshed", match.is_target());
    member(json, "because", match.why);
    json.EndObject();
  }
  json.EndArray();
}

std::vector<std::pair<std::string, Cell>> lines_of(const bitbucket::Payload& payload) {
  if (const auto* push = std::get_if<bitbucket::Push>(&payload)) {
    return {{"Repository", push->repository_urls.empty()
                               ? Cell("none is named: it refreshes nothing", Tone::kBad)
                               : Cell(redacted(push->repository_urls))},
            {"Refs", push->refs.empty()
                         ? Cell("not known: all Warehouses of the repository are refreshed")
                         : Cell(enumerated(push->refs))}};
  }
  const auto& urls = std::get<bitbucket::PullRequest>(payload).urls;
  return {{"Pull request", urls.empty() ? Cell("none is named: it refreshes nothing", Tone::kBad)
                                        : Cell(redacted(urls))}};
}

void write_payload(Json& json, const bitbucket::Payload& payload) {
  const auto each_redacted = [](std::vector<std::string> urls) {
    for (std::string& url : urls) url = git::redacted(url);
    return urls;
  };
  if (const auto* push = std::get_if<bitbucket::Push>(&payload)) {
    member(json, "repositories", each_redacted(push->repository_urls));
    member(json, "refs", push->refs);
  } else {
    member(json, "pullRequests", each_redacted(std::get<bitbucket::PullRequest>(payload).urls));
  }
}

}  // namespace receiver::ctl
