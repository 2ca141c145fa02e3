#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "api/receiver_owner.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/context.h"
#include "controllers/derive.h"

/// How the webhooks stand that receivers register themselves (`bitbucket.register`).
namespace receiver::ctl {

struct Registrations {
  std::size_t wanted = 0;         ///< repositories that are to have a webhook
  std::size_t registered = 0;     ///< of those, with one that is right
  std::string failure{};          ///< why the last of the others has none, and what to do
  ExitCode code = ExitCode::kOk;  ///< of asking
};

/// Asks Bitbucket, with each receiver's own token, and writes nothing. By the receiver's name; one
/// that does not register webhooks is not among them. Only Bitbucket Cloud and hosts of
/// BITBUCKET_HOSTS are asked.
[[nodiscard]] Result<std::map<std::string, Registrations>> ask_for_registrations(
    Cluster& cluster, Context& context, const api::ReceiverOwner& owner,
    const controllers::SecretLookup& secrets, const Warehouses& warehouses,
    const Promotions& promotions);

}  // namespace receiver::ctl
