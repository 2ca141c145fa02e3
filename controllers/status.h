#pragma once

#include <optional>
#include <string>

#include "api/receiver_owner.h"
#include "clock/clock.h"
#include "controllers/derive.h"

namespace receiver::controllers {

/// The status that the owner should have (SPEC 2.2, 2.3); nothing if it has it already, if the
/// owner is being deleted, declares no Bitbucket receiver and publishes none of ours, or if a
/// Secret has not been read yet. Pure.
[[nodiscard]] std::optional<api::OwnerStatus> next_status(const api::ReceiverOwner& owner,
                                                          const DerivedReceivers& derived,
                                                          clock::Wall::time_point now);

}  // namespace receiver::controllers
