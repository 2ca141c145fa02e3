#include "kube/error.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "clock/clock.h"
#include "json/json.h"

namespace receiver::kube {
namespace {

constexpr std::size_t kMaxStatusBytes = 256UL * 1024;
constexpr std::size_t kMaxMessageBytes = 1024;

ApiError::Kind kind_of(unsigned status) {
  switch (status) {
    case 401:
      return ApiError::Kind::kUnauthorized;
    case 403:
      return ApiError::Kind::kForbidden;
    case 404:
      return ApiError::Kind::kNotFound;
    case 408:  // from a proxy that timed out; the request itself is valid
      return ApiError::Kind::kServer;
    case 409:
      return ApiError::Kind::kConflict;
    case 410:
      return ApiError::Kind::kGone;
    case 429:
      return ApiError::Kind::kThrottled;
    default:
      if (status >= 500) return ApiError::Kind::kServer;
      if (status >= 400) return ApiError::Kind::kInvalid;
      return ApiError::Kind::kMalformed;  // for example a redirect, which the API server does not
                                          // send
  }
}

std::string_view meaning_of(unsigned status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return status >= 300 && status < 400
                 ? "a redirect, which is not followed: is the server's URL right?"
                 : "unexpected answer";
  }
}

using Seconds = std::chrono::duration<double>;

std::chrono::milliseconds bounded(Seconds wait, ApiError::Kind kind) {
  const Seconds longest =
      kind == ApiError::Kind::kThrottled ? kMaxRetryAfterThrottled : kMaxRetryAfter;
  const auto clamped = std::clamp(wait, Seconds(0), longest);
  return std::chrono::ceil<std::chrono::milliseconds>(clamped);
}

}  // namespace

bool ApiError::lacks_permission() const {
  // The text of RBAC (and of every other authorizer: the API server writes it): `… is forbidden:
  // User "x" cannot patch resource …`. Admission controllers write other texts, after `forbidden: `
  // or without it.
  constexpr std::string_view kDenied = "forbidden: User \"";
  if (kind != Kind::kForbidden) return false;
  const auto at = message.find(kDenied);
  return at != std::string::npos &&
         message.find("\" cannot ", at + kDenied.size()) != std::string::npos;
}

bool ApiError::unreachable() const {
  return kind == Kind::kUnreachable || (kind == Kind::kServer && !has_status);
}

bool ApiError::says_object_is_gone() const {
  return kind == Kind::kNotFound && reason == "NotFound";
}

bool ApiError::transient() const {
  switch (kind) {
    case Kind::kUnreachable:
    case Kind::kUnauthorized:
    case Kind::kThrottled:
    case Kind::kServer:
    case Kind::kMalformed:
      return true;
    case Kind::kForbidden:
    case Kind::kNotFound:
    case Kind::kConflict:
    case Kind::kGone:
    case Kind::kInvalid:
    case Kind::kClosed:
      return false;
  }
  return false;
}

ApiError make_error(ApiError::Kind kind, std::string message) {
  return {.kind = kind, .status = 0, .reason = {}, .message = std::move(message)};
}

ApiError error_from_answer(unsigned status, std::string_view retry_after, std::string_view body,
                           std::chrono::system_clock::time_point now) {
  ApiError error{.kind = kind_of(status), .status = status, .reason = {}, .message = {}};
  std::optional<Seconds> wait = clock::parse_retry_after(retry_after, now);
  if (body.size() <= kMaxStatusBytes) {
    const auto parsed =
        json::parse(body, {"/kind", "/reason", "/message", "/details/retryAfterSeconds"});
    if (parsed && json::string_at(*parsed, "/kind") == "Status") {
      error.has_status = true;
      error.reason = json::string_at(*parsed, "/reason").substr(0, kMaxMessageBytes);
      error.message = json::string_at(*parsed, "/message").substr(0, kMaxMessageBytes);
      const auto seconds = json::int_at(*parsed, "/details/retryAfterSeconds");
      if (!wait && seconds && *seconds > 0) wait = Seconds(static_cast<double>(*seconds));
    }
  }
  if (error.message.empty()) error.message = fmt::format("{} {}", status, meaning_of(status));
  if (wait) error.retry_after = bounded(*wait, error.kind);
  return error;
}

}  // namespace receiver::kube
