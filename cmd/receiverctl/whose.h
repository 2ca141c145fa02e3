#pragma once

#include <string>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// The owner of the command's receiver. A ClusterConfig's receiver covers all namespaces, so it
/// must be selected explicitly, never by leaving out the project.
struct Whose {
  std::string project;  ///< empty: the ClusterConfig's
  bool cluster_config = false;
};

/// Validates an option: a name that Kubernetes accepts for a project, so that no request asks for
/// another.
[[nodiscard]] CLI::Validator is_project();
/// Validates an option: a receiver's name, without spaces, slashes and control characters.
[[nodiscard]] CLI::Validator is_receiver();

/// Adds -n, with its long names --namespace and --project.
CLI::Option* add_project(CLI::App& command, std::string& project, const std::string& help);

/// Adds -n and --cluster-config to the command. At most one of them may be given.
void add_whose(CLI::App& command, Whose& whose, const char* group = "Options");

/// Adds --receiver, which must be given.
void require_receiver(CLI::App& command, std::string& receiver);

/// For the command's callback: without these options, the project is the namespace of the
/// kubeconfig's context, as for kubectl. Throws CLI::RequiredError if the context has none.
void require(const Context& context, Whose& whose);

}  // namespace receiver::ctl
