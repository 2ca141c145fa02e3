#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "clock/clock.h"
#include "crypto/crypto.h"
#include "kube/config.h"

/// Credential plugins: programs that print an ExecCredential. Internal to the room.
namespace receiver::kube {

/// The credential that a plugin returns: a token, or a client certificate with its key, or both.
struct ExecCredential {
  crypto::SecretString token;
  std::string certificate_pem;
  crypto::SecretString key_pem;
  std::optional<clock::Wall::time_point> expires;
};

struct ExecLimits {
  std::chrono::milliseconds time{60'000};  ///< limit of a run that is not at a terminal
  std::size_t output_bytes = 1024UL * 1024;
  std::chrono::milliseconds pause{10'000};  ///< minimum time between runs after a 401 or a failure
};

/// The value of KUBERNETES_EXEC_INFO: the plugin's API version and, if requested, the cluster.
[[nodiscard]] std::string exec_info(const ExecPlugin& plugin, const Config& config,
                                    std::string_view certificate_authority_pem);

/// Parses a plugin's output. The error never quotes it.
[[nodiscard]] tl::expected<ExecCredential, std::string> parse_exec_credential(
    std::string_view output, std::string_view api_version);

/// Runs the plugin without blocking the executor's thread. It ends early when `*stop` becomes true,
/// which must happen on the executor. If the coroutine ends first, also because its executor is
/// destroyed, the plugin and (unless it is at a terminal) its children are killed; no zombie stays.
/// The error names the command, and quotes a line of its standard error, unless that is ours.
boost::asio::awaitable<tl::expected<ExecCredential, std::string>> run_exec_plugin(
    boost::asio::any_io_executor executor, ExecPlugin plugin, std::string info,
    std::shared_ptr<const bool> stop, ExecLimits limits);

}  // namespace receiver::kube
