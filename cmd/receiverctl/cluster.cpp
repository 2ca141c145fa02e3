#include "cmd/receiverctl/cluster.h"

#include <algorithm>
#include <functional>
#include <unistd.h>

#include <fmt/format.h>

#include "api/secret.h"
#include "cmd/receiverctl/trace.h"
#include "cmd/version.h"
#include "json/json.h"
#include "kube/config.h"
#include "kube/list.h"
#include "kube/resource.h"
#include "log/logger.h"
#include "webhook/targets.h"

namespace receiver::ctl {
namespace {

using api::OwnerKind;
using OwnerStore = kube::Store<api::ReceiverOwner>;

constexpr const char* kClusterConfigName = "cluster";
/// kube::Config::source where no kubeconfig was read.
constexpr std::string_view kInCluster = "in-cluster";

}  // namespace

std::string described(const std::string& project) {
  return project.empty() ? "ClusterConfig cluster" : "ProjectConfig " + project;
}

tl::expected<kube::Config, std::string> kubeconfig_of(const Context& context) {
  return kube::load_config({.kubeconfig = context.kubeconfig,
                            .environment = context.environment,
                            .context = context.kube_context,
                            .terminal = ::isatty(STDIN_FILENO) == 1,
                            .hidden_variables = {"BITBUCKET_TOKEN"}});
}

std::string project_of_kubeconfig(const Context& context) {
  const auto config = kubeconfig_of(context);
  // kubectl's default namespace is not a Kargo project.
  if (!config || config->source == kInCluster || config->ns == "default") return {};
  return config->ns;
}

Cluster::Cluster(std::string server, const Context& context, bool in_cluster)
    : server_(std::move(server)),
      system_namespace_(context.system_namespace),
      in_cluster_(in_cluster) {
  if (!context.request_timeout) return;
  times_.list_head = *context.request_timeout;
  times_.list_silence = *context.request_timeout;
}

Cluster::~Cluster() {
  if (!rest_) return;
  rest_->close();
  io_.restart();
  io_.poll();
}

Result<std::unique_ptr<Cluster>> Cluster::connect(const Context& context) {
  auto config = kubeconfig_of(context);
  if (!config) return unreachable(std::move(config.error()));
  const bool is_v6 = config->host.find(':') != std::string::npos;
  std::string server =
      fmt::format("{}://{}:{}", config->scheme,
                  is_v6 ? fmt::format("[{}]", config->host) : config->host, config->port);
  kube::RestOptions options;
  options.user_agent = user_agent("receiverctl");
  options.timeout = context.request_timeout;
  if (auto trace = trace_of(context)) {
    options.trace = [server, trace = std::move(trace)](std::string_view method,
                                                       std::string_view target, unsigned status,
                                                       std::chrono::nanoseconds took) {
      trace(method, server + std::string(target), status, took);
    };
  }
  const bool in_cluster = config->source == kInCluster;
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(server), context, in_cluster));
  auto rest = kube::RestClient::create(cluster->io_.get_executor(), std::move(*config),
                                       std::move(options), log::Logger::none());
  if (!rest) return unreachable(std::move(rest.error()));
  cluster->rest_ = std::move(*rest);
  return cluster;
}

Failure Cluster::failure(const std::string& what, const kube::ApiError& error) const {
  using Kind = kube::ApiError::Kind;
  switch (error.kind) {
    case Kind::kUnreachable:
    case Kind::kClosed:
      return {ExitCode::kUnreachable,
              fmt::format("the API server {} cannot be reached: {}", server_, error.message)};
    case Kind::kUnauthorized:
      return {ExitCode::kUnreachable,
              fmt::format("the API server {} does not accept the kubeconfig's credentials: {}",
                          server_, error.message)};
    default:
      return {ExitCode::kUnreachable, fmt::format("{}: {}", what, error.message)};
  }
}

kube::ApiResult<void> Cluster::read(const std::string& plural, const std::string& ns,
                                    const json::Projection& projection, OnObject on_object) {
  kube::ReflectorOptions options{.resource = api::kargo_resource(plural),
                                 .ns = ns,
                                 .label_selector = {},
                                 .field_selector = {},
                                 .projection = projection,
                                 .times = times_};
  return await(kube::read_list(*rest_, std::move(options), std::move(on_object)));
}

Result<void> Cluster::list(const std::string& plural, const std::string& ns,
                           const json::Projection& projection, kube::ObjectSink& sink) {
  sink.begin_replace();
  const auto listed = read(plural, ns, projection,
                           [&](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
                             (void)sink.add_listed(meta, object);
                           });
  if (listed) {
    sink.end_replace();
    return {};
  }
  sink.abort_replace();
  if (listed.error().kind == kube::ApiError::Kind::kNotFound) {
    return not_well(fmt::format(
        "{} does not serve {}: install Kargo, or, to try the operator without it, its CRDs with "
        "the chart's crds.install=true; or select another cluster with --context or --kubeconfig",
        server_, api::kargo_resource(plural).name()));
  }
  Failure failed = failure(plural + " cannot be listed", listed.error());
  // A tenant may be allowed to read one project only.
  if (ns.empty() && listed.error().kind == kube::ApiError::Kind::kForbidden) {
    failed.message += "; name a project that you may read: -n PROJECT";
  }
  return tl::unexpected(std::move(failed));
}

Result<std::vector<api::ReceiverOwner>> Cluster::owners_of_kind(OwnerKind kind,
                                                                const std::string& project) {
  OwnerStore store([kind](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
    return api::decode_owner(kind, meta, object);
  });
  const auto listed = list(api::resource_of(kind).plural, project, api::owner_projection(), store);
  if (!listed) return tl::unexpected(listed.error());
  std::vector<api::ReceiverOwner> owners;
  for (const auto& owner : store.list()) owners.push_back(*owner);
  return owners;
}

Result<std::vector<api::ReceiverOwner>> Cluster::owners(const std::string& project) {
  std::vector<api::ReceiverOwner> all;
  for (const OwnerKind kind : {OwnerKind::kClusterConfig, OwnerKind::kProjectConfig}) {
    if (kind == OwnerKind::kClusterConfig && !project.empty()) continue;
    const auto owners = owners_of_kind(kind, project);
    if (!owners) return tl::unexpected(owners.error());
    all.insert(all.end(), owners->begin(), owners->end());
  }
  std::ranges::sort(all, {}, [](const api::ReceiverOwner& owner) { return owner.meta.key; });
  return all;
}

Result<api::ReceiverOwner> Cluster::owner(const std::string& project) {
  const OwnerKind kind = project.empty() ? OwnerKind::kClusterConfig : OwnerKind::kProjectConfig;
  auto all = owners_of_kind(kind, project);
  if (!all) return tl::unexpected(std::move(all.error()));
  const std::string name = project.empty() ? kClusterConfigName : project;
  const auto found = std::ranges::find_if(
      *all, [&](const api::ReceiverOwner& owner) { return owner.meta.key.name == name; });
  if (found == all->end()) return not_well(described(project) + " does not exist");
  return std::move(*found);
}

Result<std::unique_ptr<Warehouses>> Cluster::warehouses(const std::string& project) {
  auto store = std::make_unique<Warehouses>(api::decode_warehouse, webhook::warehouse_index_keys);
  const auto listed = list("warehouses", project, api::warehouse_projection(), *store);
  if (!listed) return tl::unexpected(listed.error());
  return store;
}

Result<std::unique_ptr<Promotions>> Cluster::promotions(const std::string& project) {
  auto store = std::make_unique<Promotions>(api::decode_promotion, webhook::promotion_index_keys);
  const auto listed = list("promotions", project, api::promotion_projection(), *store);
  if (!listed) return tl::unexpected(listed.error());
  return store;
}

kube::ObjectKey Cluster::secret_key(const api::ReceiverOwner& owner,
                                    const std::string& name) const {
  return {owner.kind == OwnerKind::kProjectConfig ? owner.project() : system_namespace_, name};
}

Result<WebhookSettings> Cluster::webhook_settings(const kube::ObjectKey& secret) {
  static const json::Projection projection{"/data/bitbucket.register", "/data/bitbucket.allow"};
  const kube::Resource secrets{"", "v1", "secrets"};
  auto answer = await(rest_->get(secrets.path(secret)));
  if (!answer) {
    return tl::unexpected(failure("Secret " + secret.str() + " cannot be read", answer.error()));
  }
  const auto object = json::parse(*answer, projection);
  crypto::wipe(*answer);
  if (!object) return unreachable(fmt::format("Secret {}: {}", secret.str(), object.error()));
  WebhookSettings settings;
  for (const auto& [key, setting] : {std::pair("bitbucket.register", &settings.registers),
                                     std::pair("bitbucket.allow", &settings.allow)}) {
    const rapidjson::Value* value = json::find(*object, fmt::format("/data/{}", key));
    if (value == nullptr || !value->IsString()) continue;
    *setting = crypto::base64_decode({value->GetString(), value->GetStringLength()});
    if (!*setting) {
      return unreachable(fmt::format("Secret {}: {} is not base64", secret.str(), key));
    }
  }
  return settings;
}

Result<controllers::SecretState> Cluster::secret(const api::ReceiverOwner& owner,
                                                 const std::string& name) {
  using Known = controllers::SecretState::Known;
  const bool of_project = owner.kind == OwnerKind::kProjectConfig;
  const kube::ObjectKey key = secret_key(owner, name);
  if (key.ns.empty()) {
    return controllers::SecretState{Known::kRefused, "there is no system namespace", {}};
  }
  const kube::Resource secrets{"", "v1", "secrets"};
  auto answer = await(rest_->get(secrets.path(key)));
  if (!answer) {
    switch (answer.error().kind) {
      case kube::ApiError::Kind::kNotFound:
        return controllers::SecretState{Known::kMissing, of_project ? "" : key.ns, {}};
      case kube::ApiError::Kind::kForbidden:
        return controllers::SecretState{Known::kRefused, answer.error().message, {}};
      default:
        return tl::unexpected(failure("Secret " + key.str() + " cannot be read", answer.error()));
    }
  }
  const auto object = json::parse(*answer, api::secret_projection());
  crypto::wipe(*answer);
  if (!object) return unreachable(fmt::format("Secret {}: {}", key.str(), object.error()));
  auto secret = api::decode_secret({}, *object);
  if (!secret) return unreachable(fmt::format("Secret {}: {}", key.str(), secret.error()));
  return controllers::SecretState{Known::kPresent, "", std::move(*secret)};
}

Result<controllers::SecretLookup> Cluster::secrets(const api::ReceiverOwner& owner,
                                                   controllers::SecretAccess access) {
  std::map<std::string, controllers::SecretState, std::less<>> states;
  for (const api::Receiver& receiver : owner.receivers) {
    const std::string& name = receiver.secret_name;
    if (!receiver.bitbucket || !kube::is_subdomain(name) || states.contains(name)) continue;
    auto state = secret(owner, name);
    if (!state) return tl::unexpected(state.error());
    if (state->known == controllers::SecretState::Known::kPresent) {
      state->watched = access == controllers::SecretAccess::kNamespaced || state->secret.labelled;
    }
    states.emplace(name, std::move(*state));
  }
  return [states = std::move(states)](std::string_view name) {
    const auto found = states.find(name);
    return found == states.end() ? controllers::SecretState{} : found->second;
  };
}

Result<std::map<kube::ObjectKey, std::string>> Cluster::refresh_tokens(controllers::TargetKind kind,
                                                                       const std::string& project) {
  struct Token {
    kube::ObjectKey key;
    std::string text;
  };
  static const json::Projection projection{"/metadata/annotations/kargo.akuity.io~1refresh"};
  kube::Store<Token> store([](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
    return tl::expected<Token, std::string>(
        {meta.key,
         std::string(json::string_at(object, "/metadata/annotations/kargo.akuity.io~1refresh"))});
  });
  const auto listed = list(controllers::resource_of(kind).plural, project, projection, store);
  if (!listed) return tl::unexpected(listed.error());
  std::map<kube::ObjectKey, std::string> tokens;
  for (const auto& token : store.list()) tokens.emplace(token->key, token->text);
  return tokens;
}

Result<ReceiverAccess> receiver_access(Cluster& cluster, const std::string& project,
                                       const std::string& receiver) {
  const auto owner = cluster.owner(project);
  if (!owner) return tl::unexpected(owner.error());
  const std::string name = described(project);
  const auto declared = std::ranges::find(owner->receivers, receiver, &api::Receiver::name);
  if (declared == owner->receivers.end() || !declared->bitbucket) {
    return not_well(fmt::format("{} declares no Bitbucket receiver {:?}", name, receiver));
  }
  const auto secrets = cluster.secrets(*owner);
  if (!secrets) return tl::unexpected(secrets.error());
  // The base URL is not known here, and not needed: the last part of the path depends only on the
  // other values.
  const auto derived = controllers::derive_receivers(*owner, *secrets, {.origin = {}, .path = {}});
  const auto failed =
      std::ranges::find(derived.failures, receiver, &controllers::ReceiverFailure::receiver);
  if (failed != derived.failures.end()) {
    const auto known = (*secrets)(declared->secret_name).known;
    const std::string why = fmt::format("{}: receiver {}: {}", name, receiver, failed->message);
    return known == controllers::SecretState::Known::kRefused ? unreachable(why) : not_well(why);
  }
  const auto expected =
      std::ranges::find(derived.published, receiver, &api::PublishedReceiver::name);
  const auto published =
      std::ranges::find(owner->status.webhook_receivers, receiver, &api::PublishedReceiver::name);
  if (published == owner->status.webhook_receivers.end()) {
    return not_well(fmt::format(
        "{} publishes no URL of receiver {} yet: is the operator running? see `receiverctl check`",
        name, receiver));
  }
  if (expected == derived.published.end() || !published->url.ends_with(expected->path)) {
    return not_well(
        fmt::format("the URL that {} publishes for receiver {} does not match the Secret: is the "
                    "operator running? see `receiverctl check`",
                    name, receiver));
  }
  const api::Secret secret = (*secrets)(declared->secret_name).secret;
  const bool rotating = secret.previous && !secret.previous->empty();
  return ReceiverAccess{published->url, *secret.value, rotating ? secret.previous : std::nullopt,
                        cluster.secret_key(*owner, declared->secret_name), owner->meta.uid};
}

}  // namespace receiver::ctl
