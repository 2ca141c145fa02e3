#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clock/clock.h"
#include "cmd/receiverctl/findings.h"
#include "cmd/receiverctl/peer_certificate.h"
#include "cmd/receiverctl/web.h"

/// The part of `check` that looks at the base URL as Bitbucket would.
namespace receiver::ctl {

/// Its host resolves, its certificate is good, and the operator answers behind it.
/// `receiver_url`: of some receiver below it, to see in which form its path arrives; may be empty.
void check_web(const std::string& base_url, const std::string& receiver_url, const Asking& asking,
               Findings& findings);

/// That the operator answers at `via`, the address of its Service for example, where the base URL's
/// host need not be known. Whose certificate it shows does not matter: it is the base URL's.
void check_via(const http::ServerUrl& via, const std::string& base_url,
               const std::string& receiver_url, Asking asking, Findings& findings);

/// The header by which the operator tells in which form the path of a ping arrived.
inline constexpr std::string_view kReceiverPathHeader = "X-Receiver-Path";
/// Of that header. Nothing where there is none, as an older operator answers.
[[nodiscard]] std::optional<Finding> judge_path(std::optional<std::string_view> header,
                                                const std::string& base_path);

/// `addresses`: what the host resolves to.
[[nodiscard]] Finding judge_addresses(const std::string& host,
                                      const std::vector<std::string>& addresses);
[[nodiscard]] Finding judge_certificate(const PeerCertificate& certificate,
                                        clock::Wall::time_point now);

}  // namespace receiver::ctl
