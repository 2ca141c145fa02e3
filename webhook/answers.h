#pragma once

#include <cstddef>
#include <string_view>

#include "bitbucket/event.h"
#include "controllers/refresher.h"
#include "http/message.h"
#include "webhook/outcome.h"

/// The answers of the webhook port, word for word as SPEC 3 has them. Each is a line of JSON.
namespace receiver::webhook {

/// More of a name that a stranger chose is neither answered nor logged.
inline constexpr std::size_t kMaxNameBytes = 100;

/// `{"msg":"…"}`; `message` may hold any bytes.
[[nodiscard]] http::Response message_response(unsigned status, std::string_view message);
/// 503: the same request will do better in a moment. `message` holds nothing that a peer sent.
[[nodiscard]] http::Response try_again_response(std::string_view message);

/// To probes of load balancers: 200, or 503 from SIGTERM on.
[[nodiscard]] http::Response health_response(bool shutting_down);
[[nodiscard]] http::Response unknown_path_response();
[[nodiscard]] http::Response wrong_method_response(std::string_view allowed);
[[nodiscard]] http::Response ignored_response(std::string_view event);

[[nodiscard]] Outcome outcome_of(const controllers::RefreshOutcome& refreshes);
/// Cloud sends again what was answered 5xx; Data Center never does, and stops delivering to those
/// who answer anything but 2xx.
[[nodiscard]] http::Response refresh_response(bitbucket::EventKind kind,
                                              const controllers::RefreshOutcome& refreshes);

}  // namespace receiver::webhook
