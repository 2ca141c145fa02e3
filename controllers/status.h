#pragma once

#include <optional>
#include <string>

#include "api/receiver_owner.h"
#include "clock/clock.h"
#include "controllers/derive.h"

namespace receiver::controllers {

/// The status that the owner should have (SPEC 2.2, 2.3, 2.6); nothing if it has it already, if the
/// owner is being deleted, or if a Secret has not been read yet. Of an owner whose receivers are
/// all of other types, only what we wrote earlier is taken back. Pure.
[[nodiscard]] std::optional<api::OwnerStatus> next_status(const api::ReceiverOwner& owner,
                                                          const DerivedReceivers& derived,
                                                          clock::Wall::time_point now);

}  // namespace receiver::controllers
