#pragma once

#include <string>

#include <CLI/App.hpp>

namespace receiver::ctl {

/// Whose receiver a command is about. A ClusterConfig's reaches every namespace, so that it is
/// named, and never what is meant if a project was left out.
struct Whose {
  std::string project;  ///< empty: the ClusterConfig's
  bool cluster_config = false;
};

/// Adds --project and --cluster-config to the command, of which one at most may be given.
void add_whose(CLI::App& command, Whose& whose, const char* group = "Options");

/// For the command's callback: throws CLI::RequiredError unless one was given.
void require(const Whose& whose);

}  // namespace receiver::ctl
