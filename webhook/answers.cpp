#include "webhook/answers.h"

#include <iterator>
#include <string>

#include <fmt/format.h>

#include "http/response_text.h"

namespace receiver::webhook {
namespace {

constexpr std::string_view kRetryAfterSeconds = "1";

/// Escapes text for a JSON string. Bytes beyond ASCII are escaped one by one, as Latin-1, which
/// HTTP's fields once were: the result is valid JSON for any input.
std::string json_escaped(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      escaped.append({'\\', character});
    } else if (byte < 0x20 || byte > 0x7E) {
      fmt::format_to(std::back_inserter(escaped), "\\u{:04x}", byte);
    } else {
      escaped += character;
    }
  }
  return escaped;
}

}  // namespace

http::Response message_response(unsigned status, std::string_view message) {
  http::Response response;
  response.status = status;
  response.body = fmt::format("{{\"msg\":\"{}\"}}\n", json_escaped(message));
  return response;
}

http::Response try_again_response(std::string_view message) {
  http::Response response = http::error_response(503, message);
  response.headers.add("Retry-After", std::string(kRetryAfterSeconds));
  return response;
}

http::Response health_response(bool shutting_down) {
  if (shutting_down) return http::error_response(503, "shutting down");
  http::Response response;
  response.body = "{\"status\":\"ok\"}\n";
  return response;
}

http::Response unknown_path_response() {
  http::Response response;
  response.status = 404;
  response.body = "{}\n";
  return response;
}

http::Response wrong_method_response(std::string_view allowed) {
  http::Response response = http::error_response(405, "method not allowed");
  response.headers.add("Allow", std::string(allowed));
  return response;
}

http::Response ignored_response(std::string_view event) {
  return message_response(
      200, fmt::format("event type \"{}\" is ignored", event.substr(0, kMaxNameBytes)));
}

Outcome outcome_of(const controllers::RefreshOutcome& refreshes) {
  if (refreshes.overloaded) return Outcome::kOverloaded;
  if (refreshes.refused > 0) return Outcome::kFailed;
  return refreshes.queued > 0 ? Outcome::kQueued : Outcome::kOk;
}

http::Response refresh_response(bitbucket::EventKind kind,
                                const controllers::RefreshOutcome& refreshes) {
  const bool warehouses = kind.action == bitbucket::Action::kRefreshWarehouses;
  const bool resends = kind.source == bitbucket::Source::kCloud;
  const std::size_t missing = refreshes.queued + refreshes.refused;
  const std::string of_all = fmt::format("{} of {} {}", missing, refreshes.applied + missing,
                                         warehouses ? "warehouses" : "promotion(s)");
  switch (outcome_of(refreshes)) {
    case Outcome::kOverloaded:
      return http::overloaded_response();
    case Outcome::kFailed:
      return http::error_response(resends ? 500 : 202, "failed to refresh " + of_all);
    case Outcome::kQueued:
      return resends ? try_again_response("failed to refresh " + of_all)
                     : message_response(202, "queued " + of_all);
    default:
      return message_response(200, fmt::format("refreshed {} {}", refreshes.applied,
                                               warehouses ? "warehouse(s)" : "promotion(s)"));
  }
}

}  // namespace receiver::webhook
