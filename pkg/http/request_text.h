#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "http/message.h"

namespace receiver::http {

/// The host in the form of a URL: IPv6 literals in brackets, without their zone, which has no
/// meaning elsewhere.
[[nodiscard]] std::string url_host(std::string_view host);

/// `HOST:PORT`, with the host in the form of a URL.
[[nodiscard]] std::string host_and_port(std::string_view host, unsigned short port);

/// The value of a Host field: without the port if it is the scheme's default.
[[nodiscard]] std::string host_field(std::string_view scheme, std::string_view host,
                                     unsigned short port);

/// Header and body in one text, so that they are sent in one write. Rejects, naming the field but
/// not its value, everything that would change the structure of the request: line breaks in values,
/// and fields that the client sets itself (Host, Connection, and those of the body's length).
[[nodiscard]] tl::expected<std::string, std::string> request_text(const Request& request,
                                                                  std::string_view host);

}  // namespace receiver::http
