#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "api/receiver_owner.h"
#include "api/secret.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/context.h"
#include "controllers/bitbucket_access.h"
#include "controllers/derive.h"

/// The state of the webhooks that the operator registers (`bitbucket.register`).
namespace receiver::ctl {

struct Registrations {
  std::size_t wanted = 0;               ///< repositories that need a webhook
  std::size_t registered = 0;           ///< of those, with a correct one
  std::vector<std::string> failures{};  ///< why others have none, and what to do
  ExitCode code = ExitCode::kOk;        ///< of asking

  [[nodiscard]] bool well() const { return failures.empty() && registered == wanted; }
};

/// Why the webhooks of a receiver are not registered although its Secret asks for it; otherwise
/// empty. Pure.
[[nodiscard]] std::vector<std::string> why_not_registered(const api::Secret& secret,
                                                          const std::string& secret_name,
                                                          const controllers::BitbucketHosts& hosts);

/// Asks Bitbucket with each receiver's own token, and writes nothing. Keyed by the receiver's name,
/// without receivers whose Secret does not ask for webhooks. Only Bitbucket Cloud and hosts of
/// BITBUCKET_HOSTS are asked. `interrupted`: Ctrl-C has ended earlier questions; nothing is asked.
[[nodiscard]] Result<std::map<std::string, Registrations>> ask_for_registrations(
    Cluster& cluster, Context& context, const api::ReceiverOwner& owner,
    const controllers::SecretLookup& secrets, const Warehouses& warehouses,
    const Promotions& promotions, bool interrupted);

}  // namespace receiver::ctl
