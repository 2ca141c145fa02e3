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

/// Checks that its host resolves, its certificate is valid, and the operator answers there.
/// `receiver_url`: any receiver's URL below it, to see how its path arrives; may be empty.
void check_web(const std::string& base_url, const std::string& receiver_url, const Asking& asking,
               Findings& findings);

/// Checks that the operator answers at `via`, for example its Service, where the base URL's host
/// may be unknown. The certificate is not verified, because it belongs to the base URL.
void check_via(const http::ServerUrl& via, const std::string& base_url,
               const std::string& receiver_url, Asking asking, Findings& findings);

/// In this header the operator reports how the path of a ping arrived.
inline constexpr std::string_view kReceiverPathHeader = "X-Receiver-Path";
/// Judges that header. Nothing if it is absent, as with an older operator.
[[nodiscard]] std::optional<Finding> judge_path(std::optional<std::string_view> header,
                                                const std::string& base_path);

/// `addresses`: what the host resolves to.
[[nodiscard]] Finding judge_addresses(const std::string& host,
                                      const std::vector<std::string>& addresses);
[[nodiscard]] Finding judge_certificate(const PeerCertificate& certificate,
                                        clock::Wall::time_point now);

}  // namespace receiver::ctl
