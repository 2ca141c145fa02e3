#include "controllers/registration_notes.h"

#include <utility>

#include <fmt/format.h>

namespace receiver::controllers {
namespace {

using bitbucket_rest::Action;
using State = RegistrationSchedule::State;

constexpr std::size_t kMaxCauses = 10;  // of one receiver
constexpr const char* kFailed = "WebhookRegistrationFailed";

/// `alone`: the number of webhooks that are left alone, whatever their URL.
Note moved_note(const DesiredWebhooks& desired, std::size_t alone) {
  const std::size_t all = desired.repositories.size();
  const std::size_t outside = desired.outside.size();
  return {kube::EventType::kNormal, "WebhooksMoved",
          fmt::format(
              "receiver \"{}\": the webhooks of {} repositories have the new URL and "
              "secret{}: remove the key \"secret.previous\" from its Secret{}",
              desired.receiver,
              alone == 0 ? fmt::format("all {}", all) : fmt::format("{} of {}", all - alone, all),
              alone == 0 ? "" : ", and the others are left alone",
              outside == 0 ? ""
                           : fmt::format(", after those of {} repositories outside "
                                         "bitbucket.allow, which are not checked",
                                         outside)),
          desired.receiver};
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
      return note("WebhookRegistered", "its webhook has been created");
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

std::vector<Note> lasting_notes(
    const DesiredWebhooks& desired,
    const std::map<std::string, bitbucket_rest::BitbucketError>& failures,
    const std::map<State, std::size_t>& states) {
  std::vector<Note> notes;
  const auto failed = [&](const std::string& cause, const std::string& text) {
    notes.push_back({kube::EventType::kWarning, kFailed,
                     fmt::format("receiver \"{}\": {}", desired.receiver, text),
                     desired.receiver + ' ' + cause});
  };
  if (!desired.problem.empty()) failed(desired.problem, desired.problem);

  std::map<std::pair<bitbucket_rest::ApiFailure, unsigned>, std::vector<std::string>> by_cause;
  for (const auto& [repository, error] : failures) {
    by_cause[{error.kind, error.status}].push_back(repository);
  }
  for (const auto& [cause, repositories] : by_cause) {
    if (notes.size() == kMaxCauses) break;
    const std::size_t others = repositories.size() - 1;
    const std::string& first = repositories.front();
    failed(fmt::format("{} {}", static_cast<unsigned>(cause.first), cause.second),
           fmt::format("no correct webhook in {}{}: {}", first,
                       others == 0 ? "" : fmt::format(" and {} others", others),
                       failures.at(first).message));
  }
  const auto count = [&](State state) {
    const auto found = states.find(state);
    return found == states.end() ? 0 : found->second;
  };
  const std::size_t wanted = desired.repositories.size();
  const std::size_t alone = count(State::kSkipped);
  if (desired.wanted.former_url && wanted > 0 && count(State::kRegistered) + alone == wanted) {
    notes.push_back(moved_note(desired, alone));
  }
  return notes;
}

}  // namespace receiver::controllers
