#pragma once

#include <chrono>
#include <string>

#include <tl/expected.hpp>

#include "clock/clock.h"

namespace receiver::ctl {

/// The certificate that a server shows, for messages.
struct PeerCertificate {
  std::string problem;  ///< why clients reject it; empty: they accept it
  std::string subject;  ///< in one line
  std::string issuer;
  clock::Wall::time_point not_after;  ///< the earliest in its accepted chain
  int shown = 0;  ///< certificates that the server sent: its own and intermediate ones
};

/// Connects, does the TLS handshake and disconnects; blocks. `ca_pem`: the CAs to trust; empty: the
/// system's. The error says why the server showed no certificate.
[[nodiscard]] tl::expected<PeerCertificate, std::string> look_at_certificate(
    const std::string& host, unsigned short port, const std::string& ca_pem,
    std::chrono::seconds patience);

}  // namespace receiver::ctl
