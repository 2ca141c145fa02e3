#include "controllers/registration_notes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace receiver::controllers {
namespace {

using bitbucket_rest::Action;
using State = RegistrationSchedule::State;

constexpr std::size_t kMaxCauses = 10;  // of one receiver
constexpr const char* kFailed = "WebhookRegistrationFailed";

std::string fields_of(const bitbucket_rest::Plan& plan) {
  std::vector<std::string_view> fields;
  fields.reserve(plan.differences.size());
  for (const auto& difference : plan.differences) fields.push_back(difference.field);
  return fmt::format("{}", fmt::join(fields, ", "));
}

}  // namespace

std::optional<Note> visit_note(const std::string& receiver, const std::string& repository,
                               const bitbucket_rest::Plan& plan, State was) {
  const auto note = [&](const char* reason, const std::string& what) {
    return Note{kube::EventType::kNormal, reason,
                fmt::format("receiver \"{}\": repository {}: {}", receiver, repository, what)};
  };
  switch (plan.action) {
    case Action::kCreate:
      return note("WebhookRegistered", "its webhook has been made");
    case Action::kUpdate:
    case Action::kDelete:
      return note("WebhookCorrected", "its webhook has been corrected: " + fields_of(plan));
    case Action::kSkip:
      if (was == State::kSkipped) return std::nullopt;
      return note("WebhookLeftAlone", plan.reason);
    case Action::kNone:
    case Action::kPostpone:
      break;
  }
  return std::nullopt;
}

Note missed_note(const std::string& receiver, const std::string& repository,
                 const std::string& words) {
  return {kube::EventType::kWarning, "DeliveriesMissed",
          fmt::format("receiver \"{}\": repository {}: Bitbucket could not deliver ({}); the "
                      "Warehouses that subscribe to it are refreshed",
                      receiver, repository, words.empty() ? "it does not say why" : words)};
}

std::vector<Note> lasting_notes(const DesiredWebhooks& desired,
                                const std::map<std::string, std::string>& failures,
                                const std::map<State, std::size_t>& states) {
  std::vector<Note> notes;
  const auto failed = [&](const std::string& cause, const std::string& text) {
    notes.push_back({kube::EventType::kWarning, kFailed,
                     fmt::format("receiver \"{}\": {}", desired.receiver, text),
                     desired.receiver + ' ' + cause});
  };
  if (!desired.problem.empty()) failed(desired.problem, desired.problem);

  std::map<std::string, std::vector<std::string>> by_cause;
  for (const auto& [repository, cause] : failures) by_cause[cause].push_back(repository);
  for (const auto& [cause, repositories] : by_cause) {
    if (notes.size() == kMaxCauses) break;
    const std::size_t others = repositories.size() - 1;
    failed(cause, fmt::format("no webhook is kept right in {}{}: {}", repositories.front(),
                              others == 0 ? "" : fmt::format(" and {} others", others), cause));
  }

  const auto count = [&](State state) {
    const auto found = states.find(state);
    return found == states.end() ? 0 : found->second;
  };
  const bool moved =
      count(State::kRegistered) > 0 && count(State::kPending) == 0 && count(State::kFailed) == 0;
  if (desired.wanted.former_url && moved) {
    notes.push_back({kube::EventType::kNormal, "WebhooksMoved",
                     fmt::format("receiver \"{}\": every webhook has the new URL and secret; the "
                                 "key \"secret.previous\" can be removed",
                                 desired.receiver)});
  }
  return notes;
}

}  // namespace receiver::controllers
