#include "cmd/receiverctl/describe.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <set>
#include <variant>

#include <fmt/format.h>

#include "bitbucket/event.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/explain.h"
#include "cmd/receiverctl/matching.h"
#include "cmd/receiverctl/output.h"
#include "cmd/receiverctl/receivers.h"
#include "cmd/receiverctl/sample.h"
#include "git/repository.h"

namespace receiver::ctl {
namespace {

struct DescribeOptions {
  std::string receiver;  ///< PROJECT/NAME; NAME of the ClusterConfig's
  bool cluster_config = false;
  std::string branch;
  std::string tag;
  ChangedFiles changed;
  bool show_urls = false;
};

constexpr const char* kDescribeExamples = R"(Examples:
  receiverctl receivers describe kargo-demo/bb-wh-receiver
  receiverctl receivers describe kargo-demo/bb-wh-receiver --branch main --changed apps/web/main.go
  receiverctl receivers describe bitbucket --cluster-config)";

/// What a push to one repository would refresh.
struct PushedRepository {
  std::string url;  ///< as the first Warehouse writes it, without user info
  std::vector<Match> matches;
};

std::vector<std::string> refs_of(const DescribeOptions& options) {
  if (!options.branch.empty()) return {"refs/heads/" + options.branch};
  if (!options.tag.empty()) return {"refs/tags/" + options.tag};
  return {};
}

/// As Bitbucket names a repository in a push: a Data Center by its https and its ssh URL at once.
std::vector<std::string> urls_of_push(const std::string& url) {
  const std::string_view key = push_event_of(url);
  const auto kind = bitbucket::event_kind(key);
  SampleSubject subject;
  subject.repository = url;
  const auto body = kind ? sample_body({key, *kind}, subject) : wrong_usage(url);
  if (!body) return {url};
  const auto payload = bitbucket::parse_payload(*kind, *body);
  const auto* push = payload ? std::get_if<bitbucket::Push>(&*payload) : nullptr;
  if (push == nullptr) return {url};
  std::vector<std::string> urls = push->repository_urls;
  urls.push_back(url);
  return urls;
}

/// URLs that a push names together are one repository.
struct Repository {
  std::string url;  ///< that a browser opens, if there is one
  std::vector<std::string> urls;
  std::set<std::string> identities;
};

std::vector<Repository> subscribed_repositories(const Warehouses& warehouses) {
  const auto rank = [](const std::string& url) { return std::pair(!url.starts_with("http"), url); };
  std::set<std::pair<bool, std::string>> subscribed;
  for (const auto& warehouse : warehouses.list()) {
    for (const git::Subscription& subscription : warehouse->subscriptions) {
      if (!git::identity(subscription.repo_url).empty()) {
        subscribed.insert(rank(subscription.repo_url));
      }
    }
  }
  std::vector<Repository> repositories;
  for (const auto& [later, url] : subscribed) {
    Repository named{.url = url, .urls = urls_of_push(url), .identities = {}};
    for (const std::string& one : named.urls) named.identities.insert(git::identity(one));
    const auto same = std::ranges::find_if(repositories, [&](const Repository& known) {
      return std::ranges::any_of(named.identities, [&](const std::string& identity) {
        return known.identities.contains(identity);
      });
    });
    if (same == repositories.end()) {
      repositories.push_back(std::move(named));
      continue;
    }
    same->urls.insert(same->urls.end(), named.urls.begin(), named.urls.end());
    same->identities.merge(named.identities);
  }
  std::ranges::sort(repositories, {}, [](const Repository& one) { return git::identity(one.url); });
  return repositories;
}

std::vector<PushedRepository> pushes(const DescribeOptions& options, const std::string& project,
                                     const Warehouses& warehouses) {
  std::vector<PushedRepository> pushed;
  for (const Repository& repository : subscribed_repositories(warehouses)) {
    const bitbucket::Push push{repository.urls, refs_of(options)};
    pushed.push_back(
        {git::redacted(repository.url), matches(push, project, warehouses, options.changed)});
  }
  return pushed;
}

void print_table(Context& context, const DescribeOptions& options, const ReceiverState& state,
                 const std::vector<PushedRepository>& repositories) {
  std::vector<std::pair<std::string, Cell>> values{
      {"Receiver", state.name},
      {"Project", state.project.empty() ? "all (ClusterConfig)" : state.project},
      {"Ready", state.ready ? Cell("True", Tone::kGood) : Cell("False: " + state.why, Tone::kBad)},
      {"Secret", state.secret_name},
      {"URL", state.url.empty()   ? Cell("not published", Tone::kBad)
              : options.show_urls ? Cell(state.url)
                                  : Cell("hidden: --show-urls shows it", Tone::kQuiet)}};
  for (const std::string& advice : state.advice) {
    values.emplace_back("Advice", Cell(advice, Tone::kWarning));
  }
  context.out << lines(values, context.colours);
  if (repositories.empty()) context.out << "\nNo Warehouse subscribes to a Git repository.\n";
  const std::vector<std::string> refs = refs_of(options);
  for (const PushedRepository& repository : repositories) {
    const Cell title(
        fmt::format("A push {}to {}:", refs.empty() ? "" : "of " + refs[0] + " ", repository.url));
    context.out << '\n'
                << toned(title, context.colours) << '\n'
                << matches_table(repository.matches, context.colours);
  }
}

void print_json(Context& context, const DescribeOptions& options, const ReceiverState& state,
                const std::vector<PushedRepository>& repositories) {
  context.out << json_text([&](Json& json) {
    json.StartObject();
    json.Key("receiver");
    write_receiver(json, state, options.show_urls);
    json.Key("repositories");
    json.StartArray();
    for (const PushedRepository& repository : repositories) {
      json.StartObject();
      member(json, "url", repository.url);
      json.Key("objects");
      write_matches(json, repository.matches);
      json.EndObject();
    }
    json.EndArray();
    json.EndObject();
  });
}

Result<ExitCode> describe(Context& context, const DescribeOptions& options) {
  const std::size_t slash = options.receiver.find('/');
  const bool of_project = slash != std::string::npos;
  const std::string project = of_project ? options.receiver.substr(0, slash) : "";
  const std::string name = of_project ? options.receiver.substr(slash + 1) : options.receiver;
  if (of_project == options.cluster_config || (of_project && project.empty()) || name.empty()) {
    return wrong_usage("expected PROJECT/NAME, or NAME with --cluster-config");
  }
  const auto connected = Cluster::connect(context);
  if (!connected) return tl::unexpected(connected.error());
  Cluster& cluster = **connected;
  const auto owner = cluster.owner(project);
  if (!owner) return tl::unexpected(owner.error());
  const auto secrets = cluster.secrets(*owner);
  if (!secrets) return tl::unexpected(secrets.error());
  auto receivers = receivers_of(*owner, *secrets);
  const auto state = std::ranges::find(receivers, name, &ReceiverState::name);
  if (state == receivers.end()) {
    return not_well(fmt::format(
        "{} declares no Bitbucket receiver {:?}",
        owner->project().empty() ? "ClusterConfig cluster" : "ProjectConfig " + project, name));
  }
  const auto warehouses = cluster.warehouses(project);
  if (!warehouses) return tl::unexpected(warehouses.error());
  const auto promotions = cluster.promotions(project);
  if (!promotions) return tl::unexpected(promotions.error());
  const auto targets = webhook::reachable_targets({project}, **warehouses, **promotions);
  state->warehouses = static_cast<std::size_t>(
      std::ranges::count(targets, controllers::TargetKind::kWarehouse, &controllers::Target::kind));
  state->promotions = targets.size() - state->warehouses;

  const auto repositories = pushes(options, project, **warehouses);
  const auto print = context.format == Format::kTable ? print_table : print_json;
  print(context, options, *state, repositories);
  return state->ready ? ExitCode::kOk : ExitCode::kNotWell;
}

}  // namespace

void add_describe(CLI::App& receivers, Context& context) {
  const auto options = std::make_shared<DescribeOptions>();
  CLI::App* command = receivers.add_subcommand(
      "describe", "Tell of one receiver what a push to each repository would refresh.");
  command->add_option("receiver", options->receiver, "The receiver.")
      ->option_text("PROJECT/NAME")
      ->required();
  command->add_flag("--cluster-config", options->cluster_config,
                    "It is the ClusterConfig's, and NAME its whole name.");
  CLI::Option* branch =
      command->add_option("--branch", options->branch, "Of a push of this branch.");
  branch->option_text("B");
  command->add_option("--tag", options->tag, "Of a push of this tag.")
      ->option_text("T")
      ->excludes(branch);
  add_changed(*command, options->changed);
  command->add_flag("--show-urls", options->show_urls, "Its URL, too: half a secret.");
  command->footer(std::string(kDescribeExamples) +
                  "\n\nExit code 1: it is not ready. Others: see `receiverctl --help`.");
  command->callback([&context, options] {
    context.command = [&context, options] { return describe(context, *options); };
  });
}

}  // namespace receiver::ctl
