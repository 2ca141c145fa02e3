#include "bitbucket_rest/registrar.h"

#include <utility>

#include <fmt/format.h>

namespace receiver::bitbucket_rest {
namespace {

bool is_success(const ApiAnswer& answer) {
  return answer.status / 100 == 2;
}

tl::expected<ApiAnswer, BitbucketError> ask(const Send& send, const Registration& registration,
                                            const ApiRequest& request) {
  const std::string_view secret = registration.wanted.secret.view();
  auto answer = send(request);
  if (!answer) {
    return tl::unexpected(
        BitbucketError{ApiFailure::kUnreachable, masked_text(answer.error(), secret)});
  }
  if (is_success(*answer)) return std::move(*answer);
  return tl::unexpected(describe_failure(registration.repository, *answer, secret));
}

tl::expected<std::vector<Webhook>, BitbucketError> list(const Send& send,
                                                        const Registration& registration) {
  std::vector<Webhook> webhooks;
  std::optional<ApiRequest> request = list_request(registration.repository);
  for (int pages = 0; request && pages < kMaxPages; ++pages) {
    const auto answer = ask(send, registration, *request);
    if (!answer) return tl::unexpected(answer.error());
    auto page = read_page(registration.repository, *request, answer->body);
    if (!page) {
      return tl::unexpected(BitbucketError{ApiFailure::kUnexpected, std::move(page.error())});
    }
    for (Webhook& webhook : page->webhooks) webhooks.push_back(std::move(webhook));
    request = std::move(page->next);
  }
  // What was not looked at may be the receiver's own.
  if (request) {
    return tl::unexpected(BitbucketError{
        ApiFailure::kUnexpected,
        fmt::format("the list of webhooks does not end within {} pages: delete some, or "
                    "make this one by hand",
                    kMaxPages)});
  }
  return webhooks;
}

}  // namespace

Send patient(Send send, Pause pause, std::chrono::seconds limit) {
  return [send = std::move(send), pause = std::move(pause),
          limit](const ApiRequest& request) -> tl::expected<ApiAnswer, std::string> {
    std::chrono::seconds left = limit;
    for (unsigned attempt = 0;; ++attempt) {
      auto answer = send(request);
      if (!answer || answer->status != 429) return answer;
      const std::chrono::seconds wait = rate_limit_pause(*answer, attempt, clock::Wall::now());
      if (wait > left) return answer;
      left -= wait;
      pause(wait);
    }
  };
}

tl::expected<Plan, BitbucketError> register_webhook(const Send& send,
                                                    const Registration& registration) {
  for (bool last_try = false;; last_try = true) {
    const auto webhooks = list(send, registration);
    if (!webhooks) return tl::unexpected(webhooks.error());
    Plan plan = plan_webhook(registration.repository.product, *webhooks, registration.wanted,
                             registration.always);
    if (plan.action == Action::kNone || registration.dry_run) return plan;
    const auto written =
        ask(send, registration, write_request(registration.repository, plan.webhook));
    if (written) return plan;
    const ApiFailure failure = written.error().kind;
    const bool list_is_old = failure == ApiFailure::kConflict ||
                             (failure == ApiFailure::kNotFound && plan.action == Action::kUpdate);
    if (!list_is_old || last_try) return tl::unexpected(written.error());
  }
}

}  // namespace receiver::bitbucket_rest
