#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace receiver::kube {

/// Why a request to the API server did not succeed. Callers decide by the kind.
struct ApiError {
  enum class Kind {
    kUnreachable,   ///< no connection, TLS rejected, timeout, connection lost: retry
    kUnauthorized,  ///< 401, also after the credentials were read again: retry later
    kForbidden,     ///< 403: see lacks_permission()
    kNotFound,      ///< 404: the object or its kind does not exist
    kConflict,      ///< 409: read again and decide again (also AlreadyExists)
    kGone,          ///< 410: the resource version is too old: list again
    kInvalid,       ///< 400, 422 and other 4xx: will never succeed unchanged
    kThrottled,     ///< 429: retry after `retry_after`
    kServer,        ///< 5xx: retry
    kMalformed,     ///< the answer cannot be parsed
    kClosed,        ///< the client was closed: stop
  };
  Kind kind;
  unsigned status = 0;  ///< HTTP status; 0 without an answer
  std::string reason;   ///< from the Status object: "Forbidden", "Expired", …
  std::string message;  ///< for people; never contains credentials
  std::optional<std::chrono::milliseconds> retry_after{};  ///< within the limits below
  bool has_status = false;  ///< the answer's body was a Status of the API server

  /// A 403 by RBAC: a missing permission, or an API server whose RBAC caches are not filled yet.
  /// Any other 403 is a decision about the object (an admission webhook or policy, a namespace that
  /// is being deleted) or comes from a proxy, and no permission helps; `message` says which.
  [[nodiscard]] bool lacks_permission() const;
  /// Nothing came from the API server itself: no answer, or a 5xx that a load balancer in front of
  /// it wrote. The first success of any other request shows that it is back.
  [[nodiscard]] bool unreachable() const;
  /// A 404 from the API server about the object. Any other 404 is from a proxy in front of it, or
  /// from a server that does not (yet) know the kind.
  [[nodiscard]] bool says_object_is_gone() const;
  /// Whether to send the request again unchanged (kUnreachable, kUnauthorized, kThrottled, kServer,
  /// kMalformed).
  [[nodiscard]] bool transient() const;
};

/// An error without an answer.
[[nodiscard]] ApiError make_error(ApiError::Kind kind, std::string message);

/// The error for an answer other than 2xx. `retry_after` is that header (seconds, or a date that is
/// compared with `now`), empty if there is none. The body's Status object gives reason, message
/// and, without the header, the time to wait. Only this function reads that time, so that its
/// limits apply everywhere.
[[nodiscard]] ApiError error_from_answer(unsigned status, std::string_view retry_after,
                                         std::string_view body,
                                         std::chrono::system_clock::time_point now);

/// Limits of Retry-After, for a 429 and for all other answers. A load balancer's "600" would stop
/// an object or a watch for ten minutes.
inline constexpr std::chrono::seconds kMaxRetryAfterThrottled{60}, kMaxRetryAfter{30};

template <typename T>
using ApiResult = tl::expected<T, ApiError>;

}  // namespace receiver::kube
