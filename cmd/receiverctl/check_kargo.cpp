#include "cmd/receiverctl/check_kargo.h"

#include <fmt/format.h>

#include "git/semver.h"
#include "json/json.h"

namespace receiver::ctl {
namespace {

constexpr const char* kKargoAccount = "kargo-external-webhooks-server";

}  // namespace

void check_kargo(Cluster& cluster, const CheckOptions& options, Findings& findings) {
  const kube::Resource accounts{"", "v1", "serviceaccounts"};
  const auto account = cluster.get(accounts.path({options.pod_namespace, kKargoAccount}));
  if (!account) return;
  const Findings found = judge_kargo(kargo_version_of(*account));
  findings.insert(findings.end(), found.begin(), found.end());
}

std::string kargo_version_of(const std::string& json) {
  const auto object = json::parse(json);
  if (!object) return {};
  const auto label = [&](const char* name) {
    return json::string_at(*object, fmt::format("/metadata/labels/{}", name));
  };
  // `/` is written `~1` in a JSON pointer.
  if (!label("helm.sh~1chart").starts_with("kargo-")) return {};
  return std::string(label("app.kubernetes.io~1version"));
}

Findings judge_kargo(std::string_view version) {
  Findings findings;
  const auto parsed = git::parse_version(version);
  if (!parsed) return findings;
  const std::string subject = "Kargo";
  const auto before = [&](std::uint64_t minor) {
    return parsed->major < 1 || (parsed->major == 1 && parsed->minor < minor);
  };
  if (before(6)) {
    fail(findings, subject, fmt::format("{} has no webhook receivers", version),
         "upgrade Kargo to 1.6 or newer");
    return findings;
  }
  if (before(9)) {
    warn(findings, subject,
         fmt::format("{} keeps the Secrets of ClusterConfig's receivers in another namespace than "
                     "kargo-system-resources",
                     version),
         "set systemResourcesNamespace to its global.clusterSecretsNamespace");
  }
  if (before(11)) {
    warn(findings, subject,
         fmt::format("{} rejects refreshes of Promotions, on pull request events, without the "
                     "permission to promote",
                     version),
         "upgrade Kargo to 1.11 or newer, or set serviceAccount.promote=true");
  }
  if (findings.empty()) ok(findings, subject, fmt::format("{} is supported", version));
  return findings;
}

}  // namespace receiver::ctl
