#pragma once

#include <string>
#include <vector>

#include "clock/clock.h"
#include "cmd/receiverctl/findings.h"
#include "cmd/receiverctl/web.h"
#include "http/peer_certificate.h"

/// The part of `check` that looks at the base URL as Bitbucket would.
namespace receiver::ctl {

/// Its host resolves, its certificate is good, and the operator answers behind it.
void check_web(const std::string& base_url, const std::string& ca_pem, Findings& findings);

/// `addresses`: what the host resolves to.
[[nodiscard]] Finding judge_addresses(const std::string& host,
                                      const std::vector<std::string>& addresses);
[[nodiscard]] Finding judge_certificate(const http::PeerCertificate& certificate,
                                        clock::Wall::time_point now);

}  // namespace receiver::ctl
