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

/// The requests and answers of the REST APIs, Cloud's 2.0 and Data Center's latest: the webhooks of
/// repositories, and the meaning of failures of any request. Pure. Bodies are untrusted, like those
/// of deliveries.
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
  bool near_limit = false;  ///< Cloud: most of the hour's requests are used up
  std::string date{};       ///< header field
};

/// The repository's URL in the REST API; its resources are below it.
[[nodiscard]] std::string api_url(const Repository& repository);

enum class ApiFailure : std::uint8_t {
  kUnreachable,   ///< no answer
  kTimeout,       ///< no answer within the deadline
  kUnauthorized,  ///< the token is rejected
  kForbidden,     ///< the token lacks a permission
  kNotFound,
  kConflict,
  kRateLimited,
  kRefused,     ///< any other 4xx
  kServer,      ///< 5xx, and Bitbucket Cloud's own time-out, which is 555
  kUnexpected,  ///< 3xx, or an answer that cannot be used
  kUnknown,     ///< an incomplete answer: beyond a limit, cut off by Bitbucket, or empty
};

/// Why a request failed.
struct BitbucketError {
  ApiFailure kind = ApiFailure::kUnexpected;
  std::string message{};  ///< for people: what was answered, and what to do
  unsigned status = 0;    ///< 0 without an answer
  /// From Retry-After, unlimited; nothing without it.
  std::optional<std::chrono::seconds> retry_after{};
};

/// The purpose of the token: it decides the permission and the names of the settings in messages.
enum class Purpose : std::uint8_t {
  kRegister,  ///< to write webhooks, by receiverctl
  kRead,      ///< to read the repository, by keys of a Secret
  kUpkeep,    ///< to write webhooks, by keys of a Secret
};

/// The error for an answer outside 2xx that came at `now`. It never contains `secret`, even if the
/// answer does.
[[nodiscard]] BitbucketError describe_failure(const Repository& repository, const ApiAnswer& answer,
                                              std::string_view secret, Purpose purpose,
                                              clock::Wall::time_point now);

/// How long a request that was answered 429 at `now` waits: as Retry-After says, in seconds (the
/// longest time if the number is too large) or as a date, else doubling from 5 s. Cloud often does
/// not send it. `attempt` counts from 0.
[[nodiscard]] std::chrono::seconds rate_limit_pause(const ApiAnswer& answer, unsigned attempt,
                                                    clock::Wall::time_point now);

[[nodiscard]] ApiRequest list_request(const Repository& repository);
/// Asks for the webhooks that the repository inherits from its project or workspace.
[[nodiscard]] ApiRequest inherited_list_request(const Repository& repository);
/// Creates the webhook, or replaces it if it has an id. The secret is always sent, because Cloud
/// keeps an absent one and Data Center drops it.
[[nodiscard]] ApiRequest write_request(const Repository& repository, const Webhook& webhook);
/// The id in the answer to a write; empty if there is none.
[[nodiscard]] std::string read_id(const Repository& repository, std::string_view body);
[[nodiscard]] ApiRequest delete_request(const Repository& repository, const std::string& id);

/// One page of the list of webhooks.
struct Page {
  std::vector<Webhook> webhooks;
  std::optional<ApiRequest> next;  ///< asks for the next page
};

/// Reads the answer to `asked`. An answer that differs from the vendor's documentation, or leads to
/// another server, which must not get the token, is an error.
[[nodiscard]] tl::expected<Page, std::string> read_page(const Repository& repository,
                                                        const ApiRequest& asked,
                                                        std::string_view body);

}  // namespace receiver::bitbucket_rest
