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

/// A PEM document given inline or by file. A file is read again when it changes.
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
  bool takes_input = true;  ///< where there is a terminal
  /// A person sits there: the plugin may ask them (its standard error, and its input unless it
  /// takes none, are ours) and has all the time that they need.
  bool at_terminal = false;
  std::vector<std::string> hidden_variables;  ///< of our environment that it does not get
};

/// How to reach and authenticate to one API server.
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
  std::string token_file;  ///< wins over `token`; read again every minute and on 401
  std::optional<ExecPlugin> exec;
  /// Of every request: on whose behalf it is made (Impersonate-User, …).
  std::vector<std::pair<std::string, std::string>> impersonation;
  std::optional<http::Proxy> proxy;  ///< the cluster's proxy-url; of the environment none is used
  std::string proxy_url;             ///< for plugins; may hold a password
  std::string ns;                    ///< of the context; "default" if it names none
  std::string source;                ///< for messages: the file, or "in-cluster"
};

struct ConfigSources {
  std::string kubeconfig;  ///< of the command line; wins over everything
  /// Reads an environment variable: KUBECONFIG (a list of files), HOME, KUBERNETES_SERVICE_HOST,
  /// KUBERNETES_SERVICE_PORT.
  std::function<std::optional<std::string>(std::string_view name)> environment;
  std::string service_account_dir = "/var/run/secrets/kubernetes.io/serviceaccount";
  /// Of a kubeconfig, in place of its current one; then the cluster that this runs in is not meant.
  std::string context{};
  /// A person sits at a terminal, whom a credential plugin may ask.
  bool terminal = false;
  /// Environment variables that are no business of a credential plugin.
  std::vector<std::string> hidden_variables{};
};

/// Command line, then KUBECONFIG (files merged as kubectl does: the first to set a name or the
/// current context wins), then in-cluster, then
/// ~/.kube/config. The error names the file, the entry and what to do.
[[nodiscard]] tl::expected<Config, std::string> load_config(const ConfigSources& sources);

/// Parses one kubeconfig text and resolves that context, or its current one; relative paths are
/// relative to `directory`. Pure but for data files not being read.
[[nodiscard]] tl::expected<Config, std::string> parse_kubeconfig(std::string_view text,
                                                                 const std::string& directory,
                                                                 const std::string& context = {},
                                                                 bool terminal = false);

}  // namespace receiver::kube
