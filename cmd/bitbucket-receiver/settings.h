#pragma once

#include <chrono>
#include <string>

#include <tl/expected.hpp>

#include "cmd/environment.h"
#include "controllers/receiver_controller.h"
#include "controllers/refresher.h"
#include "http/proxy.h"
#include "http/server.h"
#include "kube/object_key.h"
#include "kube/rest.h"
#include "log/logger.h"
#include "webhook/delivery.h"

namespace receiver {

/// What the operator can be told from outside, checked: `parse_settings` hands out no other. What a
/// room is told stands in that room's options. Which variable sets which member is told by
/// settings_table.cpp; what an initialiser here or there says is the default.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in an order for people
struct Settings {
  std::string base_url_text;  ///< as given

  http::ServerOptions listener{.name = "webhook", .port = 8080};
  bool tls_enabled = false;
  http::ServerTls tls{};  ///< the listener's, if enabled
  http::ServerOptions metrics_listener{.name = "metrics", .port = 9090};  ///< port 0: off
  webhook::DeliveryOptions deliveries{};
  std::chrono::milliseconds graceful_shutdown_timeout{30'000};

  /// Of the flag or the file. Empty: kube::load_config looks at the environment's KUBECONFIG, the
  /// cluster and the home directory, in this order.
  std::string kubeconfig;
  kube::RestOptions rest{};
  controllers::ReceiverControllerOptions receivers{.base_url = {},
                                                   .system_namespace = "kargo-system-resources"};
  controllers::RefresherOptions refresher{};
  http::ProxySettings bitbucket_proxy{};  ///< to Bitbucket's REST API, and to nothing else

  bool leader_elect = true;
  kube::ObjectKey lease{"kargo", "bitbucket-receiver"};
  std::string pod_name;  ///< identity in the Lease; the host name by default
  bool catch_up = true;

  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kConsole;
  std::string config_file;  ///< empty: none
  /// LOG_LEVEL is the file's to say: neither flag nor environment names one.
  bool log_level_follows_file = false;
};

/// Text to print instead of running: help or version (code 0, for standard output), or one line
/// that says which setting is wrong and what is expected (code 2, for standard error).
struct EarlyExit {
  int code = 0;
  std::string text;  ///< ends in a newline
};

/// SPEC 5: a flag beats the environment beats the file. In the environment and in the file an empty
/// value counts as not given, but for SYSTEM_RESOURCES_NAMESPACE, where empty means something.
[[nodiscard]] tl::expected<Settings, EarlyExit> parse_settings(int argc, const char* const* argv,
                                                               const Environment& environment);

/// The level that a settings file asks for: INFO if it names none. The error is one line that names
/// the file. For re-reading when the file has changed and `log_level_follows_file`.
[[nodiscard]] tl::expected<log::Level, std::string> log_level_of_file(const std::string& path);

}  // namespace receiver
