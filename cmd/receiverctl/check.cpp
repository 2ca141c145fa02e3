#include "cmd/receiverctl/check.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include "cmd/receiverctl/check_bitbucket.h"
#include "cmd/receiverctl/check_cluster.h"
#include "cmd/receiverctl/check_web.h"
#include "cmd/receiverctl/files.h"
#include "controllers/derive.h"

namespace receiver::ctl {
namespace {

constexpr const char* kCheckExamples = R"(Examples:
  receiverctl check
  receiverctl check --service-account kargo/kargo-external-webhooks-server
  receiverctl check --via http://bitbucket-receiver.kargo                 # in the cluster, by its Service
  receiverctl check --project kargo-demo --base-url https://hooks.example.com/kargo -o json
  kubectl -n kargo exec deploy/bitbucket-receiver -- receiverctl check    # as the operator itself)";

Result<std::string> expected_base_url(const CheckOptions& options) {
  if (options.base_url.empty()) return std::string();
  const auto base = controllers::parse_base_url(options.base_url);
  if (!base) return wrong_usage("--base-url: " + base.error());
  return base->origin + base->path;
}

/// What to look at from outside. Empty: not known.
struct Published {
  std::string base{};          ///< the base URL
  std::string receiver_url{};  ///< of some receiver below it
};

Published check_all_of_cluster(Context& context, const CheckOptions& options,
                               const std::string& expected, Findings& findings) {
  const auto cluster = Cluster::connect(context);
  if (!cluster) {
    fail(findings, "kubeconfig", cluster.error().message, "name one by --kubeconfig");
    return {expected};
  }
  ok(findings, "kubeconfig", "names " + (*cluster)->server());
  if (!check_cluster(**cluster, options, context.system_namespace, findings)) return {expected};
  const auto owners = check_receivers(**cluster, options, findings);
  if (check_bitbucket(**cluster, context, options, owners, findings)) {
    check_registration(**cluster, options, findings);
  }
  Published published;
  findings.push_back(judge_base_url(owners, expected, published.base));
  published.receiver_url = receiver_below(owners, published.base);
  return published;
}

Result<ExitCode> check(Context& context, const CheckOptions& options) {
  const auto expected = expected_base_url(options);
  if (!expected) return tl::unexpected(expected.error());
  if (!options.service_account.empty() && options.service_account.find('/') == std::string::npos) {
    return wrong_usage("--service-account: expected NAMESPACE/NAME");
  }
  std::optional<http::ServerUrl> via;
  if (!options.via.empty()) {
    auto address = parse_web_address(options.via);
    if (!address) return wrong_usage("--via: " + address.error().message);
    via = std::move(*address);
  }
  const auto ca_pem = read_optional(context, options.ca_file);
  if (!ca_pem) return tl::unexpected(ca_pem.error());
  Findings findings;
  const Published published = check_all_of_cluster(context, options, *expected, findings);
  if (!published.base.empty() && via) {
    check_via(*via, published.base, published.receiver_url, findings);
  } else if (!published.base.empty()) {
    check_web(published.base, published.receiver_url, *ca_pem, findings);
  }
  context.out << (context.format == Format::kJson ? findings_json(findings)
                                                  : findings_text(findings, context.colours));
  const bool failed = std::ranges::any_of(
      findings, [](const Finding& finding) { return finding.level == Level::kFailure; });
  return failed ? ExitCode::kNotWell : ExitCode::kOk;
}

}  // namespace

void add_check(CLI::App& app, Context& context) {
  const auto options = std::make_shared<CheckOptions>();
  const auto variable = [&context](const char* name) {
    return context.environment(name).value_or("");
  };
  options->base_url = variable("EXTERNAL_WEBHOOK_SERVER_BASE_URL");
  options->pod_namespace = context.environment("POD_NAMESPACE").value_or("kargo");
  options->all_secrets = variable("SECRET_ACCESS") == "cluster";
  CLI::App* command = app.add_subcommand(
      "check", "See whether everything is in place, from where it runs; tell what to do if not.");
  command->add_option("--project", options->project, "Only its receivers. If not given: all.")
      ->option_text("P");
  command
      ->add_option("--base-url", options->base_url,
                   "What the operator is configured with. If not given: "
                   "EXTERNAL_WEBHOOK_SERVER_BASE_URL, or what the statuses show.")
      ->option_text("U");
  command
      ->add_option("--operator-namespace", options->pod_namespace,
                   "Where it runs. If not given: POD_NAMESPACE, or kargo.")
      ->option_text("NAMESPACE");
  command
      ->add_option("--service-account", options->service_account,
                   "Check the permissions of this account, rather than those of whoever asks.")
      ->option_text("NAMESPACE/NAME");
  command->add_flag("--all-secrets", options->all_secrets,
                    "The operator runs with SECRET_ACCESS=cluster.");
  command
      ->add_option("--ca-file", options->ca_file,
                   "Authorities to believe instead of the system's, in PEM.")
      ->option_text("FILE");
  command
      ->add_option("--via", options->via,
                   "Where to look for answers instead of the base URL, whose name and certificate "
                   "are not looked at then: http(s)://HOST:PORT of the Service.")
      ->option_text("ORIGIN");
  command->footer(std::string(kCheckExamples) +
                  "\n\nExit code 1: there is a failure. Others: see `receiverctl --help`.");
  command->callback([&context, options] {
    context.command = [&context, options] { return check(context, *options); };
  });
}

}  // namespace receiver::ctl
