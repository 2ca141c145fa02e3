#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace receiver::http {

/// The bytes of an answer. The server controls framing: `Content-Length`, `Transfer-Encoding` and
/// `Connection` of the answer itself are ignored. If `with_body` is false, only the header, as for
/// HEAD.
[[nodiscard]] std::string response_text(const Response& response, bool with_body, bool keep_alive);

/// `{"error":"…"}` and a newline. `message` needs no JSON escapes: it contains nothing that a peer
/// sent.
[[nodiscard]] Response error_response(unsigned status, std::string_view message);
/// 503 with `Retry-After: 1`.
[[nodiscard]] Response overloaded_response();

}  // namespace receiver::http
