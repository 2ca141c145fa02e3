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

/// The Events about registration, for the receiver's owner. Pure.
namespace receiver::controllers {

/// Events after one visit: what was done, or that a webhook is left alone, unless it was so before
/// (`was`).
[[nodiscard]] std::optional<Note> visit_note(const std::string& receiver,
                                             const std::string& repository,
                                             const bitbucket_rest::Plan& plan,
                                             RegistrationSchedule::State was);

/// The Event about a failed delivery, in Bitbucket's words.
[[nodiscard]] Note missed_note(const std::string& receiver, const std::string& repository,
                               const std::string& words);

/// Events about a lasting state of a receiver: each kind of failure once, whatever Bitbucket's
/// words (`failures`: by repository); and the end of a rotation, when every wanted webhook has
/// moved, or is left alone.
[[nodiscard]] std::vector<Note> lasting_notes(
    const DesiredWebhooks& desired,
    const std::map<std::string, bitbucket_rest::BitbucketError>& failures,
    const std::map<RegistrationSchedule::State, std::size_t>& states);

}  // namespace receiver::controllers
