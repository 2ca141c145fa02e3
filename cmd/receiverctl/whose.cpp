#include "cmd/receiverctl/whose.h"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cmd/receiverctl/cluster.h"
#include "kube/resource.h"

namespace receiver::ctl {

CLI::Validator is_project() {
  const auto wrong = [](const std::string& name) -> std::string {
    constexpr std::size_t kMaxLabelBytes = 63;
    const bool is_label = kube::is_subdomain(name) && name.size() <= kMaxLabelBytes &&
                          name.find('.') == std::string::npos;
    if (is_label) return {};
    return fmt::format(
        "{:?} is not a project's name: lower case letters, digits and hyphens, 63 at most", name);
  };
  return CLI::Validator(wrong, "");
}

CLI::Validator is_receiver() {
  const auto wrong = [](const std::string& name) -> std::string {
    const bool is_name = std::ranges::all_of(name, [](char c) {
      return static_cast<unsigned char>(c) > ' ' && c != '/' && c != '\x7f';
    });
    if (is_name) return {};
    return fmt::format("{:?} is not a receiver's name: it contains spaces or slashes", name);
  };
  return CLI::Validator(wrong, "");
}

CLI::Option* add_project(CLI::App& command, std::string& project, const std::string& help) {
  return command.add_option("-n,--namespace,--project", project, help)
      ->option_text("PROJECT")
      ->check(is_project());
}

void add_whose(CLI::App& command, Whose& whose, const char* group) {
  CLI::Option* project =
      add_project(command, whose.project,
                  "The receiver's project. If not given: the namespace of the kubeconfig's "
                  "context.");
  project->group(group);
  command
      .add_flag("--cluster-config", whose.cluster_config,
                "Instead of -n: a receiver of the ClusterConfig, which covers all namespaces.")
      ->excludes(project)
      ->group(group);
}

void require_receiver(CLI::App& command, std::string& receiver) {
  command.add_option("--receiver", receiver, "Name of the receiver.")
      ->option_text("R")
      ->required()
      ->check(is_receiver());
}

void require(const Context& context, Whose& whose) {
  if (whose.cluster_config || !whose.project.empty()) return;
  whose.project = project_of_kubeconfig(context);
  if (whose.project.empty()) throw CLI::RequiredError("-n, --project or --cluster-config");
}

}  // namespace receiver::ctl
