#include "cmd/receiverctl/receivers.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <ostream>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bitbucket_rest/repository.h"
#include "cmd/receiverctl/describe.h"
#include "cmd/receiverctl/output.h"
#include "cmd/receiverctl/whose.h"
#include "controllers/failure_message.h"

namespace receiver::ctl {
namespace {

using controllers::SecretState;

/// Hosts of other products, whose ssh URLs look like those of a Data Center.
constexpr std::array<std::string_view, 4> kOtherHosts{"github.com", "gitlab.com", "codeberg.org",
                                                      "git.sr.ht"};

struct ReceiversOptions {
  std::string project;
  bool all_projects = false;
  bool show_urls = false;
  bool webhooks = false;
  bool watch = false;
};

constexpr const char* kReceiversExamples = R"(Examples:
  receiverctl receivers
  receiverctl receivers --project kargo-demo --show-urls
  receiverctl receivers --project kargo-demo --webhooks
  receiverctl receivers --project kargo-demo --watch
  receiverctl receivers -o json
  receiverctl receivers describe kargo-demo/bb-wh-receiver)";

std::string ready_message(const api::ReceiverOwner& owner) {
  const auto& conditions = owner.status.conditions;
  const auto ready = std::ranges::find(conditions, "Ready", &api::Condition::type);
  return ready == conditions.end() || ready->status == "True" ? "" : ready->message;
}

template <typename T>
const T* named(const std::vector<T>& all, const std::string& name, std::string T::*member) {
  const auto found = std::ranges::find(all, name, member);
  return found == all.end() ? nullptr : &*found;
}

/// Why a receiver is not ready; empty if it is. `derived` includes its Secret unless it may not be
/// read.
std::string why_not_ready(const api::ReceiverOwner& owner, const ReceiverState& state,
                          const controllers::DerivedReceivers& derived, bool secret_refused) {
  using controllers::ReceiverFailure;
  if (!secret_refused) {
    const auto* failure = named(derived.failures, state.name, &ReceiverFailure::receiver);
    if (failure != nullptr) return failure->message;
  }
  if (state.url.empty()) {
    const std::string message = ready_message(owner);
    const std::string own = controllers::failure_of(message, state.name);
    if (!own.empty()) return own;
    return message.empty() ? "no URL is published yet: is the operator running?" : message;
  }
  const auto* expected = named(derived.published, state.name, &api::PublishedReceiver::name);
  if (expected != nullptr && !state.url.ends_with(expected->path)) {
    return "the published URL does not match the Secret: is the operator running?";
  }
  return {};
}

/// `2/3`
Cell registered_cell(const ReceiverState& state) {
  if (!state.webhooks) return "";
  if (!state.webhooks->asked) return {"not asked", Tone::kBad};
  return {fmt::format("{}/{}", state.webhooks->registered, state.webhooks->wanted),
          state.webhooks->well() ? Tone::kGood : Tone::kBad};
}

/// The MESSAGE: why it is not ready, what stops its webhooks, and advice.
Cell message_cell(const ReceiverState& state) {
  std::vector<std::string> parts;
  Tone tone = Tone::kWarning;
  if (!state.ready) parts.push_back(state.why);
  if (state.webhooks && !state.webhooks->failures.empty()) {
    const std::size_t more = state.webhooks->failures.size() - 1;
    parts.push_back(state.webhooks->failures.front() +
                    (more > 0 ? fmt::format(" (and {} more)", more) : ""));
  }
  if (!parts.empty()) tone = Tone::kBad;
  parts.insert(parts.end(), state.advice.begin(), state.advice.end());
  return {fmt::format("{}", fmt::join(parts, "; ")), tone};
}

ReceiverColumns columns_of(const Context& context, const ReceiversOptions& options) {
  return {.urls = options.show_urls,
          .wide = context.format == Format::kWide,
          .layout = Layout(context)};
}

Table table_of_receivers(bool with_webhooks, const ReceiverColumns& columns) {
  std::vector<std::string> titles{"PROJECT", "NAME", "READY", "WAREHOUSES", "PROMOTIONS"};
  if (with_webhooks) titles.emplace_back("WEBHOOKS");
  if (columns.wide) titles.emplace_back("SECRET");
  if (columns.urls) titles.emplace_back("URL");
  titles.emplace_back("MESSAGE");
  return Table(std::move(titles));
}

void add_receiver(Table& table, const ReceiverState& state, bool with_webhooks,
                  const ReceiverColumns& columns) {
  std::vector<Cell> row{state.project.empty() ? Cell("(all)", Tone::kQuiet) : Cell(state.project),
                        state.name,
                        state.ready ? Cell("True", Tone::kGood) : Cell("False", Tone::kBad),
                        std::to_string(state.warehouses), std::to_string(state.promotions)};
  if (with_webhooks) row.push_back(registered_cell(state));
  if (columns.wide) row.emplace_back(state.secret_name);
  if (columns.urls) row.emplace_back(state.url);
  row.push_back(message_cell(state));
  table.add(std::move(row));
}

void print(Context& context, const std::vector<ReceiverState>& receivers,
           const ReceiversOptions& options) {
  if (is_document(context.format)) {
    context.out << receivers_document(receivers, options.show_urls, context.format);
  } else if (receivers.empty()) {
    context.err << "There are no Bitbucket receivers.\n";
  } else {
    context.out << receivers_table(receivers, columns_of(context, options));
  }
}

/// The project whose receivers are listed; empty: all. A namespace of the kubeconfig's context
/// without a ProjectConfig is not a project.
std::string listed_project(Cluster& cluster, const Context& context,
                           const ReceiversOptions& options) {
  if (!options.project.empty() || options.all_projects) return options.project;
  const std::string project = project_of_kubeconfig(context);
  if (project.empty()) return {};
  const auto owner = cluster.owner(project);
  const bool is_none = !owner && owner.error().code == ExitCode::kNotWell;
  return is_none ? std::string() : project;
}

bool may_be_bitbucket(const git::Subscription& subscription) {
  const auto url = bitbucket_rest::read_repository_url(subscription.repo_url);
  return url && (url->typical || std::ranges::count(kOtherHosts, url->host) == 0);
}

/// A project given on the command line must have a ProjectConfig, because it may be a typing error.
Result<std::vector<api::ReceiverOwner>> owners_of(Cluster& cluster, const std::string& project) {
  if (project.empty()) return cluster.owners(project);
  auto owner = cluster.owner(project);
  if (!owner) return tl::unexpected(std::move(owner.error()));
  return std::vector{std::move(*owner)};
}

Result<std::vector<ReceiverState>> look(Context& context, Cluster& cluster,
                                        const ReceiversOptions& options) {
  const std::string project = listed_project(cluster, context, options);
  const auto owners = owners_of(cluster, project);
  if (!owners) return tl::unexpected(owners.error());
  const auto warehouses = cluster.warehouses(project);
  if (!warehouses) return tl::unexpected(warehouses.error());
  const auto promotions = cluster.promotions(project);
  if (!promotions) return tl::unexpected(promotions.error());
  const Reach reach(**warehouses, **promotions);

  std::vector<ReceiverState> receivers;
  for (const api::ReceiverOwner& owner : *owners) {
    const auto secrets = cluster.secrets(owner);
    if (!secrets) return tl::unexpected(secrets.error());
    std::map<std::string, Registrations> webhooks;
    if (options.webhooks) {
      auto asked =
          ask_for_registrations(cluster, context, owner, *secrets, **warehouses, **promotions);
      if (!asked) return tl::unexpected(asked.error());
      webhooks = std::move(*asked);
    }
    for (ReceiverState& state : receivers_of(owner, *secrets)) {
      reach.count(state);
      const auto registrations = webhooks.find(state.name);
      if (registrations != webhooks.end()) state.webhooks = registrations->second;
      receivers.push_back(std::move(state));
    }
  }
  return receivers;
}

ExitCode judge(const std::vector<ReceiverState>& receivers) {
  ExitCode code = ExitCode::kOk;
  for (const ReceiverState& state : receivers) {
    const bool well = state.ready && (!state.webhooks || state.webhooks->well());
    code = std::max(code, well ? ExitCode::kOk : ExitCode::kNotWell);
    if (state.webhooks) code = std::max(code, state.webhooks->code);
  }
  return code;
}

/// The receivers that changed since they were last shown. Remembers the new state.
std::vector<ReceiverState> news_among(const std::vector<ReceiverState>& receivers, bool with_urls,
                                      std::map<std::string, std::string>& shown) {
  std::vector<ReceiverState> all;
  for (const ReceiverState& state : receivers) {
    std::string now = receivers_document({state}, with_urls, Format::kJson);
    std::string& before = shown[type_name(state)];
    if (now != before) all.push_back(state);
    before = std::move(now);
  }
  return all;
}

/// Reports receivers that were shown and no longer exist.
void tell_gone(Context& context, const std::vector<ReceiverState>& receivers,
               std::map<std::string, std::string>& shown) {
  std::erase_if(shown, [&](const auto& one) {
    const bool gone = std::ranges::none_of(
        receivers, [&](const ReceiverState& state) { return type_name(state) == one.first; });
    if (gone) context.err << one.first << " is gone\n";
    return gone;
  });
}

/// Runs until a signal comes, or nobody reads the output any more.
Result<ExitCode> watch_receivers(Context& context, Cluster& cluster,
                                 const ReceiversOptions& options) {
  std::map<std::string, std::string> shown;
  const ReceiverColumns columns = columns_of(context, options);
  Table table = table_of_receivers(false, columns);
  std::string failure;  // the last one reported
  for (bool first = true; context.out; std::this_thread::sleep_for(context.look_again)) {
    const auto receivers = look(context, cluster, options);
    if (!receivers) {
      if (first) return tl::unexpected(receivers.error());
      // The API server may recover.
      const std::string& message = receivers.error().message;
      if (message != failure) context.err << message << std::endl;
      failure = message;
      continue;
    }
    failure.clear();
    const auto news = news_among(*receivers, options.show_urls, shown);
    tell_gone(context, *receivers, shown);
    if (!is_document(context.format) && !news.empty()) {
      for (const ReceiverState& state : news) add_receiver(table, state, false, columns);
      context.out << table.next(columns.layout);
    } else if (first || !news.empty()) {
      if (!first && context.format == Format::kYaml) context.out << "---\n";
      print(context, news, options);
    }
    first = false;
    context.out << std::flush;
  }
  return ExitCode::kOk;
}

Result<ExitCode> list_receivers(Context& context, const ReceiversOptions& options) {
  const auto connected = Cluster::connect(context);
  if (!connected) return tl::unexpected(connected.error());
  if (options.watch) return watch_receivers(context, **connected, options);
  const auto receivers = look(context, **connected, options);
  if (!receivers) return tl::unexpected(receivers.error());
  print(context, *receivers, options);
  return judge(*receivers);
}

}  // namespace

std::vector<ReceiverState> receivers_of(const api::ReceiverOwner& owner,
                                        const controllers::SecretLookup& secrets) {
  // The base URL is not known here, and not needed: the Secret decides the end of the path.
  const auto derived = derive_receivers(owner, secrets, {.origin = {}, .path = {}});
  std::vector<ReceiverState> states;
  for (const api::Receiver& receiver : owner.receivers) {
    if (!receiver.bitbucket) continue;
    ReceiverState state{
        .project = owner.project(), .name = receiver.name, .secret_name = receiver.secret_name};
    const auto* published =
        named(owner.status.webhook_receivers, receiver.name, &api::PublishedReceiver::name);
    if (published != nullptr) state.url = published->url;
    const bool refused = !receiver.secret_name.empty() &&
                         secrets(receiver.secret_name).known == SecretState::Known::kRefused;
    state.why = why_not_ready(owner, state, derived, refused);
    state.ready = state.why.empty();
    for (const auto& advice : derived.advice) {
      if (advice.receiver == receiver.name) state.advice.push_back(advice.message);
    }
    if (refused) state.advice.emplace_back("its Secret cannot be read with this kubeconfig");
    states.push_back(std::move(state));
  }
  return states;
}

Reach::Reach(const Warehouses& warehouses, const Promotions& promotions) {
  warehouses.for_each([this](const kube::ObjectKey& key, const auto& warehouse) {
    if (std::ranges::none_of(warehouse->subscriptions, may_be_bitbucket)) return;
    ++by_project_[key.ns].warehouses;
    ++all_.warehouses;
  });
  promotions.for_each([this](const kube::ObjectKey& key, const auto& promotion) {
    if (promotion->pull_request_urls.empty()) return;
    ++by_project_[key.ns].promotions;
    ++all_.promotions;
  });
}

void Reach::count(ReceiverState& state) const {
  const auto found = by_project_.find(state.project);
  const Numbers of_project = found == by_project_.end() ? Numbers() : found->second;
  const Numbers& numbers = state.project.empty() ? all_ : of_project;
  state.warehouses = numbers.warehouses;
  state.promotions = numbers.promotions;
}

std::string receivers_table(const std::vector<ReceiverState>& receivers,
                            const ReceiverColumns& columns) {
  const bool with_webhooks = std::ranges::any_of(
      receivers, [](const ReceiverState& state) { return state.webhooks.has_value(); });
  Table table = table_of_receivers(with_webhooks, columns);
  for (const ReceiverState& state : receivers) add_receiver(table, state, with_webhooks, columns);
  return table.text(columns.layout);
}

std::string type_name(const ReceiverState& state) {
  return owner_name(state.project) + "/" + state.name;
}

void write_receiver(Json& json, const ReceiverState& state, bool show_url) {
  json.StartObject();
  member(json, "project", state.project);
  member(json, "name", state.name);
  member(json, "secret", state.secret_name);
  member(json, "ready", state.ready);
  member(json, "why", state.why);
  member(json, "advice", state.advice);
  if (show_url) member(json, "url", state.url);
  member(json, "warehouses", static_cast<std::int64_t>(state.warehouses));
  member(json, "promotions", static_cast<std::int64_t>(state.promotions));
  if (state.webhooks) {
    json.Key("webhooks");
    json.StartObject();
    member(json, "wanted", static_cast<std::int64_t>(state.webhooks->wanted));
    member(json, "registered", static_cast<std::int64_t>(state.webhooks->registered));
    member(json, "failures", state.webhooks->failures);
    json.EndObject();
  }
  json.EndObject();
}

std::string receivers_document(const std::vector<ReceiverState>& receivers, bool show_urls,
                               Format format) {
  Document document{.kind = "ReceiverList", .items = [&](Json& json) {
                      for (const auto& state : receivers) write_receiver(json, state, show_urls);
                    }};
  for (const ReceiverState& state : receivers) document.names.push_back(type_name(state));
  return document_text(document, format);
}

void add_receivers(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ReceiversOptions>();
  CLI::App* command =
      app.add_subcommand("receivers", "List the Bitbucket receivers, and what each reaches.");
  command->fallthrough();
  command->require_subcommand(0, 1);
  CLI::Option* project = add_project(
      *command, options->project,
      "Only receivers of this project. If not given: of the namespace of the kubeconfig's context, "
      "if it is a project; otherwise of all projects and of the ClusterConfig.");
  command
      ->add_flag(
          "-A,--all-projects", options->all_projects,
          "Receivers of all projects and of the ClusterConfig, whatever the kubeconfig's context.")
      ->excludes(project);
  command->add_flag("--show-urls", options->show_urls,
                    "Also show their URLs. A URL is half a secret: do not share it.");
  CLI::Option* watch = command->add_flag(
      "--watch", options->watch,
      "Show a receiver again when it changes, within some seconds, until Ctrl-C.");
  command
      ->add_flag("--webhooks", options->webhooks,
                 "Show how many of the webhooks that the operator registers are in place, and what "
                 "stops the others. Asks Bitbucket with the tokens of the receivers' "
                 "Secrets; a Data Center must be in BITBUCKET_HOSTS. Writes nothing.")
      ->excludes(watch);
  command->footer(std::string(kReceiversExamples) +
                  "\n\nExit code 1: one is not ready, or lacks webhooks. Others: see `receiverctl "
                  "--help`.");
  command->callback([&context, command, options] {
    if (!command->get_subcommands().empty()) return;
    context.command = [&context, options] { return list_receivers(context, *options); };
  });
  add_describe(*command, context);
}

}  // namespace receiver::ctl
