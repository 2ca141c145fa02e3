#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "api/receiver_owner.h"
#include "bitbucket_rest/messages.h"
#include "cmd/receiverctl/check.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/findings.h"

/// The part of `check` that asks Bitbucket, with the tokens in the receivers' Secrets, and with the
/// caller's for receivers that have none.
namespace receiver::ctl {

/// Each request takes a part of the token's hourly limit.
inline constexpr std::size_t kMaxAskedRepositories = 50;

/// Whether the token of each receiver that has one can read each repository that the receiver's
/// Warehouses subscribe to, and the state of the receiver's webhooks there. Only Bitbucket Cloud
/// and hosts of BITBUCKET_HOSTS are asked. With the caller's token in BITBUCKET_TOKEN, only the
/// webhooks are looked at, on the server of the options. True if a receiver registers its webhooks.
bool check_bitbucket(Cluster& cluster, Context& context, const CheckOptions& options,
                     const std::vector<api::ReceiverOwner>& owners, Findings& findings);

/// The result of all questions with one token.
struct AskedRepositories {
  struct Refusal {
    std::string repository;
    bitbucket_rest::BitbucketError error;
  };
  std::string server{};
  std::size_t readable = 0;
  std::vector<Refusal> refusals{};
  std::size_t not_asked = 0;  ///< beyond kMaxAskedRepositories
  bool near_limit = false;
};
[[nodiscard]] Findings judge_repositories(const std::string& receiver,
                                          const AskedRepositories& asked);

}  // namespace receiver::ctl
