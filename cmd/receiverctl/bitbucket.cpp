#include "cmd/receiverctl/bitbucket.h"

#include <chrono>
#include <set>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bitbucket_rest/authorization.h"
#include "cmd/receiverctl/files.h"
#include "cmd/receiverctl/interruption.h"
#include "cmd/receiverctl/visits.h"
#include "cmd/version.h"
#include "controllers/derive.h"
#include "text/ascii.h"

namespace receiver::ctl {
namespace {

namespace rest = bitbucket_rest;

Result<crypto::SecretString> read_token(Context& context, const BitbucketOptions& options) {
  if (!options.token_file.empty()) {
    auto text = read_private(context, options.token_file);
    if (!text) return tl::unexpected(text.error());
    return crypto::SecretString(std::move(*text));
  }
  auto value = context.environment("BITBUCKET_TOKEN");
  if (!value) return wrong_usage("a token is needed: set BITBUCKET_TOKEN, or give --token-file");
  return crypto::SecretString(std::move(*value));
}

tl::expected<bitbucket_cpprest::Client, std::string> create_client(
    const Context& context, bitbucket_cpprest::ClientOptions options) {
  options.user_agent = user_agent("receiverctl");
  options.deadline = context.request_timeout.value_or(options.deadline);
  options.given_up = Interruption::happened;
  return bitbucket_cpprest::Client::create(std::move(options));
}

/// Two visits to one repository at the same time would create two webhooks. Bitbucket ignores
/// letter case.
void keep_each_once(std::vector<rest::Repository>& repositories) {
  std::set<std::string> known;
  std::erase_if(repositories, [&](const rest::Repository& repository) {
    return !known.insert(text::ascii_lower(repository.name())).second;
  });
}

}  // namespace

void add_repositories(CLI::App& command, BitbucketOptions& options) {
  CLI::Option* repo =
      command
          .add_option("--repo", options.repositories,
                      "A repository, by its clone URL or the address of its page; any number of "
                      "them.")
          ->option_text("URL");
  command
      .add_flag("--all-subscribed", options.all_subscribed,
                "Every Bitbucket repository that the project's Warehouses subscribe to.")
      ->excludes(repo);
}

void add_access(CLI::App& command, BitbucketOptions& options) {
  command
      .add_option("--token-file", options.token_file,
                  "File that contains the token; - for standard input. If not given: "
                  "BITBUCKET_TOKEN.")
      ->option_text("FILE");
  command
      .add_option("--username", options.username,
                  "The account's e-mail address, for an account's API token of Bitbucket Cloud. If "
                  "not given: BITBUCKET_USERNAME.")
      ->option_text("U");
  CLI::Option* bitbucket_url = command.add_option(
      "--bitbucket-url", options.bitbucket_url,
      "Address of Data Center, with its context path. If not given: the one that --repo names. "
      "--all-subscribed sends the token only to this Data Center.");
  bitbucket_url->option_text("URL");
  command
      .add_option(
          "--cloud-url", options.cloud_url,
          fmt::format("Address of Bitbucket Cloud's API. If not given: {}.", rest::kCloudApi))
      ->option_text("URL")
      ->excludes(bitbucket_url);
  command
      .add_option("--ca-file", options.ca_file, "PEM file of CAs to trust besides the system's.")
      ->option_text("FILE");
}

void require(const BitbucketOptions& options) {
  if (options.repositories.empty() && !options.all_subscribed) {
    throw CLI::RequiredError("--repo or --all-subscribed");
  }
}

Result<bitbucket_cpprest::Client> connect(Context& context, const BitbucketOptions& options) {
  const auto token = read_token(context, options);
  if (!token) return tl::unexpected(token.error());
  const std::string user = options.username.empty()
                               ? context.environment("BITBUCKET_USERNAME").value_or("")
                               : options.username;
  const auto authorization = rest::authorization(user, *token);
  if (!authorization) return wrong_usage(authorization.error());
  auto ca_pem = read_optional(context, options.ca_file);
  if (!ca_pem) return tl::unexpected(ca_pem.error());
  auto proxy = http::proxy_settings(context.environment);
  if (!proxy) return wrong_usage(proxy.error());
  auto client = create_client(
      context,
      {.authorization = *authorization, .ca_pem = std::move(*ca_pem), .proxy = std::move(*proxy)});
  if (!client) return unreachable(options.ca_file + " " + client.error());
  return std::move(*client);
}

tl::expected<bitbucket_cpprest::Client, std::string> connect(
    const Context& context, const controllers::BitbucketAccess& access,
    const http::ProxySettings& proxy) {
  auto client = create_client(context, {.authorization = access.authorization,
                                        .ca_pem = std::string(access.ca.view()),
                                        .proxy = proxy,
                                        .ca_name = "the Secret's key bitbucket.ca"});
  if (!client) return tl::unexpected("bitbucket.ca: " + client.error());
  return client;
}

Result<rest::Selection> select(Cluster& cluster, const std::string& project,
                               const BitbucketOptions& options) {
  if (options.all_subscribed) {
    const auto warehouses = cluster.warehouses(project);
    if (!warehouses) return tl::unexpected(warehouses.error());
    return select_subscribed(**warehouses, options);
  }
  const rest::Servers servers{options.bitbucket_url, options.cloud_url};
  rest::Selection selection;
  for (const std::string& url : options.repositories) {
    auto repository = rest::parse_repository(url, servers);
    if (!repository) return wrong_usage(repository.error());
    if (!selection.repositories.empty() &&
        repository->server != selection.repositories.front().server) {
      return wrong_usage(
          fmt::format("{} and {} are two Bitbucket servers, and a token belongs to one",
                      selection.repositories.front().server, repository->server));
    }
    selection.repositories.push_back(std::move(*repository));
  }
  keep_each_once(selection.repositories);
  return selection;
}

Result<rest::Selection> select_subscribed(const Warehouses& warehouses,
                                          const BitbucketOptions& options) {
  std::set<std::string> urls;
  for (const auto& warehouse : warehouses.list()) {
    for (const auto& subscription : warehouse->subscriptions) urls.insert(subscription.repo_url);
  }
  auto selection = rest::select_repositories({urls.begin(), urls.end()},
                                             {options.bitbucket_url, options.cloud_url});
  if (!selection) return wrong_usage(selection.error());
  keep_each_once(selection->repositories);
  return std::move(*selection);
}

std::vector<std::string> leave_out(std::vector<rest::Repository>& repositories,
                                   const rest::AllowList& allowed) {
  std::vector<std::string> outside;
  std::erase_if(repositories, [&](const rest::Repository& repository) {
    if (allowed.allows(repository)) return false;
    outside.push_back(repository.name());
    return true;
  });
  return outside;
}

void tell_skipped(Context& context, const std::vector<std::string>& urls) {
  constexpr std::size_t kShown = 3;
  if (urls.empty()) return;
  context.err << fmt::format("skipped: {}: {}\n", few_of(urls, kShown), kElsewhere);
}

rest::WantedWebhook webhook_of(const ReceiverAccess& access, const std::string& project,
                               const std::string& receiver) {
  rest::WantedWebhook wanted{.name = rest::webhook_name(project, receiver),
                             .mark = rest::webhook_mark(access.owner_uid, receiver),
                             .url = access.url,
                             .secret = access.secret};
  if (access.previous) {
    // The base URL is not known here, and is the same for both.
    const std::string path = controllers::receiver_path({.origin = {}, .path = {}}, project,
                                                        receiver, access.previous->view());
    wanted.former_url = access.url.substr(0, access.url.size() - path.size()) + path;
  }
  return wanted;
}

}  // namespace receiver::ctl
