#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/receiver_owner.h"
#include "api/secret.h"
#include "bitbucket_cpprest/client.h"
#include "bitbucket_rest/latest_failure.h"
#include "bitbucket_rest/repository.h"
#include "bitbucket_rest/webhook_plan.h"
#include "clock/clock.h"
#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/findings.h"

/// The part of `check` that looks at a receiver's webhooks in Bitbucket.
namespace receiver::ctl {

/// The receiver's webhook in one repository, and the delivery that Data Center could not make.
struct WebhookState {
  std::string repository;
  std::string error{};  ///< not empty: its webhooks could not be read, and the rest is not known
  bitbucket_rest::Plan plan{};
  std::optional<bitbucket_rest::FailedDelivery> failure{};
};

/// Asks for each repository; writes nothing. Empty if the receiver publishes no URL.
[[nodiscard]] std::vector<WebhookState> ask_for_webhooks(
    Context& context, const bitbucket_cpprest::Client& client, const api::ReceiverOwner& owner,
    const api::Receiver& receiver, const api::Secret& secret,
    const std::vector<bitbucket_rest::Repository>& repositories);

/// Older failures are not reported.
inline constexpr std::chrono::hours kRecentFailure{24};
/// At most this many repositories per finding are named; the others are counted.
inline constexpr std::size_t kNamedWebhooks = 10;
/// `registers`: the operator creates the webhooks itself.
[[nodiscard]] Findings judge_webhooks(const std::string& receiver,
                                      const std::vector<WebhookState>& states, bool registers,
                                      clock::Wall::time_point now);

}  // namespace receiver::ctl
