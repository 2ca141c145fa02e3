#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "controllers/derive.h"
#include "controllers/secret_sources.h"
#include "http/server.h"
#include "log/logger.h"

namespace receiver {

/// What the operator can be told from outside, checked: `parse_settings` hands out no other. Each
/// member is named after its variable; the units are in `bitbucket-receiver --help`.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in an order for people
struct Settings {
  std::string base_url_text;      ///< EXTERNAL_WEBHOOK_SERVER_BASE_URL as given
  controllers::BaseUrl base_url;  ///< the same, split

  std::string bind_address = "0.0.0.0";  ///< an IP address, of both ports
  unsigned short port = 8080;            ///< webhooks; 0: any free one
  std::optional<http::ServerTls> tls;    ///< TLS_ENABLED, TLS_CERT_PATH, TLS_KEY_PATH
  unsigned short metrics_port = 9090;    ///< 0: off

  // As the listener has them.
  std::size_t max_body_bytes = http::ServerLimits{}.body_bytes;
  std::size_t max_bodies_bytes = http::ServerLimits{}.bodies_bytes;
  std::size_t max_connections = http::ServerLimits{}.connections;
  std::size_t max_requests_in_flight = http::ServerLimits{}.requests;
  std::size_t max_header_bytes = http::ServerLimits{}.header_bytes;
  std::chrono::milliseconds header_timeout = http::ServerLimits{}.header_time;
  std::chrono::milliseconds body_timeout = http::ServerLimits{}.body_time;
  std::chrono::milliseconds idle_timeout = http::ServerLimits{}.idle_time;
  std::chrono::milliseconds answer_deadline{8'000};
  std::chrono::milliseconds graceful_shutdown_timeout{30'000};

  /// Of the flag or the file. Empty: kube::load_config looks at the environment's KUBECONFIG, the
  /// cluster and the home directory, in this order.
  std::string kubeconfig;
  double kube_api_qps = 0;  ///< 0: no throttle
  int kube_api_burst = 0;   ///< 0 only without a throttle

  std::string system_resources_namespace = "kargo-system-resources";  ///< empty: none
  controllers::SecretAccess secret_access = controllers::SecretAccess::kNamespaced;
  std::size_t max_concurrent_patches = 64;
  int max_concurrent_project_config_reconciles = 4;

  bool leader_elect = true;
  std::string pod_namespace = "kargo";  ///< of the Lease
  std::string pod_name;                 ///< identity in the Lease; the host name by default
  bool catch_up = true;

  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kConsole;
  std::string config_file;  ///< empty: none
  /// LOG_LEVEL is the file's to say: neither flag nor environment names one.
  bool log_level_follows_file = false;

  /// Of the webhook port.
  [[nodiscard]] http::ServerLimits server_limits() const;
};

/// Text to print instead of running: help or version (code 0, for standard output), or one line
/// that says which setting is wrong and what is expected (code 2, for standard error).
struct EarlyExit {
  int code = 0;
  std::string text;  ///< ends in a newline
};

/// Reads an environment variable; nothing if it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// The process's own environment.
[[nodiscard]] std::optional<std::string> process_environment(std::string_view name);

/// SPEC 5: a flag beats the environment beats the file. In the environment and in the file an empty
/// value counts as not given, but for SYSTEM_RESOURCES_NAMESPACE, where empty means something.
[[nodiscard]] tl::expected<Settings, EarlyExit> parse_settings(int argc, const char* const* argv,
                                                               const Environment& environment);

/// The level that a settings file asks for: INFO if it names none. The error is one line that names
/// the file. For re-reading when the file has changed and `log_level_follows_file`.
[[nodiscard]] tl::expected<log::Level, std::string> log_level_of_file(const std::string& path);

}  // namespace receiver
