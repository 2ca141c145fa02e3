#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "kube/config.h"

namespace receiver::kube {

/// One file of a KUBECONFIG list, read but not parsed.
struct KubeconfigFile {
  std::string name;       ///< for messages: "kubeconfig /home/me/.kube/config"
  std::string directory;  ///< base of its relative paths
  std::string text;
};

/// Resolves a context of files that are read as one; the current one if `context` is empty. If
/// several entries have the same name, or several files set current-context, the first wins.
/// `terminal`: a person can answer a plugin. Needs at least one file. Internal to the room.
[[nodiscard]] tl::expected<Config, std::string> resolve_kubeconfig(
    const std::vector<KubeconfigFile>& files, const std::string& context, bool terminal);

}  // namespace receiver::kube
