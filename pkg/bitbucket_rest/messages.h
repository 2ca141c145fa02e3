#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "bitbucket_rest/repository.h"
#include "bitbucket_rest/webhook.h"
#include "clock/clock.h"

/// The requests and answers of the REST APIs: Cloud's 2.0 (`/repositories/…/hooks`) and Data
/// Center's latest (`/projects/…/repos/…/webhooks`). Pure. Bodies are untrusted, as those of
/// deliveries are.
namespace receiver::bitbucket_rest {

struct ApiRequest {
  std::string method;
  std::string url;   ///< in full
  std::string body;  ///< JSON, or none
};

struct ApiAnswer {
  unsigned status = 0;
  std::string body;
  std::string retry_after;  ///< header fields; empty: none
  std::string location;
};

[[nodiscard]] ApiRequest list_request(const Repository& repository);
/// Creates the webhook, or replaces it if it has an id. The secret goes along every time: Cloud
/// keeps an absent one and Data Center drops it.
[[nodiscard]] ApiRequest write_request(const Repository& repository, const Webhook& webhook);

/// A part of the list of webhooks.
struct Page {
  std::vector<Webhook> webhooks;
  std::optional<ApiRequest> next;  ///< asks for the next part
};

/// Reads the answer to `asked`. The error is about an answer that is not what the vendor documents,
/// or leads to another server, which the token must not be shown.
[[nodiscard]] tl::expected<Page, std::string> read_page(const Repository& repository,
                                                        const ApiRequest& asked,
                                                        std::string_view body);

enum class ApiFailure : std::uint8_t {
  kUnreachable,   ///< no answer
  kUnauthorized,  ///< the token is not accepted
  kForbidden,     ///< it is, but may not do this
  kNotFound,
  kConflict,
  kRateLimited,
  kRefused,     ///< any other 4xx
  kUnexpected,  ///< 3xx, 5xx, or an answer that makes no sense
};

/// Why a request failed, for people: what was answered, and what to do.
struct BitbucketError {
  ApiFailure kind = ApiFailure::kUnexpected;
  std::string message;
};

/// Of an answer other than 2xx. `secret` is not repeated, whatever the answer says.
[[nodiscard]] BitbucketError describe_failure(const Repository& repository, const ApiAnswer& answer,
                                              std::string_view secret);

/// How long a request that was answered 429 at `now` waits: as Retry-After says, be it seconds (the
/// longest time there is for what no number holds) or a date, else doubling from 5 s. Cloud often
/// says nothing. `attempt` counts from 0.
[[nodiscard]] std::chrono::seconds rate_limit_pause(const ApiAnswer& answer, unsigned attempt,
                                                    clock::Wall::time_point now);

}  // namespace receiver::bitbucket_rest
