#include "bitbucket_rest/registrar.h"

#include <utility>

#include <fmt/format.h>

namespace receiver::bitbucket_rest {
namespace {

constexpr unsigned kTries = 2;  // of reading the list and writing
constexpr std::size_t kMaxListBytes = 16UL * 1024 * 1024;

}  // namespace

RegisterWebhook::RegisterWebhook(Registration registration)
    : Question(registration.repository, Purpose::kRegister,
               {kTries * (kMaxPages + 1), kTries * kMaxListBytes}),
      registration_(std::move(registration)) {
  list();
}

void RegisterWebhook::list() {
  webhooks_.clear();
  pages_ = 1;
  ask(list_request(repository()));
}

void RegisterWebhook::read(const ApiRequest& asked, const std::string& body) {
  if (plan_) {
    end(*std::move(plan_));
    return;
  }
  auto page = read_page(repository(), asked, body);
  if (!page) {
    fail(ApiFailure::kUnexpected, std::move(page.error()));
    return;
  }
  for (Webhook& webhook : page->webhooks) webhooks_.push_back(std::move(webhook));
  if (!page->next) {
    decide();
  } else if (pages_ < kMaxPages) {
    ++pages_;
    ask(*std::move(page->next));
  } else {
    // What was not looked at may be the receiver's own.
    fail(ApiFailure::kUnexpected,
         fmt::format("the list of webhooks does not end within {} pages: delete some, or "
                     "make this one by hand",
                     kMaxPages));
  }
}

void RegisterWebhook::decide() {
  Plan plan =
      plan_webhook(repository().product, webhooks_, registration_.wanted, registration_.always);
  if (plan.action == Action::kNone || registration_.dry_run) {
    end(std::move(plan));
    return;
  }
  ApiRequest write = write_request(repository(), plan.webhook);
  plan_ = std::move(plan);
  ask(std::move(write));
}

void RegisterWebhook::failed(BitbucketError error) {
  const auto written = std::exchange(plan_, std::nullopt);
  const bool list_is_old =
      written && (error.kind == ApiFailure::kConflict ||
                  (error.kind == ApiFailure::kNotFound && written->action == Action::kUpdate));
  if (list_is_old && !std::exchange(last_try_, true)) {
    list();
  } else {
    Question::failed(std::move(error));
  }
}

}  // namespace receiver::bitbucket_rest
