#pragma once

#include <optional>
#include <string>

#include "api/receiver_owner.h"
#include "clock/clock.h"
#include "controllers/derive.h"

namespace receiver::controllers {

/// The status that the owner must have (SPEC 2.2, 2.3, 2.6); nothing if it has it already, if the
/// owner is being deleted, or if a Secret has not been read yet. If all receivers are of other
/// types, only what this operator wrote earlier is removed. Pure.
[[nodiscard]] std::optional<api::OwnerStatus> next_status(const api::ReceiverOwner& owner,
                                                          const DerivedReceivers& derived,
                                                          clock::Wall::time_point now);

}  // namespace receiver::controllers
