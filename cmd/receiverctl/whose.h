#pragma once

#include <string>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>

#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// Whose receiver a command is about. A ClusterConfig's reaches every namespace, so that it is
/// named, and never what is meant if a project was left out.
struct Whose {
  std::string project;  ///< empty: the ClusterConfig's
  bool cluster_config = false;
};

/// For options: what Kubernetes takes for a project's name, so that no request asks for another.
[[nodiscard]] CLI::Validator is_project();
/// For options: a receiver's name, which is a part of no path but that of its ProjectConfig's spec;
/// what holds blanks, slashes or control characters is none.
[[nodiscard]] CLI::Validator is_receiver();

/// Adds -n, which is --namespace and --project.
CLI::Option* add_project(CLI::App& command, std::string& project, const std::string& help);

/// Adds -n and --cluster-config to the command, of which one at most may be given.
void add_whose(CLI::App& command, Whose& whose, const char* group = "Options");

/// For the command's callback: where none was given, the project is the namespace of the
/// kubeconfig's context, as for kubectl. Throws CLI::RequiredError where there is none either.
void require(const Context& context, Whose& whose);

}  // namespace receiver::ctl
