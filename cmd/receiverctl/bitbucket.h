#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "bitbucket_cpprest/client.h"
#include "bitbucket_rest/allow_list.h"
#include "bitbucket_rest/repository.h"
#include "bitbucket_rest/webhook_plan.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/context.h"
#include "controllers/bitbucket_access.h"
#include "http/proxy.h"

/// What the commands that change webhooks share: which repositories of which Bitbucket they mean,
/// and how they ask it.
namespace receiver::ctl {

struct BitbucketOptions {
  std::vector<std::string> repositories;
  bool all_subscribed = false;
  std::optional<std::string> bitbucket_url;
  std::optional<std::string> cloud_url;
  std::string username;
  std::string token_file;
  std::string ca_file;
};

/// Adds --repo and --all-subscribed.
void add_repositories(CLI::App& command, BitbucketOptions& options);
/// Adds the others.
void add_access(CLI::App& command, BitbucketOptions& options);
/// For the command's callback: throws CLI::RequiredError unless repositories are selected.
void require(const BitbucketOptions& options);

/// Uses the token of the options. Sends nothing yet.
[[nodiscard]] Result<bitbucket_cpprest::Client> connect(Context& context,
                                                        const BitbucketOptions& options);
/// Uses the token and the CAs of a receiver's Secret, whose key the error names.
[[nodiscard]] tl::expected<bitbucket_cpprest::Client, std::string> connect(
    const Context& context, const controllers::BitbucketAccess& access,
    const http::ProxySettings& proxy);
/// Sends requests through the client, which must outlive the result.
[[nodiscard]] inline bitbucket_rest::Send sender(const bitbucket_cpprest::Client& client) {
  return [&client](const bitbucket_rest::ApiRequest& request) { return client.send(request); };
}
/// The repositories that are named, or that the project's Warehouses subscribe to.
[[nodiscard]] Result<bitbucket_rest::Selection> select(Cluster& cluster, const std::string& project,
                                                       const BitbucketOptions& options);

/// Those that the project's Warehouses subscribe to; --repo is ignored.
[[nodiscard]] Result<bitbucket_rest::Selection> select_subscribed(const Warehouses& warehouses,
                                                                  const BitbucketOptions& options);
/// Removes the repositories outside `bitbucket.allow`, and returns their names.
[[nodiscard]] std::vector<std::string> leave_out(
    std::vector<bitbucket_rest::Repository>& repositories,
    const bitbucket_rest::AllowList& allowed);

/// Why a subscribed repository is skipped.
inline constexpr const char* kElsewhere = "not known to be on this Bitbucket";
/// Of such URLs, in one line.
void tell_skipped(Context& context, const std::vector<std::string>& urls);

/// What identifies the receiver's webhooks; the empty project means the ClusterConfig.
[[nodiscard]] bitbucket_rest::WantedWebhook webhook_of(const ReceiverAccess& access,
                                                       const std::string& project,
                                                       const std::string& receiver);

}  // namespace receiver::ctl
