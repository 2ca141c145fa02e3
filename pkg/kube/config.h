#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "crypto/crypto.h"
#include "http/proxy.h"

namespace receiver::kube {

/// A PEM document, inline or in a file. A file is reloaded when it changes.
struct PemSource {
  std::string data;
  std::string file;
  [[nodiscard]] bool empty() const { return data.empty() && file.empty(); }
};

/// A credential plugin (client.authentication.k8s.io/v1 or v1beta1).
struct ExecPlugin {
  std::string api_version;
  std::string command;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string install_hint;
  bool provide_cluster_info = false;
  bool takes_input = true;  ///< if there is a terminal
  /// A person is at the terminal: the plugin may ask them (it gets our standard error and, unless
  /// it takes no input, our standard input), without a time limit.
  bool at_terminal = false;
  std::vector<std::string>
      hidden_variables;  ///< environment variables that the plugin does not get
};

/// How to connect and authenticate to one API server.
struct Config {
  std::string scheme;  ///< https or http
  std::string host;    ///< no brackets around IPv6
  unsigned short port = 443;
  std::string base_path;  ///< of the server URL, without a trailing slash; usually empty
  std::string tls_server_name;
  bool insecure_skip_tls_verify = false;
  PemSource certificate_authority;
  PemSource client_certificate;
  PemSource client_key;
  crypto::SecretString token;
  std::string token_file;  ///< takes precedence over `token`; read again every minute and on 401
  std::optional<ExecPlugin> exec;
  /// Header fields of every request that say on whose behalf it is made (Impersonate-User, …).
  std::vector<std::pair<std::string, std::string>> impersonation;
  std::optional<http::Proxy>
      proxy;              ///< the cluster's proxy-url; the environment's proxies are not used
  std::string proxy_url;  ///< for plugins; may contain a password
  std::string ns;         ///< namespace of the context; "default" if it has none
  std::string source;     ///< for messages: the file, or "in-cluster"
};

struct ConfigSources {
  std::string kubeconfig;  ///< from the command line; takes precedence over everything
  /// Reads an environment variable: KUBECONFIG (a list of files), HOME, KUBERNETES_SERVICE_HOST,
  /// KUBERNETES_SERVICE_PORT.
  std::function<std::optional<std::string>(std::string_view name)> environment;
  std::string service_account_dir = "/var/run/secrets/kubernetes.io/serviceaccount";
  /// Context of the kubeconfig, instead of its current one. The in-cluster configuration is then
  /// not used.
  std::string context{};
  /// A person is at a terminal, and a credential plugin may ask them.
  bool terminal = false;
  /// Environment variables that credential plugins must not get.
  std::vector<std::string> hidden_variables{};
};

/// Precedence: command line, KUBECONFIG (files merged as kubectl does: the first to set a name or
/// the current context wins), in-cluster, ~/.kube/config. The error names the file, the entry and
/// what to do.
[[nodiscard]] tl::expected<Config, std::string> load_config(const ConfigSources& sources);

/// Parses one kubeconfig and resolves the context, or its current one. Relative paths are relative
/// to `directory`. Pure, except that it does not read data files.
[[nodiscard]] tl::expected<Config, std::string> parse_kubeconfig(std::string_view text,
                                                                 const std::string& directory,
                                                                 const std::string& context = {},
                                                                 bool terminal = false);

}  // namespace receiver::kube
