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

/// The requests and answers of the REST APIs, Cloud's 2.0 and Data Center's latest: of all that is
/// asked, what failures mean; and the webhooks of repositories. Pure. Bodies are untrusted, as
/// those of deliveries are.
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

/// Where a repository is in its REST API; what belongs to it is below.
[[nodiscard]] std::string api_url(const Repository& repository);

enum class ApiFailure : std::uint8_t {
  kUnreachable,   ///< no answer
  kTimeout,       ///< no answer within the deadline
  kUnauthorized,  ///< the token is not accepted
  kForbidden,     ///< it is, but may not do this
  kNotFound,
  kConflict,
  kRateLimited,
  kRefused,     ///< any other 4xx
  kServer,      ///< 5xx, and Bitbucket Cloud's own time-out, which is 555
  kUnexpected,  ///< 3xx, or an answer that makes no sense
  kUnknown,     ///< answered, but not in whole: beyond a bound, cut off by Bitbucket, or nothing
};

/// Why a request failed.
struct BitbucketError {
  ApiFailure kind = ApiFailure::kUnexpected;
  std::string message{};  ///< for people: what was answered, and what to do
  unsigned status = 0;    ///< 0 without an answer
  /// As Retry-After says, unbounded; nothing if it does not.
  std::optional<std::chrono::seconds> retry_after{};
};

/// What the token was used for: which permission it needs, and what its settings are called.
enum class Purpose : std::uint8_t {
  kRegister,  ///< to write webhooks, by receiverctl
  kRead,      ///< to read the repository, by keys of a Secret
  kUpkeep,    ///< to write webhooks, by keys of a Secret
};

/// Of an answer other than 2xx that came at `now`. `secret` is not repeated, whatever the answer
/// says.
[[nodiscard]] BitbucketError describe_failure(const Repository& repository, const ApiAnswer& answer,
                                              std::string_view secret, Purpose purpose,
                                              clock::Wall::time_point now);

/// How long a request that was answered 429 at `now` waits: as Retry-After says, be it seconds (the
/// longest time there is for what no number holds) or a date, else doubling from 5 s. Cloud often
/// says nothing. `attempt` counts from 0.
[[nodiscard]] std::chrono::seconds rate_limit_pause(const ApiAnswer& answer, unsigned attempt,
                                                    clock::Wall::time_point now);

[[nodiscard]] ApiRequest list_request(const Repository& repository);
/// Of the webhooks that the repository inherits, from its project or workspace.
[[nodiscard]] ApiRequest inherited_list_request(const Repository& repository);
/// Creates the webhook, or replaces it if it has an id. The secret goes along every time: Cloud
/// keeps an absent one and Data Center drops it.
[[nodiscard]] ApiRequest write_request(const Repository& repository, const Webhook& webhook);
/// The id in the answer to a write; empty if there is none.
[[nodiscard]] std::string read_id(const Repository& repository, std::string_view body);
[[nodiscard]] ApiRequest delete_request(const Repository& repository, const std::string& id);

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

}  // namespace receiver::bitbucket_rest
