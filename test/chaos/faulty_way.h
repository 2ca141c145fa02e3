#pragma once

#include <string>

#include <fmt/format.h>

#include "test/chaos/proxy.h"
#include "test/chaos/world.h"
#include "test/support/cluster.h"
#include "test/support/operator.h"

namespace receiver::chaos {

/// The start of a test with a fault between operator and API server.
struct FaultyWay {
  test::Cluster cluster;
  Proxy proxy{cluster};
  World world{cluster};

  /// An operator that reaches the API server through the proxy.
  [[nodiscard]] test::Operator start() const {
    return test::Operator(cluster, {{"KUBECONFIG", proxy.kubeconfig()}});
  }
  /// For the table of results.
  [[nodiscard]] std::string remark() const {
    return fmt::format("{} requests met it", proxy.faults());
  }
};

}  // namespace receiver::chaos
