#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bitbucket_rest/messages.h"
#include "bitbucket_rest/webhook_plan.h"
#include "controllers/daily_notes.h"
#include "controllers/desired_webhooks.h"
#include "controllers/registration_schedule.h"

/// What there is to say about registering, as Events of the receiver's owner. Pure.
namespace receiver::controllers {

/// Of one visit, at once: what was done; or that a webhook is left to people, unless that was so
/// before (`was`).
[[nodiscard]] std::optional<Note> visit_note(const std::string& receiver,
                                             const std::string& repository,
                                             const bitbucket_rest::Plan& plan,
                                             RegistrationSchedule::State was);

/// That Bitbucket could not deliver to it, in Bitbucket's words.
[[nodiscard]] Note missed_note(const std::string& receiver, const std::string& repository,
                               const std::string& words);

/// What holds of a receiver, for as long as it does: why webhooks are not registered, each kind of
/// failure once (`failures`: by repository), whatever Bitbucket's words; and that a rotation is
/// through, when each repository that is wanted has been seen to be.
[[nodiscard]] std::vector<Note> lasting_notes(
    const DesiredWebhooks& desired,
    const std::map<std::string, bitbucket_rest::BitbucketError>& failures,
    const std::map<RegistrationSchedule::State, std::size_t>& states);

}  // namespace receiver::controllers
