#include "test/integration/second_writer.h"

#include <algorithm>
#include <iostream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "crypto/crypto.h"
#include "test/support/eventually.h"

namespace receiver::test {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRound = 5min;
constexpr milliseconds kFirstRetry = 5ms;
constexpr milliseconds kLongestRetry = 1000s;
/// How often it checks whether the object has changed; the real one watches.
constexpr milliseconds kLook = 20ms;
/// By then, every reaction to a write has happened.
constexpr milliseconds kQuiet = kSanitized ? 1500ms : 400ms;
/// Times of its conditions, different from those of today.
constexpr const char* kSomeTime = "2026-01-02T03:04:05Z";

std::string refresh_and_generation(const Json& config) {
  return config.at("/metadata/generation") + " " + refresh_of(config);
}

}  // namespace

SecondWriter::SecondWriter(const Cluster& cluster, const Project& project, std::string base_url)
    : SecondWriter(cluster,
                   Owner{.path = project.config_path(),
                         .project = project.name(),
                         .secrets_namespace = project.name(),
                         .failure_prefix = "Failed to sync WebhookReceivers: ",
                         .ready_message = kProjectReady},
                   std::move(base_url)) {}

SecondWriter::SecondWriter(const Cluster& cluster, std::string base_url)
    : SecondWriter(cluster,
                   Owner{.path = "/apis/kargo.akuity.io/v1alpha1/clusterconfigs/cluster",
                         .project = "",
                         .secrets_namespace = kSystemNamespace,
                         .failure_prefix = "Failed to sync webhook receivers: ",
                         .ready_message = "ClusterConfig is synced and ready for use"},
                   std::move(base_url)) {}

SecondWriter::SecondWriter(const Cluster& cluster, Owner owner, std::string base_url)
    : api_(cluster.directory() + "/kubeconfig.admin"),
      tests_api_(cluster.admin()),
      owner_(std::move(owner)),
      base_url_(std::move(base_url)) {
  reconcile();
  thread_ = std::thread([this] { run(); });
}

SecondWriter::~SecondWriter() {
  stopped_ = true;
  thread_.join();
}

void SecondWriter::run() {
  while (!stopped_) {
    try {
      const std::lock_guard lock(mutex_);
      const auto config = api_.find(owner_.path);
      if (config && refresh_and_generation(*config) != seen_) reconcile();
    } catch (const std::exception& error) {
      std::cerr << "the second writer: " << error.what() << std::endl;
    }
    std::this_thread::sleep_for(kLook);
  }
}

void SecondWriter::pass(milliseconds time) {
  const milliseconds end = [&] {
    const std::lock_guard lock(mutex_);
    return now_ + time;
  }();
  await_quiet();
  for (;;) {
    bool wrote = false;
    {
      const std::lock_guard lock(mutex_);
      now_ = std::min(due_, end);
      if (due_ > end) return;
      wrote = reconcile();
    }
    if (wrote) await_quiet();
  }
}

void SecondWriter::await_quiet() const {
  auto since = std::chrono::steady_clock::now();
  std::string version;
  eventually("nobody writes", [&] {
    const std::string now = resource_version(tests_api_.get(owner_.path));
    if (now != std::exchange(version, now)) since = std::chrono::steady_clock::now();
    return std::chrono::steady_clock::now() - since >= kQuiet;
  });
}

bool SecondWriter::reconcile() {
  const Json config = api_.get(owner_.path);
  seen_ = refresh_and_generation(config);
  std::vector<std::string> errors;
  const Status next = wanted(config, errors);
  failures_ = errors.empty() ? 0 : failures_ + 1;
  due_ = now_ + (errors.empty()
                     ? kRound
                     : std::min(kFirstRetry * (1 << std::min(failures_ - 1, 20)), kLongestRetry));
  if (next == status_of(config)) return false;
  std::string conditions;
  for (const Condition& condition : next.conditions) {
    conditions += fmt::format(
        R"({}{{"type": "{}", "status": "{}", "reason": "{}", "message": {},
               "observedGeneration": {}, "lastTransitionTime": "{}"}})",
        conditions.empty() ? "" : ", ", condition.type, condition.status, condition.reason,
        json_string(condition.message), condition.generation, condition.since);
  }
  const auto or_null = [](const std::string& json) { return json.empty() ? "null" : json; };
  api_.merge_patch(
      owner_.path + "/status",
      fmt::format(R"({{"status": {{"webhookReceivers": {}, "conditions": [{}],
                                   "observedGeneration": {}, "lastHandledRefresh": {}}}}})",
                  or_null(next.receivers), conditions, or_null(next.observed_generation),
                  next.handled_refresh.empty() ? "null" : json_string(next.handled_refresh)));
  ++writes_;
  return true;
}

SecondWriter::Status SecondWriter::wanted(const Json& config,
                                          std::vector<std::string>& errors) const {
  const std::string generation = config.at("/metadata/generation");
  const std::size_t receivers = config.size_at("/spec/webhookReceivers");
  Status status = status_of(config);
  if (receivers > 0) {
    status.receivers.clear();
    for (std::size_t index = 0; index < receivers; ++index) {
      const Json receiver(config.at("/spec/webhookReceivers/" + std::to_string(index)));
      const std::string entry = entry_of(receiver, errors);
      if (entry.empty()) continue;
      status.receivers += (status.receivers.empty() ? "[" : ",") + entry;
    }
    if (!status.receivers.empty()) status.receivers += "]";
  }
  if (const std::string refresh = refresh_of(config); !refresh.empty()) {
    status.handled_refresh = refresh;
  }
  if (!errors.empty()) {
    const std::string all =
        errors.size() == 1 ? errors.front() : fmt::format("[{}]", fmt::join(errors, ", "));
    set(status, {"Reconciling", "True", "SyncingWebhooks", "Syncing WebhookReceivers", generation,
                 kSomeTime});
    set(status, {"Ready", "False", "SyncWebhookReceiversFailed", owner_.failure_prefix + all,
                 generation, kSomeTime});
    return status;
  }
  std::erase_if(status.conditions, [](const Condition& of) { return of.type == "Reconciling"; });
  set(status, {"Ready", "True", "Synced", owner_.ready_message, generation, kSomeTime});
  status.observed_generation = generation;
  return status;
}

std::string SecondWriter::entry_of(const Json& receiver, std::vector<std::string>& errors) const {
  const char* type = receiver.at("/bitbucket").empty() ? "github" : "bitbucket";
  const std::string name = receiver.at("/name");
  const std::string secret_name = receiver.at(fmt::format("/{}/secretRef/name", type));
  const std::string& ns = owner_.secrets_namespace;
  const auto fails = [&](const std::string& why) {
    errors.push_back(fmt::format("error syncing WebhookReceiver {}: {}", json_string(name), why));
    return std::string();
  };
  const auto secret = api_.find("/api/v1/namespaces/" + ns + "/secrets/" + secret_name);
  if (!secret) {
    return fails(
        fmt::format(R"(error getting Secret "{0}" in namespace "{1}": secrets "{0}" not found)",
                    secret_name, ns));
  }
  if (secret->at("/data").find("\"secret\"") == std::string::npos) {
    return fails(fmt::format(
        R"(error extracting secret values from Secret "{}" in namespace "{}": missing data key )"
        R"("secret" for Bitbucket WebhookReceiver)",
        secret_name, ns));
  }
  const auto value = crypto::base64_decode(secret->at("/data/secret"));
  const std::size_t path_begins = base_url_.find('/', base_url_.find("://") + 3);
  const std::string path =
      fmt::format("{}/{}/{}", base_url_.substr(path_begins), type,
                  crypto::sha256_hex({owner_.project, name, value.value_or("")}));
  return fmt::format(R"({{"name":{},"path":"{}","url":"{}{}"}})", json_string(name), path,
                     base_url_.substr(0, path_begins), path);
}

SecondWriter::Status SecondWriter::status_of(const Json& config) {
  Status status;
  status.receivers = config.at("/status/webhookReceivers");
  for (std::size_t index = 0; index < config.size_at("/status/conditions"); ++index) {
    const Json of(config.at("/status/conditions/" + std::to_string(index)));
    const std::string generation = of.at("/observedGeneration");
    status.conditions.push_back({of.at("/type"), of.at("/status"), of.at("/reason"),
                                 of.at("/message"), generation.empty() ? "0" : generation,
                                 of.at("/lastTransitionTime")});
  }
  status.observed_generation = config.at("/status/observedGeneration");
  status.handled_refresh = config.at("/status/lastHandledRefresh");
  return status;
}

/// The time changes only with the status.
void SecondWriter::set(Status& status, Condition condition) {
  const auto found = std::ranges::find(status.conditions, condition.type, &Condition::type);
  if (found == status.conditions.end()) {
    status.conditions.push_back(std::move(condition));
    return;
  }
  if (found->status == condition.status) condition.since = found->since;
  *found = std::move(condition);
}

}  // namespace receiver::test
