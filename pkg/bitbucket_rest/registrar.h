#pragma once

#include <chrono>
#include <functional>

#include <tl/expected.hpp>

#include "bitbucket_rest/messages.h"

namespace receiver::bitbucket_rest {

/// Sends one request. The error says why there is no answer, for people.
using Send = std::function<tl::expected<ApiAnswer, std::string>(const ApiRequest&)>;
/// Waits that long, and may say so.
using Pause = std::function<void(std::chrono::seconds)>;

/// A list of more pages than this is an error; Bitbucket allows far fewer webhooks.
inline constexpr int kMaxPages = 20;

/// `send`, but an answer 429 is waited out as it asks, and the request sent again; not beyond
/// `limit` in all, after which the 429 is the answer.
[[nodiscard]] Send patient(Send send, Pause pause, std::chrono::seconds limit);

struct Registration {
  Repository repository;
  WantedWebhook wanted;
  bool always = false;   ///< write it even if nothing seems to differ
  bool dry_run = false;  ///< read only
};

/// Makes the repository's webhook what it should be, by one write at most; what was done, or with
/// `dry_run` what would be. Run again, it changes nothing. If the list has changed between reading
/// and writing (409; 404 for the webhook), it is read once more.
[[nodiscard]] tl::expected<Plan, BitbucketError> register_webhook(const Send& send,
                                                                  const Registration& registration);

}  // namespace receiver::bitbucket_rest
