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

/// The keys of all events that call for something, for people to choose from.
[[nodiscard]] std::string event_choices();

/// The event that the body must be of, going by what stands in it: for payloads that were saved
/// without their headers. Of several that read alike, the first of bitbucket::kEvents.
[[nodiscard]] std::optional<bitbucket::Event> guessed_event(std::string_view body);

/// That key, or the guessed event's if it is empty. The failure names the choices.
[[nodiscard]] Result<std::string> event_key_of(std::string_view key, std::string_view body);

}  // namespace receiver::ctl
