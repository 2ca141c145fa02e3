#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/receiver_owner.h"
#include "controllers/derive.h"

/// The message of a condition Ready=False: composes ours, and parses an existing one, written by
/// this operator or by Kargo. Pure.
namespace receiver::controllers {

/// Limit of a condition's message. The CRD counts characters, which are never more than bytes.
inline constexpr std::size_t kMaxMessageBytes = 32'768;
/// Limit of one failure in it, so that none displaces the others' names.
inline constexpr std::size_t kMaxFailureBytes = 1'024;

/// Names every failing receiver and the reason, or as many as fit, and the number of the others.
/// `others` is another writer's message, which comes first, unchanged; empty if there is none.
[[nodiscard]] std::string compose_failure(api::OwnerKind kind, std::string_view others,
                                          const std::vector<ReceiverFailure>& failures);

/// The parts of a message.
struct FailureMessage {
  std::string others;                  ///< another writer's message; empty: all of it is ours
  std::vector<std::string> receivers;  ///< named in our part, in its order
};
[[nodiscard]] FailureMessage parse_failure(std::string_view message);

/// The reason that our part of the message gives for the receiver; empty if it gives none.
[[nodiscard]] std::string failure_of(std::string_view message, std::string_view receiver);

/// Whether another writer's message names the receiver. Kargo writes `WebhookReceiver "NAME"`; in a
/// message with that form, only such names count, because Secrets often have the names of
/// receivers. In a message without it, any mention counts.
[[nodiscard]] bool names_receiver(std::string_view message, std::string_view receiver);

}  // namespace receiver::controllers
