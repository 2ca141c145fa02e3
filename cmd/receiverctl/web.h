#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/trace.h"
#include "http/client.h"
#include "http/server_url.h"

/// One request to a server other than the API server.
namespace receiver::ctl {

/// The failure does not contain the URL, which may be half a secret.
[[nodiscard]] Result<http::ServerUrl> parse_web_address(std::string_view url);

struct WebAnswer {
  http::Response response;
  std::chrono::milliseconds took{};
};

enum class Certificate { kVerified, kIgnored };

/// Options of a request.
struct Asking {
  std::chrono::milliseconds patience{10'000};
  std::string ca_pem{};  ///< the CAs to trust; empty: the system's
  Certificate certificate = Certificate::kVerified;
  Trace trace{};
};

/// Sends it over a new connection.
[[nodiscard]] http::Result<WebAnswer> ask(const http::ServerUrl& address, http::Request request,
                                          const Asking& asking);

}  // namespace receiver::ctl
