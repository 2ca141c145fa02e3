#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <CLI/App.hpp>

#include "bitbucket/event.h"
#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// `explain`: what the operator reads in a payload, and what that would refresh.
void add_explain(CLI::App& app, Context& context);

/// The keys of all events that the operator acts on, for messages.
[[nodiscard]] std::string event_choices();

/// Guesses the event from the body, for payloads that were saved without their headers. If several
/// match, the first of bitbucket::kEvents.
[[nodiscard]] std::optional<bitbucket::Event> guessed_event(std::string_view body);

/// The given key, or the guessed event's if it is empty. The failure lists the choices.
[[nodiscard]] Result<std::string> event_key_of(std::string_view key, std::string_view body);

}  // namespace receiver::ctl
