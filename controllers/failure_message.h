#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/receiver_owner.h"
#include "controllers/derive.h"

/// The message of a condition Ready=False: how it is composed here, and how one that stands is
/// read, whether this operator or Kargo wrote it. Pure.
namespace receiver::controllers {

/// Of a condition's message. The CRD counts characters, which are never more.
inline constexpr std::size_t kMaxMessageBytes = 32'768;
/// What one failure takes of it at most: none crowds out the others' names.
inline constexpr std::size_t kMaxFailureBytes = 1'024;

/// Names every failing receiver and why, or as many as fit, and how many more there are. `others`
/// is another writer's message, which stays as it is and comes first; empty if there is none.
[[nodiscard]] std::string compose_failure(api::OwnerKind kind, std::string_view others,
                                          const std::vector<ReceiverFailure>& failures);

/// What a message consists of.
struct FailureMessage {
  std::string others;                  ///< another writer's message; empty: all of it is ours
  std::vector<std::string> receivers;  ///< that our part names, in its order
};
[[nodiscard]] FailureMessage parse_failure(std::string_view message);

/// Whether another writer's message names the receiver. Kargo writes `WebhookReceiver "NAME"`, and
/// other names of that form are not looked for then: Secrets often have the names of receivers. A
/// message without that form names whatever it mentions.
[[nodiscard]] bool names_receiver(std::string_view message, std::string_view receiver);

}  // namespace receiver::controllers
