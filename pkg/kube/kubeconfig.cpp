#include "kube/kubeconfig.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "http/server_url.h"
#include "text/ascii.h"
#include "text/percent.h"
#include "text/small_file.h"

namespace receiver::kube {
namespace {

using Failure = tl::unexpected<std::string>;

struct Document {
  const KubeconfigFile* file;
  YAML::Node root;
};

/// A named cluster, user or context.
struct Entry {
  YAML::Node body;
  const KubeconfigFile* file;
};

/// Undefined if `node` is not a map or has no such member; yaml-cpp throws in the first case.
YAML::Node member(const YAML::Node& node, const std::string& key) {
  if (node.IsDefined() && node.IsMap()) {
    const YAML::Node found = node[key];
    if (found.IsDefined()) return found;
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

std::string scalar_or_empty(const YAML::Node& node) {
  return node.IsScalar() ? node.Scalar() : std::string();
}

/// Base64 may be folded over several lines.
std::string unfolded(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  return text;
}

/// Reads the members of one entry, and remembers the first invalid one.
class Fields {
 public:
  Fields(Entry entry, std::string what) : entry_(std::move(entry)), what_(std::move(what)) {}

  [[nodiscard]] const KubeconfigFile& file() const { return *entry_.file; }
  [[nodiscard]] YAML::Node node(const std::string& key) const { return member(entry_.body, key); }
  [[nodiscard]] bool has(const std::string& key) const {
    const YAML::Node value = node(key);
    return value.IsDefined() && !value.IsNull();
  }

  std::string text(const std::string& key) { return text_of(node(key), key); }

  std::string text_of(const YAML::Node& value, const std::string& key) {
    if (value.IsScalar()) return value.Scalar();
    if (value.IsDefined() && !value.IsNull()) fail(key + " must be text");
    return {};
  }

  bool flag(const std::string& key) { return flag_of(node(key), key); }

  bool flag_of(const YAML::Node& value, const std::string& key) {
    bool result = false;
    if (value.IsDefined() && !value.IsNull() && !YAML::convert<bool>::decode(value, result)) {
      fail(key + " must be true or false");
    }
    return result;
  }

  std::vector<YAML::Node> list_of(const YAML::Node& value, const std::string& key) {
    std::vector<YAML::Node> items;
    if (value.IsSequence()) {
      for (const auto& item : value) items.push_back(item);
    } else if (value.IsDefined() && !value.IsNull()) {
      fail(key + " must be a list");
    }
    return items;
  }

  /// A path, relative to the folder of its kubeconfig.
  std::string path(const std::string& key) { return resolve(text(key)); }

  [[nodiscard]] std::string resolve(std::string path) const {
    if (path.empty() || path.front() == '/' || file().directory.empty()) return path;
    return file().directory + "/" + path;
  }

  /// `KEY-data` in base64, or else the file `KEY`.
  PemSource pem(const std::string& key) {
    PemSource result;
    const std::string encoded = text(key + "-data");
    if (encoded.empty()) {
      result.file = path(key);
      return result;
    }
    const auto decoded = crypto::base64_decode(unfolded(encoded));
    if (!decoded || decoded->find("-----BEGIN ") == std::string::npos) {
      fail(key + "-data must be a PEM document in base64");
    } else {
      result.data = *decoded;
    }
    return result;
  }

  void fail(const std::string& problem) {
    if (!error_) error_ = fmt::format("{}: {}: {}", file().name, what_, problem);
  }
  [[nodiscard]] const std::optional<std::string>& error() const { return error_; }

 private:
  Entry entry_;
  std::string what_;
  std::optional<std::string> error_;
};

std::optional<Entry> find_entry(const std::vector<Document>& documents, const std::string& list,
                                const std::string& kind, const std::string& name) {
  for (const Document& document : documents) {
    const YAML::Node entries = member(document.root, list);
    if (!entries.IsSequence()) continue;
    for (const auto& entry : entries) {
      if (scalar_or_empty(member(entry, "name")) == name) {
        return Entry{member(entry, kind), document.file};
      }
    }
  }
  return std::nullopt;
}

std::string names_of(const std::vector<KubeconfigFile>& files) {
  std::string names;
  for (const KubeconfigFile& file : files) names += (names.empty() ? "" : ", ") + file.name;
  return names;
}

/// Sets scheme, host, port and base path, or returns the error in the URL.
std::optional<std::string> set_server(std::string_view url, Config& config) {
  auto server = http::parse_server_url(url);
  if (!server) return "server " + server.error();
  if (server->user_info || server->path.find_first_of("@?#") != std::string::npos) {
    return "server must contain only scheme, host, port and path";
  }
  while (server->path.ends_with('/')) server->path.pop_back();
  config.scheme = std::move(server->scheme);
  config.host = std::move(server->host);
  config.port = server->port;
  config.base_path = std::move(server->path);
  return std::nullopt;
}

void read_cluster(Fields& cluster, Config& config) {
  const std::string server = cluster.text("server");
  if (server.empty()) {
    cluster.fail("server is missing");
  } else if (const auto problem = set_server(server, config)) {
    cluster.fail(*problem);
  }
  config.proxy_url = cluster.text("proxy-url");
  if (!config.proxy_url.empty()) {
    if (auto proxy = http::parse_proxy(config.proxy_url)) {
      config.proxy = std::move(*proxy);
    } else {
      cluster.fail("proxy-url: " + proxy.error());
    }
  }
  config.tls_server_name = cluster.text("tls-server-name");
  config.insecure_skip_tls_verify = cluster.flag("insecure-skip-tls-verify");
  config.certificate_authority = cluster.pem("certificate-authority");
  if (config.insecure_skip_tls_verify && !config.certificate_authority.empty()) {
    cluster.fail(
        "insecure-skip-tls-verify and certificate-authority exclude each other: remove one");
  }
}

/// Reads on whose behalf requests are made, as header fields.
void read_impersonation(Fields& user, Config& config) {
  const auto add = [&](std::string field, std::string value, const std::string& key) {
    if (std::ranges::any_of(value, [](unsigned char c) { return c < ' ' || c == 0x7f; })) {
      user.fail(key + " has control characters in it");
    }
    config.impersonation.emplace_back(std::move(field), std::move(value));
  };
  const std::string name = user.text("as");
  if (!name.empty()) add("Impersonate-User", name, "as");
  for (const YAML::Node& group : user.list_of(user.node("as-groups"), "as-groups")) {
    add("Impersonate-Group", user.text_of(group, "each of as-groups"), "as-groups");
  }
  if (const std::string uid = user.text("as-uid"); !uid.empty()) {
    add("Impersonate-Uid", uid, "as-uid");
  }
  const YAML::Node extra = user.node("as-user-extra");
  if (user.has("as-user-extra") && !extra.IsMap()) user.fail("as-user-extra must be a map");
  if (extra.IsMap()) {
    for (const auto& entry : extra) {
      const std::string key = scalar_or_empty(entry.first);
      for (const YAML::Node& value : user.list_of(entry.second, "each of as-user-extra")) {
        add("Impersonate-Extra-" + text::percent_encode(key),
            user.text_of(value, "each of as-user-extra"), "as-user-extra");
      }
    }
  }
  if (name.empty() && !config.impersonation.empty()) {
    user.fail("as-groups, as-uid and as-user-extra need as, the user that is impersonated");
  }
}

ExecPlugin read_exec(Fields& user, Fields& cluster, bool terminal) {
  const YAML::Node exec = user.node("exec");
  const auto text = [&](const std::string& key) {
    return user.text_of(member(exec, key), "exec." + key);
  };
  ExecPlugin plugin;
  plugin.api_version = text("apiVersion");
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1") {
    user.fail("exec.apiVersion must be client.authentication.k8s.io/v1 or …/v1beta1");
  }
  plugin.command = text("command");
  if (plugin.command.empty()) user.fail("exec.command is missing");
  // A bare name is looked up in PATH.
  if (plugin.command.find('/') != std::string::npos) plugin.command = user.resolve(plugin.command);
  plugin.install_hint = text("installHint");
  const std::string mode = text("interactiveMode");
  plugin.takes_input = mode != "Never";
  plugin.at_terminal = terminal;
  if (mode == "Always" && !terminal) {
    user.fail("exec.interactiveMode is Always, but there is no terminal here: use another user");
  }
  for (const YAML::Node& argument : user.list_of(member(exec, "args"), "exec.args")) {
    plugin.arguments.push_back(user.text_of(argument, "each of exec.args"));
  }
  for (const YAML::Node& variable : user.list_of(member(exec, "env"), "exec.env")) {
    plugin.environment.emplace_back(user.text_of(member(variable, "name"), "exec.env[].name"),
                                    user.text_of(member(variable, "value"), "exec.env[].value"));
  }
  for (const auto& [name, value] : plugin.environment) {
    if (name.empty() || name.find('=') != std::string::npos) {
      user.fail("exec.env has an entry without a usable name");
    }
  }
  plugin.provide_cluster_info =
      user.flag_of(member(exec, "provideClusterInfo"), "exec.provideClusterInfo");
  if (plugin.provide_cluster_info) {
    for (const YAML::Node& extension : cluster.list_of(cluster.node("extensions"), "extensions")) {
      if (scalar_or_empty(member(extension, "name")) == "client.authentication.k8s.io/exec") {
        user.fail(
            "exec.provideClusterInfo with the cluster's extension client.authentication.k8s.io/exec"
            " is not supported: give the plugin its settings as args or env");
      }
    }
  }
  return plugin;
}

void read_user(Fields& user, Fields& cluster, Config& config, bool terminal) {
  for (const char* unsupported : {"username", "password"}) {
    if (user.has(unsupported)) {
      user.fail(std::string(unsupported) +
                " is not supported, nor by Kubernetes 1.19 and later: use a token or a client "
                "certificate");
    }
  }
  if (user.has("auth-provider")) {
    user.fail("auth-provider is not supported, nor by Kubernetes 1.26 and later: use exec");
  }
  config.token = crypto::SecretString(std::string(text::trim(user.text("token"))));
  config.token_file = user.path("tokenFile");
  config.client_certificate = user.pem("client-certificate");
  config.client_key = user.pem("client-key");
  if (config.client_certificate.empty() != config.client_key.empty()) {
    user.fail("client-certificate and client-key go together, but one is missing");
  }
  if (user.has("exec")) config.exec = read_exec(user, cluster, terminal);
}

/// The name of the chosen context, and the beginning of messages about it.
struct ChosenContext {
  std::string name;
  std::string where;
};

tl::expected<ChosenContext, std::string> choose_context(const std::vector<KubeconfigFile>& files,
                                                        const std::vector<Document>& documents,
                                                        const std::string& asked_for) {
  if (!asked_for.empty()) return ChosenContext{asked_for, names_of(files) + ": context"};
  for (const Document& document : documents) {
    const std::string current = scalar_or_empty(member(document.root, "current-context"));
    if (!current.empty()) return ChosenContext{current, document.file->name + ": current-context"};
  }
  return Failure(names_of(files) +
                 ": current-context is not set: choose one with kubectl config use-context NAME");
}

tl::expected<Config, std::string> resolve(const std::vector<KubeconfigFile>& files,
                                          const std::vector<Document>& documents,
                                          const std::string& asked_for, bool terminal) {
  const auto chosen = choose_context(files, documents, asked_for);
  if (!chosen) return Failure(chosen.error());
  const std::string& current = chosen->name;
  const std::string_view among = files.size() == 1 ? "its" : "any file's";

  const auto context_entry = find_entry(documents, "contexts", "context", current);
  if (!context_entry) {
    return Failure(fmt::format("{} \"{}\" is not in {} contexts", chosen->where, current, among));
  }
  Fields context(*context_entry, fmt::format("context \"{}\"", current));
  const std::string cluster_name = context.text("cluster");
  const std::string user_name = context.text("user");
  Config config;
  config.source = context.file().name;
  config.ns = context.text("namespace");
  if (config.ns.empty()) config.ns = "default";
  if (cluster_name.empty()) context.fail("names no cluster");
  if (context.error()) return Failure(*context.error());

  const auto missing = [&](std::string_view kind, std::string_view name) {
    return Failure(fmt::format("{}: context \"{}\" names {} \"{}\", which is not in {} {}s",
                               context.file().name, current, kind, name, among, kind));
  };
  const auto cluster_entry = find_entry(documents, "clusters", "cluster", cluster_name);
  if (!cluster_entry) return missing("cluster", cluster_name);
  Fields cluster(*cluster_entry, fmt::format("cluster \"{}\"", cluster_name));
  read_cluster(cluster, config);
  if (cluster.error()) return Failure(*cluster.error());

  if (user_name.empty()) return config;
  const auto user_entry = find_entry(documents, "users", "user", user_name);
  if (!user_entry) return missing("user", user_name);
  Fields user(*user_entry, fmt::format("user \"{}\"", user_name));
  read_impersonation(user, config);
  // As in kubectl, credentials are never sent unencrypted.
  if (config.scheme != "http") read_user(user, cluster, config, terminal);
  if (user.error()) return Failure(*user.error());
  if (cluster.error()) return Failure(*cluster.error());
  return config;
}

}  // namespace

tl::expected<Config, std::string> resolve_kubeconfig(const std::vector<KubeconfigFile>& files,
                                                     const std::string& context, bool terminal) {
  std::string_view reading = files.front().name;
  try {
    std::vector<Document> documents;
    for (const KubeconfigFile& file : files) {
      reading = file.name;
      if (file.text.size() > text::kMaxFileBytes) {
        return Failure(fmt::format("{}: larger than {} bytes", reading, text::kMaxFileBytes));
      }
      // yaml-cpp stops at a nesting of 500, and keeps an alias as a reference: neither depth nor
      // anchors can exhaust memory.
      const YAML::Node root = YAML::Load(file.text);
      if (!root.IsMap() && !root.IsNull()) {
        return Failure(fmt::format("{}: is not a kubeconfig", reading));
      }
      documents.push_back({&file, root});
    }
    return resolve(files, documents, context, terminal);
  } catch (const YAML::Exception& failure) {
    return Failure(fmt::format("{}: line {}: is not readable as YAML: {}", reading,
                               failure.mark.line + 1, failure.msg));
  }
}

}  // namespace receiver::kube
