#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/output.h"

namespace receiver::ctl {

/// `version`: of this program, of the operator and of the API server.
void add_versions(CLI::App& app, Context& context);

struct ComponentVersion {
  std::string component;  ///< client, operator, apiServer
  std::string version{};  ///< empty: not known
  std::string message{};  ///< more information, or why the version is not known
  std::string commit{};
  std::string date{};
  std::string image{};
};

[[nodiscard]] std::string versions_text(const std::vector<ComponentVersion>& versions,
                                        const Layout& layout);
/// A VersionList.
[[nodiscard]] std::string versions_document(const std::vector<ComponentVersion>& versions,
                                            Format format);
/// Advice if the versions of client and operator do not match; empty if they do, or one is not
/// known. Pure.
[[nodiscard]] std::string skew_advice(std::string_view client, std::string_view operator_version);

}  // namespace receiver::ctl
