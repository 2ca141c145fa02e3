#include "cmd/receiverctl/check_cluster.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/receiverctl/check_kargo.h"
#include "cmd/receiverctl/receivers.h"
#include "json/json.h"
#include "kube/lease.h"

namespace receiver::ctl {
namespace {

using kube::ApiError;

constexpr const char* kSeeLog = "see `kubectl get pods`, and the operator's log";

/// Reads `/version`. Returns how far the API server's clock is ahead, by the date of its answer
/// (zero without one). Nothing if it does not answer.
std::optional<clock::Wall::duration> check_api_server(Cluster& cluster, Findings& findings) {
  const std::string subject = "API server";
  auto stream = cluster.await(cluster.rest().open("/version", kube::Lane::kReads));
  const auto here = clock::Wall::now();
  if (!stream) {
    fail(findings, subject,
         fmt::format("{} does not answer: {}", cluster.server(), stream.error().message),
         "correct the kubeconfig, or log in again");
    return std::nullopt;
  }
  std::string body;
  for (;;) {
    const auto piece = cluster.await((*stream)->next(std::chrono::seconds(10)));
    if (!piece || piece->empty()) break;
    body += *piece;
  }
  const auto version = json::parse(body);
  ok(findings, subject,
     fmt::format("{} answers as Kubernetes {}", cluster.server(),
                 version ? json::string_at(*version, "/gitVersion") : "of an unknown version"));
  const auto date = clock::parse_http_date((*stream)->headers().find("Date").value_or(""));
  if (!date) return clock::Wall::duration::zero();
  findings.push_back(judge_clock(*date, here));
  return *date - here;
}

/// `now`: by the API server's clock.
void check_lease(Cluster& cluster, const std::string& ns, clock::Wall::time_point now,
                 Findings& findings) {
  const std::string subject = "operator";
  const kube::Resource leases{"coordination.k8s.io", "v1", "leases"};
  const auto answer = cluster.await(cluster.rest().get(leases.path({ns, "bitbucket-receiver"})));
  if (answer) return findings.push_back(judge_lease(*answer, now));
  if (answer.error().kind == ApiError::Kind::kNotFound) {
    return warn(findings, subject,
                fmt::format("there is no Lease {}/bitbucket-receiver: no replica has led yet, or "
                            "LEADER_ELECT is false",
                            ns),
                fmt::format("{}; --operator-namespace names another namespace", kSeeLog));
  }
  warn(findings, subject, "cannot tell whether it runs: " + answer.error().message,
       "use an account that may get Leases");
}

}  // namespace

bool check_cluster(Cluster& cluster, const CheckOptions& options, Findings& findings) {
  const auto ahead = check_api_server(cluster, findings);
  if (!ahead) return false;
  for (const NeededKinds& needed : needed_kinds()) {
    const auto answer = cluster.await(cluster.rest().get("/apis/" + needed.group_version));
    findings.push_back(judge_kinds(needed, answer));
  }
  check_lease(cluster, options.pod_namespace, clock::Wall::now() + *ahead, findings);
  check_kargo(cluster, options, findings);
  return true;
}

std::vector<api::ReceiverOwner> check_receivers(Cluster& cluster, const CheckOptions& options,
                                                Findings& findings) {
  auto owners = cluster.owners(options.project);
  if (!owners) {
    fail(findings, "receivers", owners.error().message, "use an account that may list them");
    return {};
  }
  using controllers::SecretAccess;
  const auto access = options.all_secrets ? SecretAccess::kCluster : SecretAccess::kNamespaced;
  bool any = false;
  for (const api::ReceiverOwner& owner : *owners) {
    const auto secrets = cluster.secrets(owner, access);
    if (!secrets) {
      fail(findings, "receivers", secrets.error().message, "use an account that may read it");
      continue;
    }
    for (const ReceiverState& state : receivers_of(owner, *secrets)) {
      any = true;
      const std::string subject = "receiver " + state.str();
      if (state.ready) {
        ok(findings, subject, "is ready; its Secret is " + state.secret_name);
      } else {
        fail(findings, subject, state.why,
             "correct the Secret or the receiver, or see `kubectl "
             "describe`");
      }
      for (const std::string& advice : state.advice) warn(findings, subject, advice, "");
    }
  }
  if (!any) {
    warn(findings, "receivers", "no Bitbucket receiver is declared",
         "add one to spec.webhookReceivers of a project's ProjectConfig: {name: NAME, bitbucket: "
         "{secretRef: {name: SECRET}}}");
  }
  return std::move(*owners);
}

const std::vector<NeededKinds>& needed_kinds() {
  static const std::string upgrade = "upgrade Kubernetes to a version that the chart supports";
  static const std::vector<NeededKinds> needed{
      {"kargo.akuity.io/v1alpha1",
       {"projectconfigs", "clusterconfigs", "warehouses", "promotions"},
       "install Kargo, or, to try the operator without it, its CRDs with the chart's "
       "crds.install=true"},
      {"events.k8s.io/v1", {"events"}, upgrade},
      {"coordination.k8s.io/v1", {"leases"}, upgrade},
  };
  return needed;
}

Finding judge_kinds(const NeededKinds& needed, const kube::ApiResult<std::string>& answer) {
  const std::string subject = "kinds of " + needed.group_version;
  if (!answer) {
    if (answer.error().kind == ApiError::Kind::kNotFound) {
      return {Level::kFailure, subject, "none is served", needed.remedy};
    }
    return {Level::kFailure, subject, answer.error().message,
            "use an account that may read what the API server serves, or try again"};
  }
  std::set<std::string, std::less<>> served;
  const auto list = json::parse(*answer);
  const rapidjson::Value* resources = list ? json::find(*list, "/resources") : nullptr;
  if (resources != nullptr && resources->IsArray()) {
    for (const auto& resource : resources->GetArray()) {
      served.emplace(json::string_at(resource, "/name"));
    }
  }
  std::vector<std::string> missing;
  for (const std::string& plural : needed.plurals) {
    if (!served.contains(plural)) missing.push_back(plural);
  }
  if (!missing.empty()) {
    return {Level::kFailure, subject, fmt::format("{} not served", fmt::join(missing, ", ")),
            needed.remedy};
  }
  return {Level::kOk, subject, fmt::format("{} are served", fmt::join(needed.plurals, ", "))};
}

Finding judge_clock(clock::Wall::time_point server, clock::Wall::time_point here) {
  // The server's date is in whole seconds.
  const auto ahead = std::chrono::duration_cast<std::chrono::seconds>(here - server);
  if (std::chrono::abs(ahead) <= kClockTolerance) {
    return {Level::kOk, "clock", "agrees with the API server's"};
  }
  return {Level::kWarning, "clock",
          fmt::format("is {} s {} the API server's", std::chrono::abs(ahead).count(),
                      ahead.count() > 0 ? "ahead of" : "behind"),
          "set both by NTP: certificates and tokens are judged by it"};
}

Finding judge_lease(const std::string& json, clock::Wall::time_point now) {
  const auto lease = kube::parse_lease(json);
  if (!lease) return {Level::kWarning, "operator", "its Lease: " + lease.error(), kSeeLog};
  const auto renewed = clock::parse_rfc3339(lease->record.renew_time);
  using std::chrono::seconds;
  const seconds age =
      std::chrono::time_point_cast<seconds>(now) -
      std::chrono::time_point_cast<seconds>(renewed.value_or(clock::Wall::time_point{}));
  if (lease->record.holder.empty() && age >= -kClockTolerance && age <= kHandover) {
    return {Level::kWarning, "operator",
            fmt::format("its last leader gave the Lease back {} s ago: no other has it yet",
                        std::max(age, seconds::zero()).count()),
            "check again in a few seconds: replicas ask for it every 2 s"};
  }
  if (lease->record.holder.empty() || !renewed) {
    return {Level::kFailure, "operator", "no replica holds its Lease: the operator does not run",
            kSeeLog};
  }
  const std::string holder = lease->record.holder.substr(0, lease->record.holder.rfind('_'));
  if (age > lease->record.duration) {
    return {Level::kFailure, "operator",
            fmt::format("{} has not renewed its Lease for {} s: the operator does not run", holder,
                        age.count()),
            kSeeLog};
  }
  return {Level::kOk, "operator", fmt::format("runs; {} leads", holder)};
}

std::string base_of(const std::string& receiver_url) {
  const std::size_t hex = receiver_url.rfind('/');
  const std::size_t type =
      hex == std::string::npos || hex == 0 ? std::string::npos : receiver_url.rfind('/', hex - 1);
  const std::size_t scheme = receiver_url.find("://");
  if (type == std::string::npos || scheme == std::string::npos || type < scheme + 3) return {};
  return receiver_url.substr(0, type);
}

Finding judge_base_url(const std::vector<api::ReceiverOwner>& owners, const std::string& expected,
                       std::string& base) {
  const std::string subject = "base URL";
  std::map<std::string, std::string> users;  ///< of each base URL, one
  for (const api::ReceiverOwner& owner : owners) {
    for (const api::PublishedReceiver& receiver : owner.status.webhook_receivers) {
      const std::string used = base_of(receiver.url);
      if (used.empty()) continue;
      users.emplace(used, fmt::format("{} {}", kind_name(owner.kind), owner.meta.key.name));
    }
  }
  base = !expected.empty() ? expected : users.size() == 1 ? users.begin()->first : "";
  if (users.empty()) {
    if (base.empty()) {
      return {Level::kWarning, subject, "is not known: no status shows one", "set --base-url"};
    }
    return {Level::kOk, subject, fmt::format("{}; no status shows another", base)};
  }
  std::vector<std::string> shown;
  for (const auto& [used, user] : users) {
    if (used != base) shown.push_back(fmt::format("{} (of {})", used, user));
  }
  if (shown.empty()) return {Level::kOk, subject, base + "; all statuses show it"};
  const std::string others = fmt::format("{}", fmt::join(shown, ", "));
  return {Level::kFailure, subject,
          base.empty() ? "statuses show different ones: " + others
                       : fmt::format("is {}, but statuses show {}", base, others),
          "configure Kargo and the operator with the same one"};
}

std::string receiver_below(const std::vector<api::ReceiverOwner>& owners, const std::string& base) {
  for (const api::ReceiverOwner& owner : owners) {
    for (const api::PublishedReceiver& published : owner.status.webhook_receivers) {
      const bool of_bitbucket =
          std::ranges::any_of(owner.receivers, [&](const api::Receiver& receiver) {
            return receiver.bitbucket && receiver.name == published.name;
          });
      if (of_bitbucket && base_of(published.url) == base) return published.url;
    }
  }
  return {};
}

}  // namespace receiver::ctl
