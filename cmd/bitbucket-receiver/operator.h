#pragma once

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "cmd/bitbucket-receiver/settings.h"
#include "log/logger.h"

namespace receiver {

/// The whole operator: how its parts are connected, and the order in which they start and stop. One
/// thread for the Kubernetes API and all state behind it, several for the listeners.
class Operator {
 public:
  Operator(Settings settings, log::Logger logger);
  ~Operator();
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  /// Runs until SIGTERM or SIGINT has arrived and everything has stopped. Returns the exit code;
  /// the error is one line for people.
  [[nodiscard]] tl::expected<int, std::string> run();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver
