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
  std::string message{};  ///< what else there is to know; why the version is not
  std::string commit{};
  std::string date{};
  std::string image{};
};

[[nodiscard]] std::string versions_text(const std::vector<ComponentVersion>& versions,
                                        const Layout& layout);
/// A VersionList.
[[nodiscard]] std::string versions_document(const std::vector<ComponentVersion>& versions,
                                            Format format);
/// What to do if client and operator are of versions that are not made for one another; empty if
/// they are, or one is not known. Pure.
[[nodiscard]] std::string skew_advice(std::string_view client, std::string_view operator_version);

}  // namespace receiver::ctl
