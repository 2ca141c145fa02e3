#include "bitbucket_rest/operation.h"

#include <fmt/format.h>

#include "bitbucket_rest/webhook.h"

namespace receiver::bitbucket_rest {

void Operation::ask(ApiRequest request) {
  if (requests_ == bounds_.requests) {
    failed({.kind = ApiFailure::kUnknown,
            .message = fmt::format("Bitbucket needs more than {} requests", bounds_.requests)});
    return;
  }
  ++requests_;
  next_ = std::move(request);
}

void Operation::take(tl::expected<ApiAnswer, BitbucketError> answer) {
  const ApiRequest asked = *std::exchange(next_, std::nullopt);
  if (!answer) {
    failed({.kind = answer.error().kind, .message = masked_text(answer.error().message, secret())});
    return;
  }
  near_limit_ = near_limit_ || answer->near_limit;
  answered_at_ = clock::parse_http_date(answer->date);
  if (answer->status / 100 != 2) {
    failed(describe_failure(repository_, *answer, secret(), purpose_, clock::Wall::now()));
    return;
  }
  answer_bytes_ += answer->body.size();
  if (answer_bytes_ > bounds_.answer_bytes) {
    failed({.kind = ApiFailure::kUnknown,
            .message =
                fmt::format("Bitbucket's answers are longer than {} bytes", bounds_.answer_bytes)});
    return;
  }
  read(asked, answer->body);
}

void run(Operation& operation, const Send& send) {
  while (const ApiRequest* request = operation.next()) operation.take(send(*request));
}

Send patient(Send send, Pause pause, std::chrono::seconds limit) {
  return [send = std::move(send), pause = std::move(pause),
          limit](const ApiRequest& request) -> tl::expected<ApiAnswer, BitbucketError> {
    std::chrono::seconds left = limit;
    unsigned limited = 0;
    unsigned failed = 0;
    for (;;) {
      auto answer = send(request);
      if (answer && answer->status == 429) {
        const auto wait = rate_limit_pause(*answer, limited++, clock::Wall::now());
        if (wait > left) return answer;
        left -= wait;
        pause(Pausing::kAll, wait, "Bitbucket limits requests (429)");
        continue;
      }
      const bool for_now =
          answer ? answer->status >= 500 : answer.error().kind == ApiFailure::kTimeout;
      if (!for_now || request.method != "GET" || failed == kReadRetries) return answer;
      pause(Pausing::kThisOne, std::chrono::seconds(1U << failed++),
            answer ? fmt::format("Bitbucket answered {}", answer->status) : answer.error().message);
    }
  };
}

}  // namespace receiver::bitbucket_rest
