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

/// The operator's settings, checked: `parse_settings` returns only valid ones. The options of a
/// room are members of that room's options. settings_table.cpp maps variables to members; the
/// initializers, here and there, are the defaults.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in an order for people
struct Settings {
  std::string base_url_text;  ///< as given

  http::ServerOptions listener{.name = "webhook", .port = 8080};
  bool tls_enabled = false;
  http::ServerTls tls{};  ///< the listener's, if enabled
  http::ServerOptions metrics_listener{.name = "metrics", .port = 9090};  ///< port 0: off
  webhook::DeliveryOptions deliveries{};
  std::chrono::milliseconds graceful_shutdown_timeout{30'000};

  /// From the flag or the file. If empty, kube::load_config uses the environment's KUBECONFIG, the
  /// cluster and the home directory, in this order.
  std::string kubeconfig;
  kube::RestOptions rest{};
  controllers::ReceiverControllerOptions receivers{.base_url = {},
                                                   .system_namespace = "kargo-system-resources"};
  controllers::RefresherOptions refresher{};
  http::ProxySettings bitbucket_proxy{};  ///< only for Bitbucket's REST API

  bool leader_elect = true;
  kube::ObjectKey lease{"kargo", "bitbucket-receiver"};
  std::string pod_name;  ///< identity in the Lease; the host name by default
  bool catch_up = true;

  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kConsole;
  std::string config_file;  ///< empty: none
  /// Only the settings file sets LOG_LEVEL: neither a flag nor the environment does.
  bool log_level_follows_file = false;
};

/// A text to print instead of running: help or version (code 0, on standard output), or one line
/// that names the wrong setting and the expected value (code 2, on standard error).
struct EarlyExit {
  int code = 0;
  std::string text;  ///< ends in a newline
};

/// SPEC 5: a flag beats the environment, which beats the file. In the environment and in the file
/// an empty value counts as not given, except for SYSTEM_RESOURCES_NAMESPACE, where it has a
/// meaning.
[[nodiscard]] tl::expected<Settings, EarlyExit> parse_settings(int argc, const char* const* argv,
                                                               const Environment& environment);

/// The level in a settings file: INFO if it has none. The error is one line that names the file.
/// For re-reading when the file has changed and `log_level_follows_file`.
[[nodiscard]] tl::expected<log::Level, std::string> log_level_of_file(const std::string& path);

}  // namespace receiver
