#include "second_writer.h"

#include <iostream>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "crypto/crypto.h"
#include "eventually.h"

namespace receiver::integration {
namespace {

struct Status {
  std::string receivers;  ///< JSON
  std::string ready, reason, message;
  bool reconciling = false;

  friend bool operator==(const Status&, const Status&) = default;
};

Status status_of(const Json& config) {
  const auto ready = [&](const char* member) {
    return config.of_element("/status/conditions", "type", "Ready", member);
  };
  return {config.at("/status/webhookReceivers"), ready("status"), ready("reason"), ready("message"),
          config.of_element("/status/conditions", "type", "Reconciling", "status") == "True"};
}

std::string condition(const char* type, std::string_view status, std::string_view reason,
                      const std::string& message, const std::string& generation) {
  return fmt::format(
      R"({{"type": "{}", "status": "{}", "reason": "{}", "message": {}, "observedGeneration": {},
           "lastTransitionTime": "2026-01-02T03:04:05Z"}})",
      type, status, reason, json_string(message), generation);
}

/// The entry as the API server shows it; nothing if its Secret is missing.
std::optional<std::string> entry_of(const Api& api, const Project& project, const Json& receiver,
                                    const std::string& base_url) {
  const char* type = receiver.at("/bitbucket").empty() ? "github" : "bitbucket";
  const std::string secret_name = receiver.at(fmt::format("/{}/secretRef/name", type));
  const auto secret = api.find(project.secret_path(secret_name));
  const auto value = secret ? crypto::base64_decode(secret->at("/data/secret")) : std::nullopt;
  if (!value) return std::nullopt;
  const std::string name = receiver.at("/name");
  const std::size_t path_begins = base_url.find('/', base_url.find("://") + 3);
  const std::string path = fmt::format("{}/{}/{}", base_url.substr(path_begins), type,
                                       crypto::sha256_hex({project.name(), name, *value}));
  return fmt::format(R"({{"name":{},"path":"{}","url":"{}{}"}})", json_string(name), path,
                     base_url.substr(0, path_begins), path);
}

Status status_by_kargo(const Api& api, const Project& project, const Json& config,
                       const std::string& base_url) {
  Status status{"", "True", "Synced", kProjectReady, false};
  for (std::size_t index = 0; index < config.size_at("/spec/webhookReceivers"); ++index) {
    const Json receiver(config.at("/spec/webhookReceivers/" + std::to_string(index)));
    if (const auto entry = entry_of(api, project, receiver, base_url)) {
      status.receivers += fmt::format("{}{}", status.receivers.empty() ? "[" : ",", *entry);
    } else {
      status.ready = "False";
      status.reason = "SyncWebhookReceiversFailed";
      status.message = "Failed to sync WebhookReceivers: error reconciling " +
                       receiver.at("/name") + ": secrets: not found";
      status.reconciling = true;
    }
  }
  if (!status.receivers.empty()) status.receivers += "]";
  return status;
}

}  // namespace

SecondWriter::SecondWriter(const Cluster& cluster, const Project& project, std::string base_url)
    : base_url_(std::move(base_url)),
      thread_([this, &cluster, &project] { run(cluster, project); }) {}

SecondWriter::~SecondWriter() {
  stopped_ = true;
  thread_.join();
}

void SecondWriter::await_rounds(int rounds) const {
  const int wanted = rounds_ + rounds;
  eventually("the second writer has looked again", [&] { return rounds_ >= wanted; });
}

void SecondWriter::run(const Cluster& cluster, const Project& project) {
  const Api api(cluster.directory() + "/kubeconfig.admin");
  while (!stopped_) {
    try {
      reconcile(api, project);
    } catch (const std::exception& error) {
      std::cerr << "the second writer: " << error.what() << std::endl;
    }
    ++rounds_;
    std::this_thread::sleep_for(kInterval);
  }
}

void SecondWriter::reconcile(const Api& api, const Project& project) {
  const Json config = api.get(project.config_path());
  const Status wanted = status_by_kargo(api, project, config, base_url_);
  if (wanted == status_of(config)) return;
  const std::string generation = config.at("/metadata/generation");
  std::string conditions =
      condition("Ready", wanted.ready, wanted.reason, wanted.message, generation);
  if (wanted.reconciling) {
    conditions.append(",").append(condition("Reconciling", "True", "Syncing", "again", generation));
  }
  api.merge_patch(
      project.config_path() + "/status",
      fmt::format(R"({{"status": {{"webhookReceivers": {}, "conditions": [{}],
                                   "observedGeneration": {}}}}})",
                  wanted.receivers.empty() ? "null" : wanted.receivers, conditions, generation));
  ++writes_;
}

}  // namespace receiver::integration
