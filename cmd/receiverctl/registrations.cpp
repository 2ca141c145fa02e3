#include "cmd/receiverctl/registrations.h"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bitbucket_cpprest/client.h"
#include "bitbucket_rest/registrar.h"
#include "cmd/receiverctl/bitbucket.h"
#include "cmd/receiverctl/interruption.h"
#include "cmd/receiverctl/pull_request_steps.h"
#include "cmd/receiverctl/trace.h"
#include "cmd/receiverctl/visits.h"
#include "cmd/version.h"
#include "controllers/desired_webhooks.h"
#include "http/proxy.h"
#include "kube/resource.h"
#include "text/ascii.h"

namespace receiver::ctl {
namespace {

namespace rest = bitbucket_rest;
using controllers::BaseUrl;
using controllers::DesiredWebhooks;

/// The operator's base URL, if the status shows it.
BaseUrl published_base(const api::ReceiverOwner& owner) {
  for (const api::PublishedReceiver& published : owner.status.webhook_receivers) {
    const std::size_t end = published.url.rfind("/bitbucket/");
    if (end == std::string::npos) continue;
    if (auto base = controllers::parse_base_url(published.url.substr(0, end))) return *base;
  }
  return {.origin = {}, .path = {}};
}

/// What is wrong with the webhook, and what to do; empty if it is correct.
std::string trouble(const rest::Plan& plan) {
  switch (plan.action) {
    case rest::Action::kNone:
      return {};
    case rest::Action::kSkip:
    case rest::Action::kPostpone:
      return plan.reason;
    case rest::Action::kCreate:
      return "it has no webhook yet: is the operator running? its Events say what stops it";
    case rest::Action::kUpdate:
    case rest::Action::kDelete:
      break;
  }
  std::vector<std::string_view> fields;
  fields.reserve(plan.differences.size());
  for (const rest::Difference& difference : plan.differences) fields.push_back(difference.field);
  return fmt::format(
      "its webhook must be corrected ({}), by the operator's next round or `receiverctl register`",
      fmt::join(fields, ", "));
}

/// The state of the webhooks in Bitbucket.
void count_registered(Context& context, const DesiredWebhooks& desired,
                      const http::ProxySettings& proxy, Registrations& found) {
  found.wanted = desired.repositories.size();
  if (!desired.problem.empty()) found.failures.push_back(desired.problem);
  for (const std::string& name : desired.outside) {
    found.failures.push_back(
        fmt::format("{}: outside the Secret's bitbucket.allow: add its workspace or project key "
                    "there, or remove the subscription from the project's Warehouses",
                    name));
  }
  const auto client = bitbucket_cpprest::Client::create(
      {.authorization = desired.access->authorization,
       .ca_pem = std::string(desired.access->ca.view()),
       .proxy = proxy,
       .user_agent = user_agent("receiverctl"),
       .deadline = context.request_timeout.value_or(bitbucket_cpprest::ClientOptions().deadline),
       .given_up = Interruption::happened,
       .ca_name = "the Secret's key bitbucket.ca"});
  if (!client) {
    found.failures.push_back("bitbucket.ca: " + client.error());
    return;
  }
  // Each asks for its inherited webhooks itself; they are rarely needed.
  const auto make = [&](const rest::Repository& repository) {
    return rest::Registration{.repository = repository,
                              .wanted = desired.wanted,
                              .dry_run = true,
                              .purpose = rest::Purpose::kUpkeep};
  };
  const auto how = [](const rest::Plan& plan) {
    return trouble(plan).empty() ? "registered" : "not registered";
  };
  const auto visits = visit_each<rest::RegisterWebhook>(context, traced(context, sender(*client)),
                                                        desired.repositories, make, how);
  found.code = visits.code;
  for (const auto& [repository, plan] : visits.all) {
    const std::string why = plan ? trouble(*plan) : plan.error().message;
    if (why.empty()) {
      ++found.registered;
    } else {
      found.failures.push_back(fmt::format("{}: {}", repository.name(), why));
    }
  }
}

}  // namespace

std::vector<std::string> why_not_registered(const api::Secret& secret,
                                            const std::string& secret_name,
                                            const controllers::BitbucketHosts& hosts) {
  if (!secret.bitbucket) return {};
  const std::string wish = text::ascii_lower(text::trim(secret.bitbucket->registers.view()));
  if ((wish.empty() || wish == "false") && secret.bitbucket->register_problem.empty()) return {};
  const auto checked = controllers::check_access(*secret.bitbucket, &hosts, secret_name);
  if (checked.access && checked.access->registers) return {};
  std::vector<std::string> why;
  why.reserve(checked.refusals.size());
  for (const auto& refusal : checked.refusals) why.push_back(refusal.message);
  return why;
}

Result<std::map<std::string, Registrations>> ask_for_registrations(
    Cluster& cluster, Context& context, const api::ReceiverOwner& owner,
    const controllers::SecretLookup& secrets, const Warehouses& warehouses,
    const Promotions& promotions, bool interrupted) {
  const auto hosts =
      controllers::BitbucketHosts::parse(context.environment("BITBUCKET_HOSTS").value_or(""));
  if (!hosts) return wrong_usage("BITBUCKET_HOSTS contains an entry that is not a host");
  const auto proxy = http::proxy_settings(context.environment);
  if (!proxy) return wrong_usage(proxy.error());
  const BaseUrl base = published_base(owner);
  const auto derived = controllers::derive_receivers(owner, secrets, base, &*hosts);
  std::map<std::string, Registrations> all;
  for (const api::Receiver& receiver : owner.receivers) {
    if (!receiver.bitbucket || !kube::is_subdomain(receiver.secret_name)) continue;
    auto why =
        why_not_registered(secrets(receiver.secret_name).secret, receiver.secret_name, *hosts);
    if (!why.empty()) all[receiver.name].failures = std::move(why);
  }
  if (!controllers::registers(derived)) return all;
  const std::string& project = owner.project();
  auto reached = controllers::reached_by({project}, warehouses, promotions, {})[project];
  const auto steps = look_for_pull_request_steps(cluster, project);
  if (!steps) return tl::unexpected(steps.error());
  reached.pull_requests = reached.pull_requests || steps->found;
  for (const auto& desired : controllers::desired_webhooks(owner, derived, base, reached)) {
    Registrations& found = all[desired.receiver];
    if (interrupted) {
      found.wanted = desired.repositories.size();
      found.failures.emplace_back("interrupted before Bitbucket was asked");
      found.code = ExitCode::kInterrupted;
    } else {
      count_registered(context, desired, *proxy, found);
      interrupted = found.code == ExitCode::kInterrupted;
    }
  }
  return all;
}

}  // namespace receiver::ctl
