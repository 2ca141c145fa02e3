#include "cmd/receiverctl/receivers.h"

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/describe.h"
#include "cmd/receiverctl/output.h"
#include "webhook/targets.h"

namespace receiver::ctl {
namespace {

using controllers::SecretState;

struct ReceiversOptions {
  std::string project;
  bool show_urls = false;
  bool webhooks = false;
};

constexpr const char* kReceiversExamples = R"(Examples:
  receiverctl receivers
  receiverctl receivers --project kargo-demo --show-urls
  receiverctl receivers --project kargo-demo --webhooks
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

/// Why a receiver is not ready; empty if it is. `derived` knows its Secret unless that was refused.
std::string why_not_ready(const api::ReceiverOwner& owner, const ReceiverState& state,
                          const controllers::DerivedReceivers& derived, bool secret_refused) {
  using controllers::ReceiverFailure;
  if (!secret_refused) {
    const auto* failure = named(derived.failures, state.name, &ReceiverFailure::receiver);
    if (failure != nullptr) return failure->message;
  }
  if (state.url.empty()) {
    const std::string message = ready_message(owner);
    return message.empty() ? "no URL is published yet: is the operator running?" : message;
  }
  const auto* expected = named(derived.published, state.name, &api::PublishedReceiver::name);
  if (expected != nullptr && !state.url.ends_with(expected->path)) {
    return "the published URL is not that of the Secret as it is now: is the operator running?";
  }
  return {};
}

/// `2/3`
Cell registered_cell(const ReceiverState& state) {
  if (!state.webhooks) return "";
  const auto& [wanted, registered, failure, code] = *state.webhooks;
  return {fmt::format("{}/{}", registered, wanted),
          failure.empty() && registered == wanted ? Tone::kGood : Tone::kBad};
}

void print(Context& context, const std::vector<ReceiverState>& receivers, bool show_urls) {
  if (context.format == Format::kJson) {
    context.out << receivers_json(receivers, show_urls);
  } else if (receivers.empty()) {
    context.err << "There are no Bitbucket receivers.\n";
  } else {
    context.out << receivers_table(receivers, show_urls, context.colours);
  }
}

/// A project that is named must have a ProjectConfig: it may be a slip of the keyboard.
Result<std::vector<api::ReceiverOwner>> owners_of(Cluster& cluster, const std::string& project) {
  if (project.empty()) return cluster.owners(project);
  auto owner = cluster.owner(project);
  if (!owner) return tl::unexpected(std::move(owner.error()));
  return std::vector{std::move(*owner)};
}

Result<ExitCode> list_receivers(Context& context, const ReceiversOptions& options) {
  const auto connected = Cluster::connect(context);
  if (!connected) return tl::unexpected(connected.error());
  Cluster& cluster = **connected;
  const auto owners = owners_of(cluster, options.project);
  if (!owners) return tl::unexpected(owners.error());
  const auto warehouses = cluster.warehouses(options.project);
  if (!warehouses) return tl::unexpected(warehouses.error());
  const auto promotions = cluster.promotions(options.project);
  if (!promotions) return tl::unexpected(promotions.error());

  bool asks_bitbucket = options.webhooks;
  std::vector<ReceiverState> receivers;
  for (const api::ReceiverOwner& owner : *owners) {
    const auto secrets = cluster.secrets(owner);
    if (!secrets) return tl::unexpected(secrets.error());
    const auto targets = webhook::reachable_targets({owner.project()}, **warehouses, **promotions);
    std::map<std::string, Registrations> webhooks;
    if (asks_bitbucket) {
      auto asked =
          ask_for_registrations(cluster, context, owner, *secrets, **warehouses, **promotions);
      if (!asked) return tl::unexpected(asked.error());
      webhooks = std::move(*asked);
      asks_bitbucket = std::ranges::none_of(
          webhooks, [](const auto& of) { return of.second.code == ExitCode::kInterrupted; });
    }
    const auto of_warehouses = std::ranges::count(targets, controllers::TargetKind::kWarehouse,
                                                  &controllers::Target::kind);
    for (ReceiverState& state : receivers_of(owner, *secrets)) {
      state.warehouses = static_cast<std::size_t>(of_warehouses);
      state.promotions = targets.size() - state.warehouses;
      const auto registrations = webhooks.find(state.name);
      if (registrations != webhooks.end()) state.webhooks = registrations->second;
      receivers.push_back(std::move(state));
    }
  }
  print(context, receivers, options.show_urls);
  ExitCode code = ExitCode::kOk;
  for (const ReceiverState& state : receivers) {
    const bool well = state.ready && (!state.webhooks || state.webhooks->failure.empty());
    code = std::max(code, well ? ExitCode::kOk : ExitCode::kNotWell);
    if (state.webhooks) code = std::max(code, state.webhooks->code);
  }
  return code;
}

}  // namespace

std::vector<ReceiverState> receivers_of(const api::ReceiverOwner& owner,
                                        const controllers::SecretLookup& secrets) {
  // Without the base URL, which is not known here: the end of a path is what a Secret decides.
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

std::string receivers_table(const std::vector<ReceiverState>& receivers, bool show_urls,
                            bool colours) {
  std::vector<std::string> titles{"PROJECT", "NAME", "READY", "WAREHOUSES", "PROMOTIONS"};
  const bool with_webhooks = std::ranges::any_of(
      receivers, [](const ReceiverState& state) { return state.webhooks.has_value(); });
  if (with_webhooks) titles.emplace_back("WEBHOOKS");
  if (show_urls) titles.emplace_back("URL");
  titles.emplace_back("WHY NOT");
  Table table(std::move(titles));
  for (const ReceiverState& state : receivers) {
    std::vector<Cell> row{state.project.empty() ? Cell("(all)", Tone::kQuiet) : Cell(state.project),
                          state.name,
                          state.ready ? Cell("True", Tone::kGood) : Cell("False", Tone::kBad),
                          std::to_string(state.warehouses), std::to_string(state.promotions)};
    if (with_webhooks) row.push_back(registered_cell(state));
    if (show_urls) row.emplace_back(state.url);
    row.emplace_back(state.ready && state.webhooks ? state.webhooks->failure : state.why);
    table.add(std::move(row));
  }
  return table.text(colours);
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
    member(json, "failure", state.webhooks->failure);
    json.EndObject();
  }
  json.EndObject();
}

std::string receivers_json(const std::vector<ReceiverState>& receivers, bool show_urls) {
  return json_text([&](Json& json) {
    json.StartArray();
    for (const ReceiverState& state : receivers) write_receiver(json, state, show_urls);
    json.EndArray();
  });
}

void add_receivers(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ReceiversOptions>();
  CLI::App* command =
      app.add_subcommand("receivers", "List the Bitbucket receivers, and what each reaches.");
  command->fallthrough();
  command->require_subcommand(0, 1);
  command
      ->add_option("--project", options->project,
                   "Only those of its ProjectConfig. If not given: of all, and of the "
                   "ClusterConfig.")
      ->option_text("P");
  command->add_flag("--show-urls", options->show_urls,
                    "Their URLs, too. A URL is half a secret: nobody else should see it.");
  command->add_flag("--webhooks", options->webhooks,
                    "How many webhooks are registered of those that the operator is to register, "
                    "and what stops the others. Asks Bitbucket with the tokens of the receivers' "
                    "Secrets; a Data Center must be in BITBUCKET_HOSTS.");
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
