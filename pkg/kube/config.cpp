#include "kube/config.h"

#include <algorithm>
#include <filesystem>
#include <unistd.h>

#include <fmt/format.h>

#include "kube/kubeconfig.h"
#include "text/ascii.h"
#include "text/small_file.h"

namespace receiver::kube {
namespace {

using Failure = tl::unexpected<std::string>;

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

tl::expected<KubeconfigFile, std::string> read_kubeconfig(const std::string& path) {
  std::string name = "kubeconfig " + path;
  auto text = text::read_small_file(path);
  if (!text) return Failure(name + ": " + text.error());
  std::error_code ignored;
  // Absolute, so that a later change of the working directory does not affect its files.
  const auto directory = std::filesystem::absolute(path, ignored).parent_path().string();
  return KubeconfigFile{std::move(name), directory, std::move(*text)};
}

tl::expected<Config, std::string> load_files(const std::vector<std::string>& paths,
                                             const ConfigSources& sources) {
  std::vector<KubeconfigFile> files;
  for (const std::string& path : paths) {
    auto file = read_kubeconfig(path);
    if (!file) return Failure(file.error());
    files.push_back(std::move(*file));
  }
  auto config = resolve_kubeconfig(files, sources.context, sources.terminal);
  if (config && config->exec) config->exec->hidden_variables = sources.hidden_variables;
  return config;
}

tl::expected<Config, std::string> load_list(const std::string& list, const ConfigSources& sources) {
  std::vector<std::string> paths;
  std::string_view rest = list;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    std::string path(rest.substr(0, end));
    if (!path.empty() && exists(path)) paths.push_back(std::move(path));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (paths.empty()) {
    return Failure(fmt::format("KUBECONFIG={}: no such file: correct or unset it", list));
  }
  return load_files(paths, sources);
}

tl::expected<Config, std::string> in_cluster(std::string_view host, std::string_view port,
                                             const std::string& directory) {
  Config config;
  config.source = "in-cluster";
  config.scheme = "https";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  config.host = host;
  config.port = text::parse_number<unsigned short>(port).value_or(0);
  if (config.port == 0) {
    return Failure(fmt::format("in-cluster: KUBERNETES_SERVICE_PORT={} is not a port", port));
  }
  config.token_file = directory + "/token";
  config.certificate_authority.file = directory + "/ca.crt";
  const auto ns = text::read_small_file(directory + "/namespace");
  if (ns) config.ns = text::trim(*ns);
  if (config.ns.empty()) config.ns = "default";
  return config;
}

}  // namespace

tl::expected<Config, std::string> load_config(const ConfigSources& sources) {
  if (!sources.kubeconfig.empty()) return load_files({sources.kubeconfig}, sources);

  const auto environment = [&](std::string_view name) {
    return sources.environment ? sources.environment(name).value_or("") : std::string();
  };
  if (const auto list = environment("KUBECONFIG"); !list.empty()) return load_list(list, sources);

  const std::string host = environment("KUBERNETES_SERVICE_HOST");
  const std::string port = environment("KUBERNETES_SERVICE_PORT");
  if (sources.context.empty() && !host.empty() && !port.empty() &&
      exists(sources.service_account_dir + "/token")) {
    return in_cluster(host, port, sources.service_account_dir);
  }
  const std::string home = environment("HOME");
  if (const auto path = home + "/.kube/config"; !home.empty() && exists(path)) {
    return load_files({path}, sources);
  }

  return Failure(
      fmt::format("no API server is configured: set KUBECONFIG, or create ~/.kube/config, or run "
                  "in a cluster with a"
                  " service account ({} in {})",
                  host.empty() ? "KUBERNETES_SERVICE_HOST is not set; a token is expected"
                               : "there is no token",
                  sources.service_account_dir));
}

tl::expected<Config, std::string> parse_kubeconfig(std::string_view text,
                                                   const std::string& directory,
                                                   const std::string& context, bool terminal) {
  return resolve_kubeconfig({{"kubeconfig", directory, std::string(text)}}, context, terminal);
}

}  // namespace receiver::kube
