#include "cmd/receiverctl/check_bitbucket.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "bitbucket_cpprest/client.h"
#include "bitbucket_rest/allow_list.h"
#include "bitbucket_rest/questions.h"
#include "cmd/receiverctl/bitbucket.h"
#include "cmd/receiverctl/check_webhooks.h"
#include "cmd/receiverctl/registrations.h"
#include "cmd/receiverctl/trace.h"
#include "cmd/receiverctl/visits.h"
#include "controllers/bitbucket_access.h"
#include "http/proxy.h"

namespace receiver::ctl {
namespace {

namespace rest = bitbucket_rest;
using controllers::BitbucketAccess;
using controllers::BitbucketHosts;

/// By name, so that each is asked once, even if Warehouses use different URLs.
std::map<std::string, rest::Repository> subscribed(const Warehouses& warehouses,
                                                   const BitbucketAccess& access) {
  std::map<std::string, rest::Repository> repositories;
  for (const auto& warehouse : warehouses.list()) {
    for (const git::Subscription& subscription : warehouse->subscriptions) {
      auto repository = access.repository(subscription.repo_url);
      if (repository) repositories.try_emplace(repository->name(), std::move(*repository));
    }
  }
  return repositories;
}

/// The repositories to ask for, and the number of the others.
std::pair<std::vector<rest::Repository>, std::size_t> asked_for(const Warehouses& warehouses,
                                                                const BitbucketAccess& access) {
  std::vector<rest::Repository> repositories;
  std::size_t left_out = 0;
  for (const auto& [name, repository] : subscribed(warehouses, access)) {
    if (repositories.size() < kMaxAskedRepositories) {
      repositories.push_back(repository);
    } else {
      ++left_out;
    }
  }
  return {std::move(repositories), left_out};
}

AskedRepositories ask_for_each(const rest::Send& send, const BitbucketAccess& access,
                               const std::vector<rest::Repository>& repositories) {
  AskedRepositories asked;
  asked.server = access.server;
  for (const rest::Repository& repository : repositories) {
    rest::DefaultBranch question(repository);
    rest::run(question, send);
    asked.near_limit = asked.near_limit || question.near_limit();
    // A readable repository without a default branch.
    const bool empty =
        !question.result() && question.result().error().kind == rest::ApiFailure::kUnknown;
    if (question.result() || empty) {
      ++asked.readable;
    } else {
      asked.refusals.push_back({repository.name(), std::move(question.result().error())});
    }
  }
  return asked;
}

/// What all receivers share.
struct Surroundings {
  Cluster& cluster;
  Context& context;
  const CheckOptions& options;
  BitbucketHosts hosts;
  http::ProxySettings proxy;
  Findings& findings;
  /// The caller's token is one for all receivers.
  std::size_t callers_requests = kMaxAskedRepositories;
  std::size_t not_asked_as_caller = 0;
};

std::string full_name(const api::ReceiverOwner& owner, const api::Receiver& receiver) {
  return owner.project().empty() ? receiver.name : owner.project() + "/" + receiver.name;
}

void append(Findings& findings, const Findings& found) {
  findings.insert(findings.end(), found.begin(), found.end());
}

std::string not_asked_text(std::size_t count) {
  return fmt::format("{} more {} not checked, to save the token's hourly limit", count,
                     repository_noun(count));
}

/// Removes the repositories that get no webhook, because `bitbucket.allow` does not list them.
void drop_disallowed(std::vector<rest::Repository>& repositories, const rest::AllowList& allowed,
                     const std::string& subject, Findings& findings) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> outside = leave_out(repositories, allowed);
  if (outside.empty()) return;
  warn(findings, subject,
       fmt::format("{}: outside the Secret's bitbucket.allow, so no webhook is registered",
                   few_of(std::move(outside), kNamed)),
       "if you trust their owners with the receiver's secret, add them to bitbucket.allow");
}

/// With the token in its Secret. True if it registers its webhooks.
bool check_receiver(Surroundings& common, const api::ReceiverOwner& owner,
                    const api::Receiver& receiver, const api::Secret& secret,
                    const Warehouses& warehouses) {
  const std::string name = full_name(owner, receiver);
  const std::string subject = "Bitbucket of " + name;
  const auto checked =
      controllers::check_access(*secret.bitbucket, &common.hosts, receiver.secret_name);
  for (const auto& refusal : checked.refusals) {
    warn(common.findings, subject, refusal.message, "correct the Secret");
  }
  if (!checked.access) return false;
  const auto client = connect(common.context, *checked.access, common.proxy);
  if (!client) {
    fail(common.findings, subject, client.error(), "correct the Secret");
    return false;
  }
  auto [repositories, left_out] = asked_for(warehouses, *checked.access);
  auto asked = ask_for_each(traced(common.context, sender(*client)), *checked.access, repositories);
  asked.not_asked = left_out;
  append(common.findings, judge_repositories(name, asked));
  if (const auto& allow = checked.access->allow) {
    drop_disallowed(repositories, *allow, "webhooks of " + name, common.findings);
  }
  const bool registers = checked.access->registers;
  const auto states =
      ask_for_webhooks(common.context, *client, owner, receiver, secret, repositories);
  append(common.findings, judge_webhooks(name, states, registers, clock::Wall::now()));
  return registers;
}

/// The settings in a Secret without a token, which must not ask for registration. Nothing if they
/// cannot be read.
std::optional<WebhookSettings> check_settings(Surroundings& common, const api::ReceiverOwner& owner,
                                              const api::Receiver& receiver) {
  const std::string subject = "Bitbucket of " + full_name(owner, receiver);
  auto settings =
      common.cluster.webhook_settings(common.cluster.secret_key(owner, receiver.secret_name));
  if (!settings) {
    fail(common.findings, subject, settings.error().message, "use an account that may read it");
    return std::nullopt;
  }
  if (asks_for_webhooks(settings->registers.value_or(""))) {
    warn(common.findings, subject,
         fmt::format("Secret {} contains bitbucket.register, but no bitbucket.token: no webhook is "
                     "registered",
                     receiver.secret_name),
         "add the key bitbucket.token, or remove bitbucket.register");
  }
  return std::move(*settings);
}

/// The client with the caller's own token; nothing if there is no token, or it cannot be used.
std::optional<bitbucket_cpprest::Client> callers_client(Surroundings& common) {
  if (common.context.environment("BITBUCKET_TOKEN").value_or("").empty()) return std::nullopt;
  auto client = connect(common.context, common.options.bitbucket);
  if (client) return std::move(*client);
  fail(common.findings, "BITBUCKET_TOKEN", client.error().message, "correct it");
  return std::nullopt;
}

/// The webhooks of a receiver whose Secret contains no token, with the caller's.
void check_as_caller(Surroundings& common, const bitbucket_cpprest::Client& client,
                     const api::ReceiverOwner& owner, const api::Receiver& receiver,
                     const api::Secret& secret, const std::optional<std::string>& allow,
                     const Warehouses& warehouses) {
  const std::string name = full_name(owner, receiver);
  const std::string subject = "webhooks of " + name;
  auto selection = select_subscribed(warehouses, common.options.bitbucket);
  if (!selection) {
    return fail(common.findings, "Warehouses", selection.error().message,
                "use an account that may list them");
  }
  auto& repositories = selection->repositories;
  if (allow) {
    const auto allowed = rest::AllowList::parse(*allow);
    if (!allowed) {
      return warn(common.findings, subject,
                  fmt::format("Secret {}: {}", receiver.secret_name, allowed.error()),
                  "correct the Secret");
    }
    drop_disallowed(repositories, *allowed, subject, common.findings);
  }
  const std::size_t asked = std::min(repositories.size(), common.callers_requests);
  common.callers_requests -= asked;
  common.not_asked_as_caller += repositories.size() - asked;
  repositories.erase(repositories.begin() + static_cast<std::ptrdiff_t>(asked), repositories.end());
  const auto states =
      ask_for_webhooks(common.context, client, owner, receiver, secret, repositories);
  append(common.findings, judge_webhooks(name, states, false, clock::Wall::now()));
}

}  // namespace

bool check_bitbucket(Cluster& cluster, Context& context, const CheckOptions& options,
                     const std::vector<api::ReceiverOwner>& owners, Findings& findings) {
  using controllers::SecretAccess;
  auto hosts = BitbucketHosts::parse(context.environment("BITBUCKET_HOSTS").value_or(""));
  if (!hosts) {
    fail(findings, "BITBUCKET_HOSTS", "contains an entry that is not a host",
         "write HOST[:PORT], separated by commas");
    return false;
  }
  auto proxy = http::proxy_settings(context.environment);
  if (!proxy) {
    fail(findings, "HTTPS_PROXY", proxy.error(), "correct the variable");
    return false;
  }
  Surroundings common{cluster, context, options, std::move(*hosts), std::move(*proxy), findings};
  const auto caller = callers_client(common);
  const auto access = options.all_secrets ? SecretAccess::kCluster : SecretAccess::kNamespaced;
  bool registers = false;
  for (const api::ReceiverOwner& owner : owners) {
    const auto secrets = cluster.secrets(owner, access);
    if (!secrets) continue;  // check_receivers() has reported it
    Result<std::unique_ptr<Warehouses>> warehouses = std::unique_ptr<Warehouses>();
    for (const api::Receiver& receiver : owner.receivers) {
      if (!receiver.bitbucket) continue;
      const auto secret = (*secrets)(receiver.secret_name);
      if (secret.known != controllers::SecretState::Known::kPresent) continue;
      const bool has_token = secret.secret.bitbucket != nullptr;
      const auto settings = has_token ? std::nullopt : check_settings(common, owner, receiver);
      if (!has_token && (!settings || !caller)) continue;
      if (warehouses && !*warehouses) warehouses = cluster.warehouses(owner.project());
      if (!warehouses) {
        fail(findings, "Warehouses", warehouses.error().message,
             "use an account that may list them");
        if (!has_token) continue;
        return registers;
      }
      if (has_token) {
        registers |= check_receiver(common, owner, receiver, secret.secret, **warehouses);
      } else {
        check_as_caller(common, *caller, owner, receiver, secret.secret, settings->allow,
                        **warehouses);
      }
    }
  }
  if (common.not_asked_as_caller > 0) {
    warn(findings, "BITBUCKET_TOKEN", not_asked_text(common.not_asked_as_caller),
         "`receiverctl register --dry-run` checks all of a project");
  }
  return registers;
}

Findings judge_repositories(const std::string& receiver, const AskedRepositories& asked) {
  Findings findings;
  const std::string subject = "Bitbucket of " + receiver;
  for (const auto& [repository, error] : asked.refusals) {
    fail(findings, subject, fmt::format("{} at {}: {}", repository, asked.server, error.message),
         "pushes to it refresh every Warehouse that subscribes to their refs, whatever files "
         "changed");
  }
  if (asked.readable > 0) {
    ok(findings, subject,
       fmt::format("its token can read {} subscribed {} at {}", asked.readable,
                   repository_noun(asked.readable), asked.server));
  } else if (asked.refusals.empty()) {
    warn(findings, subject,
         fmt::format("no Warehouse subscribes to a repository at {}, so its token has no effect",
                     asked.server),
         "correct bitbucket.url, or remove bitbucket.token");
  }
  if (asked.not_asked > 0) {
    warn(findings, subject, not_asked_text(asked.not_asked),
         "look at the metric bitbucket_receiver_bitbucket_questions_total for failures");
  }
  if (asked.near_limit) {
    warn(findings, subject,
         "Bitbucket says that most of the token's requests of this hour are used",
         "give the project a token of its own, or set bitbucket.changed-files to \"false\"");
  }
  return findings;
}

}  // namespace receiver::ctl
