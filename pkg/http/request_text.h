#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "http/message.h"

namespace receiver::http {

/// As a URL has it: IPv6 literals in brackets, without their zone, which means nothing to others.
[[nodiscard]] std::string url_host(std::string_view host);

/// `HOST:PORT`, with the host as a URL has it.
[[nodiscard]] std::string host_and_port(std::string_view host, unsigned short port);

/// The value of a Host field: the port unless it is the scheme's own.
[[nodiscard]] std::string host_field(std::string_view scheme, std::string_view host,
                                     unsigned short port);

/// Head and body in one piece, so that they leave in one write. Refuses, naming the field but not
/// its value, whatever would change the shape of the request: line breaks in values, fields that
/// the client sets itself (Host, Connection, and those of the body's length).
[[nodiscard]] tl::expected<std::string, std::string> request_text(const Request& request,
                                                                  std::string_view host);

}  // namespace receiver::http
