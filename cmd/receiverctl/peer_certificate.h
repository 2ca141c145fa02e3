#pragma once

#include <chrono>
#include <string>

#include <tl/expected.hpp>

#include "clock/clock.h"

namespace receiver::ctl {

/// The certificate that a server shows, for people who look into it.
struct PeerCertificate {
  std::string problem;  ///< why a client refuses it; empty: it does not
  std::string subject;  ///< in one line
  std::string issuer;
  clock::Wall::time_point not_after;  ///< the earliest of its chain, as far as that is accepted
  int shown = 0;  ///< certificates that the server sent: its own and, rightly, intermediate ones
};

/// Connects, shakes hands and hangs up; blocks. `ca_pem`: the authorities to believe; empty: the
/// system's. The error says why there is no certificate to look at.
[[nodiscard]] tl::expected<PeerCertificate, std::string> look_at_certificate(
    const std::string& host, unsigned short port, const std::string& ca_pem,
    std::chrono::seconds patience);

}  // namespace receiver::ctl
