#pragma once

#include <cstddef>
#include <string_view>

#include "bitbucket/event.h"
#include "controllers/refresher.h"
#include "http/message.h"
#include "webhook/outcome.h"

/// The answers of the webhook port, exactly as in SPEC 3. Each is one line of JSON.
namespace receiver::webhook {

/// Names from untrusted requests are cut to this length in answers and logs.
inline constexpr std::size_t kMaxNameBytes = 100;

/// `{"msg":"…"}`; `message` may contain any bytes.
[[nodiscard]] http::Response message_response(unsigned status, std::string_view message);
/// 503: the same request may succeed in a moment. `message` contains nothing that a peer sent.
[[nodiscard]] http::Response try_again_response(std::string_view message);

/// For probes of load balancers: 200, or 503 after SIGTERM.
[[nodiscard]] http::Response health_response(bool shutting_down);
[[nodiscard]] http::Response unknown_path_response();
[[nodiscard]] http::Response wrong_method_response(std::string_view allowed);
[[nodiscard]] http::Response ignored_response(std::string_view event);

[[nodiscard]] Outcome outcome_of(const controllers::RefreshOutcome& refreshes);
/// Cloud resends a delivery after a 5xx. Data Center never does, and skips deliveries to a webhook
/// that answers anything but 2xx.
[[nodiscard]] http::Response refresh_response(bitbucket::EventKind kind,
                                              const controllers::RefreshOutcome& refreshes);

}  // namespace receiver::webhook
