#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace receiver::kube {

/// Why a request to the API server did not succeed. The kinds are what a caller decides by.
struct ApiError {
  enum class Kind {
    kUnreachable,   ///< no connection, TLS refused, timed out, broken: retry
    kUnauthorized,  ///< 401 after the credentials were read anew: retry later
    kForbidden,     ///< 403: see lacks_permission()
    kNotFound,      ///< 404: the object or its kind is not there
    kConflict,      ///< 409: read again, decide again (also AlreadyExists)
    kGone,          ///< 410: the resource version is too old: list again
    kInvalid,       ///< 400, 422 and other 4xx: will never succeed as it is
    kThrottled,     ///< 429: retry after `retry_after`
    kServer,        ///< 5xx: retry
    kMalformed,     ///< an answer that cannot be read
    kClosed,        ///< the client was closed: stop
  };
  Kind kind;
  unsigned status = 0;  ///< HTTP status; 0 without an answer
  std::string reason;   ///< of the Status object: "Forbidden", "Expired", …
  std::string message;  ///< for people; never holds credentials
  std::optional<std::chrono::milliseconds> retry_after{};  ///< within the bounds below
  bool has_status = false;  ///< the answer's body was a Status of the API server

  /// A 403 by RBAC: a missing permission, or an API server whose RBAC caches are cold. Any other
  /// one is a decision about the object (an admission webhook or policy, a namespace that is being
  /// deleted) or of a proxy, and no permission helps; `message` says which.
  [[nodiscard]] bool lacks_permission() const;
  /// Nothing was heard of the API server itself: no answer, or a 5xx that a load balancer before it
  /// wrote. The first success of any other request says that it is back.
  [[nodiscard]] bool unreachable() const;
  /// 404 in the API server's own words about the object. Any other one is of a proxy before it, or
  /// of a server that does not (yet) know the kind.
  [[nodiscard]] bool says_object_is_gone() const;
  /// Worth sending again unchanged (kUnreachable, kUnauthorized, kThrottled, kServer, kMalformed).
  [[nodiscard]] bool transient() const;
};

/// One that no answer told of.
[[nodiscard]] ApiError make_error(ApiError::Kind kind, std::string message);

/// What an answer other than 2xx means. `retry_after` is that header (seconds, or a date to be
/// compared with `now`), empty if there is none; the body's Status object gives reason, message
/// and, without the header, the time to wait. This is the only place that reads that time, so that
/// its bounds hold for everybody.
[[nodiscard]] ApiError error_from_answer(unsigned status, std::string_view retry_after,
                                         std::string_view body,
                                         std::chrono::system_clock::time_point now);

/// No 429 is believed to ask for more patience than this, and no other answer for more than that: a
/// load balancer's "600" would park an object or a watch for ten minutes.
inline constexpr std::chrono::seconds kMaxRetryAfterThrottled{60}, kMaxRetryAfter{30};

template <typename T>
using ApiResult = tl::expected<T, ApiError>;

}  // namespace receiver::kube
