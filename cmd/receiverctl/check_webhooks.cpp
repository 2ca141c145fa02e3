#include "cmd/receiverctl/check_webhooks.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "bitbucket_rest/registrar.h"
#include "cmd/receiverctl/bitbucket.h"
#include "cmd/receiverctl/trace.h"
#include "cmd/receiverctl/visits.h"

namespace receiver::ctl {
namespace {

namespace rest = bitbucket_rest;

/// What identifies the receiver's webhooks; nothing if it publishes no URL or has no secret.
std::optional<rest::WantedWebhook> wanted_of(const api::ReceiverOwner& owner,
                                             const api::Receiver& receiver,
                                             const api::Secret& secret) {
  const auto& all = owner.status.webhook_receivers;
  const auto published = std::ranges::find(all, receiver.name, &api::PublishedReceiver::name);
  if (published == all.end() || !secret.value || secret.value->empty()) return std::nullopt;
  const bool rotating = secret.previous && !secret.previous->empty();
  const ReceiverAccess access{.url = published->url,
                              .secret = *secret.value,
                              .previous = rotating ? secret.previous : std::nullopt,
                              .secret_key = {},
                              .owner_uid = owner.meta.uid};
  return webhook_of(access, owner.project(), receiver.name);
}

/// One remedy for several repositories: a line for each, or one line for many.
class Told {
 public:
  Told(Findings& findings, std::string subject, std::string what, std::string remedy)
      : findings_(findings),
        subject_(std::move(subject)),
        what_(std::move(what)),
        remedy_(std::move(remedy)) {}

  void add(const std::string& repository, const std::string& text) {
    lines_.push_back(fmt::format("{}: {}", repository, text));
  }
  void tell() const {
    // Never one more: it is named, too.
    const std::size_t named = lines_.size() <= kNamedWebhooks + 1 ? lines_.size() : kNamedWebhooks;
    for (std::size_t i = 0; i < named; ++i) warn(findings_, subject_, lines_[i], remedy_);
    if (lines_.size() > named) {
      warn(findings_, subject_,
           fmt::format("{} more repositories {}", lines_.size() - named, what_), remedy_);
    }
  }

 private:
  Findings& findings_;
  std::string subject_;
  std::string what_;
  std::string remedy_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<WebhookState> ask_for_webhooks(Context& context,
                                           const bitbucket_cpprest::Client& client,
                                           const api::ReceiverOwner& owner,
                                           const api::Receiver& receiver, const api::Secret& secret,
                                           const std::vector<rest::Repository>& repositories) {
  const auto wanted = wanted_of(owner, receiver, secret);
  if (!wanted) return {};
  const auto make = [&](const rest::Repository& repository) {
    return rest::Registration{.repository = repository,
                              .wanted = *wanted,
                              .dry_run = true,
                              .purpose = rest::Purpose::kUpkeep};
  };
  const auto how = [](const rest::Plan&) { return "read"; };
  const rest::Send send = traced(context, sender(client));
  auto visits = visit_each<rest::RegisterWebhook>(context, send, repositories, make, how);
  std::vector<WebhookState> states;
  for (auto& [repository, plan] : visits.all) {
    WebhookState& state = states.emplace_back();
    state.repository = repository.name();
    if (!plan) {
      state.error = plan.error().message;
      continue;
    }
    state.plan = std::move(*plan);
    const std::string& id = state.plan.webhook.id;
    if (repository.product != bitbucket::Source::kDataCenter || id.empty()) continue;
    rest::LatestFailure question(repository, id);
    rest::run(question, send);
    // This information is optional and needs its own permission: stay silent without it.
    if (question.result()) state.failure = std::move(*question.result());
  }
  return states;
}

Findings judge_webhooks(const std::string& receiver, const std::vector<WebhookState>& states,
                        bool registers, clock::Wall::time_point now) {
  using rest::Action;
  Findings findings;
  const std::string subject = "webhooks of " + receiver;
  Told missing(findings, subject, "have no webhook of this receiver",
               registers ? "the operator creates it: see its log, and the project's Events"
                         : "`receiverctl register` creates it");
  Told wrong(findings, subject, "have one that must be corrected",
             registers ? "the operator corrects it within six hours, or `receiverctl register` does"
                       : "`receiverctl register` corrects it");
  Told left(findings, subject, "have a wrong one, which only a person may change", "");
  Told failed(
      findings, subject, "had deliveries that Bitbucket could not make",
      "the webhook's page in Bitbucket shows them; `receiverctl deliveries` shows what arrived");
  std::size_t right = 0;
  std::vector<std::string> unread;
  for (const WebhookState& state : states) {
    if (!state.error.empty()) {
      unread.push_back(fmt::format("{}: {}", state.repository, state.error));
      continue;
    }
    switch (state.plan.action) {
      case Action::kNone:
        ++right;
        break;
      case Action::kCreate:
        missing.add(state.repository, "has no webhook of this receiver");
        break;
      case Action::kUpdate:
      case Action::kDelete:
        wrong.add(state.repository, "its webhook must be corrected: " + fields_of(state.plan));
        break;
      case Action::kSkip:
      case Action::kPostpone:
        left.add(state.repository, state.plan.reason);
        break;
    }
    if (state.failure && now - state.failure->when <= kRecentFailure) {
      failed.add(state.repository,
                 fmt::format("Bitbucket could not deliver at {}: {}",
                             clock::format_seconds(state.failure->when), state.failure->words));
    }
  }
  if (right > 0) {
    ok(findings, subject, fmt::format("right in {} {}", right, repository_noun(right)));
  }
  for (const Told* told : {&missing, &wrong, &left, &failed}) told->tell();
  if (!unread.empty()) {
    warn(findings, subject,
         fmt::format("the webhooks of {} of {} {} cannot be read: {}", unread.size(), states.size(),
                     repository_noun(states.size()), unread.front()),
         "to read webhooks, the token needs the webhook scope (Cloud), or the permission "
         "\"Repository admin\" (Data Center)");
  }
  return findings;
}

}  // namespace receiver::ctl
