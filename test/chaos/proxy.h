#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/cluster.h"

namespace receiver::chaos {

/// A proxy between operator and API server that causes faults which a real API server cannot be
/// brought to. It has the API server's own certificate.
class Proxy {
 public:
  explicit Proxy(const test::Cluster& cluster);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  /// The operator's kubeconfig, with this proxy.
  [[nodiscard]] std::string kubeconfig() const;

  enum class Fault {
    kNone,
    kTooManyRequests,            ///< 429
    kTooManyRequestsRetryAfter,  ///< 429, come again in a second
    kServerErrors,               ///< 500
    kGone,                       ///< 410: the version has expired
    kComeBackInTenMinutes,       ///< 503 and an HTML page of a load balancer, `Retry-After: 600`
    kResets,                     ///< the connection is reset in the middle of the answer
    kSlowAnswers,                ///< each piece of an answer waits for kSlowness
    kHangs,                      ///< no answer, as long as the operator waits
  };
  struct Rule {
    Fault fault = Fault::kNone;
    /// Selects requests by their first line; none: all.
    std::function<bool(std::string_view line)> requests{};
    std::size_t every = 1;  ///< every n-th of these
  };
  /// The faults of requests from now on, including watches: the first matching rule counts.
  void set(std::vector<Rule> rules);
  void set(Fault fault, std::size_t every = 1) { set({{.fault = fault, .every = every}}); }
  /// Ends the connections of all watches; returns their number.
  std::size_t cut_watches();
  /// Requests that met a fault.
  [[nodiscard]] std::size_t faults() const;

  static constexpr std::chrono::milliseconds kSlowness{1'500};

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::chaos
