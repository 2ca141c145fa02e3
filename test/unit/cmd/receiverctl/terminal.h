#pragma once

#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/receiverctl/cli.h"

namespace receiver::ctl {

/// A command's environment: input and variables from the test, and its output.
struct Terminal {
  using Variables = std::map<std::string, std::string, std::less<>>;

  explicit Terminal(const std::string& input = {}, Variables variables = {})
      : in(input),
        context{.environment = [known = std::move(variables)](
                                   std::string_view name) -> std::optional<std::string> {
                  const auto found = known.find(name);
                  if (found == known.end()) return std::nullopt;
                  return found->second;
                },
                .in = in,
                .out = out,
                .err = err} {}
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// The exit code.
  int run(const std::vector<const char*>& arguments) {
    return ctl::run(static_cast<int>(arguments.size()), arguments.data(), context);
  }

  std::istringstream in;
  std::ostringstream out, err;
  Context context;
};

}  // namespace receiver::ctl
