#include "cmd/receiverctl/check.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include "cmd/receiverctl/check_bitbucket.h"
#include "cmd/receiverctl/check_cluster.h"
#include "cmd/receiverctl/check_permissions.h"
#include "cmd/receiverctl/check_web.h"
#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/files.h"
#include "cmd/receiverctl/operator_deployment.h"
#include "cmd/receiverctl/whose.h"
#include "controllers/derive.h"

namespace receiver::ctl {
namespace {

constexpr const char* kCheckExamples = R"(Examples:
  receiverctl check
  receiverctl check -n kargo-demo
  receiverctl check --service-account kargo/kargo-external-webhooks-server
  receiverctl check --via http://bitbucket-receiver.kargo                 # in the cluster, by its Service
  receiverctl check --project kargo-demo --base-url https://hooks.example.com/kargo -o json
  kubectl -n kargo exec deploy/bitbucket-receiver -- receiverctl check    # as the operator itself

Permissions: the command checks those of the operator's account, which its Deployment names. The
Deployment has the label app.kubernetes.io/name=bitbucket-receiver. You need the permissions to list
deployments.apps in the operator's namespace, and to create subjectaccessreviews.authorization.k8s.io.

Bitbucket: if a receiver's Secret contains a token, the command checks which repositories the token can
read, and the receiver's webhooks. BITBUCKET_HOSTS must list a Data Center. For receivers whose Secret
contains no token, it checks the webhooks with the token in BITBUCKET_TOKEN, as `receiverctl register`
does (also BITBUCKET_USERNAME).)";

Result<std::string> expected_base_url(const CheckOptions& options) {
  if (options.base_url.empty()) return std::string();
  const auto base = controllers::parse_base_url(options.base_url);
  if (!base) return wrong_usage("--base-url: " + base.error());
  return base->origin + base->path;
}

/// What to check from outside. Empty: not known.
struct Published {
  std::string base{};          ///< the base URL
  std::string receiver_url{};  ///< of some receiver below it
};

Published check_all_of_cluster(Context& context, CheckOptions options, const std::string& expected,
                               Findings& findings) {
  const auto cluster = Cluster::connect(context);
  if (!cluster) {
    fail(findings, "kubeconfig", cluster.error().message, "set --kubeconfig");
    return {expected};
  }
  ok(findings, "kubeconfig", "names " + (*cluster)->server());
  if (!check_cluster(**cluster, options, findings)) return {expected};
  // If the caller may not list all projects, check the kubeconfig's.
  if (options.project.empty() && !(*cluster)->owners("")) {
    options.project = project_of_kubeconfig(context);
  }
  const auto account = operator_account(**cluster, options, findings);
  if (account) check_permissions(**cluster, options, *account, context.system_namespace, findings);
  const auto owners = check_receivers(**cluster, options, findings);
  if (check_bitbucket(**cluster, context, options, owners, findings) && account) {
    check_registration(**cluster, options, *account, findings);
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
  const auto servers = bitbucket_rest::select_repositories(
      {}, {options.bitbucket.bitbucket_url, options.bitbucket.cloud_url});
  if (!servers) return wrong_usage(servers.error());
  const auto ca_pem = read_optional(context, options.bitbucket.ca_file);
  if (!ca_pem) return tl::unexpected(ca_pem.error());
  Findings findings;
  const Published published = check_all_of_cluster(context, options, *expected, findings);
  Asking asking{.ca_pem = *ca_pem, .trace = trace_of(context)};
  asking.patience = context.request_timeout.value_or(asking.patience);
  if (!published.base.empty() && via) {
    check_via(*via, published.base, published.receiver_url, std::move(asking), findings);
  } else if (!published.base.empty()) {
    check_web(published.base, published.receiver_url, asking, findings);
  }
  context.out << (is_document(context.format) ? findings_document(findings, context.format)
                                              : findings_text(findings, Layout(context)));
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
  options->in_operators_pod = context.environment("POD_NAME").has_value();
  options->all_secrets = variable("SECRET_ACCESS") == "cluster";
  CLI::App* command = app.add_subcommand(
      "check", "Check whether everything is in place, as seen from here, and show remedies.");
  add_project(*command, options->project,
              "Only receivers of this project. If not given: all; or of the namespace of the "
              "kubeconfig's context, if you may not list all.");
  command
      ->add_option("--base-url", options->base_url,
                   "The operator's base URL. If not given: EXTERNAL_WEBHOOK_SERVER_BASE_URL, or "
                   "the one in the statuses.")
      ->option_text("U");
  add_operator_namespace(*command, context, options->pod_namespace);
  command
      ->add_option("--service-account", options->service_account,
                   "Check the permissions of this account. If not given: of the account that the "
                   "operator's Deployment names.")
      ->option_text("NAMESPACE/NAME");
  command->add_flag("--all-secrets", options->all_secrets,
                    "The operator runs with SECRET_ACCESS=cluster.");
  command
      ->add_option("--ca-file", options->bitbucket.ca_file,
                   "PEM file of CAs to trust: for the base URL instead of the system's, for "
                   "--bitbucket-url besides them.")
      ->option_text("FILE");
  command
      ->add_option("--bitbucket-url", options->bitbucket.bitbucket_url,
                   "Address of the Data Center that BITBUCKET_TOKEN is for, with its context path. "
                   "If not given: the token is for Bitbucket Cloud.")
      ->option_text("URL");
  command
      ->add_option("--via", options->via,
                   "Where to ask instead of the base URL, whose name and certificate are then not "
                   "checked: http(s)://HOST:PORT of the Service.")
      ->option_text("ORIGIN");
  command->footer(std::string(kCheckExamples) +
                  "\n\nExit code 1: there is a failure. Others: see `receiverctl --help`.");
  command->callback([&context, options] {
    auto& bitbucket = options->bitbucket;
    // Also if Warehouses subscribe to Data Centers.
    if (!bitbucket.bitbucket_url) bitbucket.cloud_url = bitbucket_rest::kCloudApi;
    context.command = [&context, options] { return check(context, *options); };
  });
}

}  // namespace receiver::ctl
