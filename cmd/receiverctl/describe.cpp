#include "cmd/receiverctl/describe.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <ostream>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "bitbucket/event.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/explain.h"
#include "cmd/receiverctl/matching.h"
#include "cmd/receiverctl/output.h"
#include "cmd/receiverctl/receivers.h"
#include "cmd/receiverctl/sample.h"
#include "cmd/receiverctl/whose.h"
#include "git/repository.h"

namespace receiver::ctl {
namespace {

struct DescribeOptions {
  std::string receiver;  ///< NAME; PROJECT/NAME instead of -n
  Whose whose;
  std::string repository;
  std::string branch;
  std::string tag;
  ChangedFiles changed;
  bool all = false;
  bool show_urls = false;
};

constexpr const char* kDescribeExamples = R"(Examples:
  receiverctl receivers describe kargo-demo/bb-wh-receiver
  receiverctl receivers describe -n kargo-demo bb-wh-receiver --repo https://bitbucket.org/acme/shop
  receiverctl receivers describe kargo-demo/bb-wh-receiver --branch main --changed apps/web/main.go
  receiverctl receivers describe bitbucket --cluster-config

For each repository that a Warehouse subscribes to, the command shows which Warehouses a push would
refresh, and which subscribe to other branches, tags or files of it. --all also shows Warehouses that
subscribe to other repositories.)";

/// A terminal shows only as many repositories as fit into this many rows.
constexpr std::size_t kRowsOfAll = 400;

/// What a push to one repository would refresh.
struct PushedRepository {
  std::string url;  ///< as the first Warehouse writes it, without user info
  std::vector<Match> matches{};
};

std::vector<std::string> refs_of(const DescribeOptions& options) {
  if (!options.branch.empty()) return {"refs/heads/" + options.branch};
  if (!options.tag.empty()) return {"refs/tags/" + options.tag};
  return {};
}

/// The URLs of a repository in a push: Data Center sends both its https and its ssh URL.
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
  std::map<kube::ObjectKey, Warehouses::Object> subscribers;
};

/// The repositories that Warehouses subscribe to. Linear in the number of subscriptions.
std::vector<Repository> subscribed_repositories(const std::vector<Warehouses::Object>& warehouses) {
  // http URLs come first, because a browser opens them.
  std::map<std::pair<bool, std::string>, std::vector<Warehouses::Object>> subscribed;
  for (const auto& warehouse : warehouses) {
    for (const git::Subscription& subscription : warehouse->subscriptions) {
      const std::string& url = subscription.repo_url;
      if (git::identity(url).empty()) continue;
      subscribed[{!url.starts_with("http"), url}].push_back(warehouse);
    }
  }
  std::vector<Repository> repositories;
  std::map<std::string, std::size_t> known;  ///< where a repository of that identity is
  for (const auto& [place, subscribers] : subscribed) {
    const auto urls = urls_of_push(place.second);
    std::size_t at = repositories.size();
    for (const std::string& url : urls) {
      const auto found = known.find(git::identity(url));
      if (found != known.end()) at = std::min(at, found->second);
    }
    if (at == repositories.size()) {
      repositories.push_back({.url = place.second, .urls = {}, .subscribers = {}});
    }
    Repository& repository = repositories[at];
    repository.urls.insert(repository.urls.end(), urls.begin(), urls.end());
    for (const std::string& url : urls) known.emplace(git::identity(url), at);
    for (const auto& one : subscribers) repository.subscribers.emplace(one->key, one);
  }
  std::ranges::sort(repositories, {}, [](const Repository& one) { return git::identity(one.url); });
  return repositories;
}

bool is_named(const Repository& repository, const std::string& url) {
  return std::ranges::any_of(repository.urls, [&](const std::string& one) {
    return git::identity(one) == git::identity(url);
  });
}

/// A receiver of the ClusterConfig (empty project) reaches all.
std::vector<PushedRepository> pushes(const DescribeOptions& options, const Warehouses& warehouses) {
  auto reached = warehouses.list();
  const std::string& project = options.whose.project;
  std::erase_if(reached, [&](const Warehouses::Object& warehouse) {
    return !project.empty() && warehouse->key.ns != project;
  });
  std::vector<PushedRepository> pushed;
  for (const Repository& repository : subscribed_repositories(reached)) {
    if (!options.repository.empty() && !is_named(repository, options.repository)) continue;
    const bitbucket::Push push{repository.urls, refs_of(options)};
    pushed.push_back({.url = git::redacted(repository.url)});
    PushedRepository& added = pushed.back();
    if (options.all) {
      added.matches = matches(push, reached, options.changed);
      continue;
    }
    std::vector<Warehouses::Object> subscribers;
    subscribers.reserve(repository.subscribers.size());
    for (const auto& [key, warehouse] : repository.subscribers) subscribers.push_back(warehouse);
    added.matches = matches(push, subscribers, options.changed);
  }
  return pushed;
}

std::string pushes_text(const DescribeOptions& options,
                        const std::vector<PushedRepository>& repositories, const Layout& layout) {
  if (repositories.empty()) {
    return options.repository.empty() ? "\nNo Warehouse subscribes to a Git repository.\n"
                                      : "\nNo Warehouse subscribes to this repository.\n";
  }
  const bool bounded = layout.columns && !options.all;
  const std::vector<std::string> refs = refs_of(options);
  std::string text;
  std::size_t rows = 0;
  std::size_t shown = 0;
  for (const PushedRepository& repository : repositories) {
    if (bounded && rows >= kRowsOfAll) break;
    const Cell title(
        fmt::format("A push {}to {}:", refs.empty() ? "" : "of " + refs[0] + " ", repository.url));
    text += '\n' + toned(title, layout.colours) + '\n';
    const auto& found = repository.matches;
    text += bounded ? matches_table(found, layout) : matches_table(found, layout, found.size());
    rows += std::min(found.size(), kRowsOnTerminal);
    ++shown;
  }
  if (shown < repositories.size()) {
    const std::size_t more = repositories.size() - shown;
    text += fmt::format("\n… and {} more {}: --repo URL shows one, --all shows all.\n", more,
                        repository_noun(more));
  }
  return text;
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
  const Layout layout(context);
  context.out << lines(values, layout) << pushes_text(options, repositories, layout);
}

std::string description_document(const ReceiverState& state,
                                 const std::vector<PushedRepository>& repositories, bool show_url,
                                 Format format) {
  return document_text({.kind = "DescriptionList",
                        .items =
                            [&](Json& json) {
                              json.StartObject();
                              json.Key("receiver");
                              write_receiver(json, state, show_url);
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
                            },
                        .names = {type_name(state)}},
                       format);
}

/// PROJECT/NAME means NAME with -n PROJECT. Without either, the project is the kubeconfig's.
Result<void> settle_name(const Context& context, DescribeOptions& options) {
  const std::size_t slash = options.receiver.find('/');
  if (slash != std::string::npos) {
    const std::string project = options.receiver.substr(0, slash);
    const bool contradicted = !options.whose.project.empty() && options.whose.project != project;
    if (options.whose.cluster_config || contradicted) {
      return wrong_usage(
          "PROJECT/NAME already names the receiver: leave out -n and --cluster-config");
    }
    options.whose.project = project;
    options.receiver.erase(0, slash + 1);
    if (project.empty()) options.receiver.clear();
  } else if (options.whose.project.empty() && !options.whose.cluster_config) {
    options.whose.project = project_of_kubeconfig(context);
    if (options.whose.project.empty()) options.receiver.clear();
  }
  if (options.receiver.empty()) {
    return wrong_usage(
        "expected NAME with -n PROJECT, or PROJECT/NAME, or NAME with --cluster-config");
  }
  std::string wrong = is_receiver()(options.receiver);
  if (wrong.empty() && !options.whose.cluster_config) wrong = is_project()(options.whose.project);
  if (!wrong.empty()) return wrong_usage(std::move(wrong));
  return {};
}

Result<ExitCode> describe(Context& context, DescribeOptions options) {
  const auto settled = settle_name(context, options);
  if (!settled) return tl::unexpected(settled.error());
  const std::string& project = options.whose.project;
  const std::string& name = options.receiver;
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
    return not_well(
        fmt::format("{} declares no Bitbucket receiver {:?}", described(project), name));
  }
  const auto warehouses = cluster.warehouses(project);
  if (!warehouses) return tl::unexpected(warehouses.error());
  const auto promotions = cluster.promotions(project);
  if (!promotions) return tl::unexpected(promotions.error());
  Reach(**warehouses, **promotions).count(*state);

  const auto repositories = pushes(options, **warehouses);
  if (is_document(context.format)) {
    context.out << description_document(*state, repositories, options.show_urls, context.format);
  } else {
    print_table(context, options, *state, repositories);
  }
  return state->ready ? ExitCode::kOk : ExitCode::kNotWell;
}

}  // namespace

void add_describe(CLI::App& receivers, Context& context) {
  const auto options = std::make_shared<DescribeOptions>();
  CLI::App* command = receivers.add_subcommand(
      "describe", "Show what a push to each repository of one receiver would refresh.");
  command->add_option("receiver", options->receiver, "The receiver.")
      ->option_text("[PROJECT/]NAME")
      ->required();
  add_whose(*command, options->whose);
  command
      ->add_option("--repo", options->repository,
                   "Only pushes to this repository. If not given: to each that a Warehouse "
                   "subscribes to.")
      ->option_text("URL");
  CLI::Option* branch =
      command->add_option("--branch", options->branch, "Only pushes to this branch.");
  branch->option_text("B");
  command->add_option("--tag", options->tag, "Only pushes of this tag.")
      ->option_text("T")
      ->excludes(branch);
  add_changed(*command, options->changed);
  command->add_flag(
      "--all", options->all,
      "For each repository, also show Warehouses of other repositories; leave nothing out.");
  command->add_flag("--show-urls", options->show_urls,
                    "Also show its URL, which is half a secret.");
  command->footer(std::string(kDescribeExamples) +
                  "\n\nExit code 1: it is not ready. Others: see `receiverctl --help`.");
  command->callback([&context, options] {
    context.command = [&context, options] { return describe(context, *options); };
  });
}

}  // namespace receiver::ctl
