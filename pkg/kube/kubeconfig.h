#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "kube/config.h"

namespace receiver::kube {

/// One file of a KUBECONFIG list, read but not yet understood.
struct KubeconfigFile {
  std::string name;       ///< for messages: "kubeconfig /home/me/.kube/config"
  std::string directory;  ///< relative paths in it start here
  std::string text;
};

/// A context of files that are read as one, the current one if `context` is empty: of entries with
/// the same name, and of current-context, the first wins. `terminal`: a person is there to
/// answer a plugin. Never empty input. Internal to the room.
[[nodiscard]] tl::expected<Config, std::string> resolve_kubeconfig(
    const std::vector<KubeconfigFile>& files, const std::string& context, bool terminal);

}  // namespace receiver::kube
