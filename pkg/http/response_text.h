#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace receiver::http {

/// An answer as bytes. The server owns framing: `Content-Length`, `Transfer-Encoding` and
/// `Connection` of the answer itself are left out. `with_body` false: the head alone, as HEAD asks.
[[nodiscard]] std::string response_text(const Response& response, bool with_body, bool keep_alive);

/// `{"error":"…"}` and a newline. `message` needs no JSON escapes: it holds nothing that a peer
/// sent.
[[nodiscard]] Response error_response(unsigned status, std::string_view message);
/// 503 with `Retry-After: 1`.
[[nodiscard]] Response overloaded_response();

}  // namespace receiver::http
