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

/// Stands between operator and API server and does to requests what a real API server does under
/// conditions that cannot be brought about here. It shows the API server's own certificate.
class Proxy {
 public:
  explicit Proxy(const test::Cluster& cluster);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  /// The operator's, by way of this proxy.
  [[nodiscard]] std::string kubeconfig() const;

  enum class Fault {
    kNone,
    kTooManyRequests,            ///< 429
    kTooManyRequestsRetryAfter,  ///< 429, come again in a second
    kServerErrors,               ///< 500
    kGone,                       ///< 410: the version is forgotten
    kComeBackInTenMinutes,       ///< 503 and an HTML page of a load balancer, `Retry-After: 600`
    kResets,                     ///< the connection is reset in the middle of the answer
    kSlowAnswers,                ///< each piece of an answer waits for kSlowness
    kHangs,                      ///< no answer, as long as the operator waits for one
  };
  struct Rule {
    Fault fault = Fault::kNone;
    /// Whether it is for requests of this first line; none: for all.
    std::function<bool(std::string_view line)> requests{};
    std::size_t every = 1;  ///< of these, every n-th
  };
  /// What happens to requests from now on, watches included: the first rule that is for one counts.
  void set(std::vector<Rule> rules);
  void set(Fault fault, std::size_t every = 1) { set({{.fault = fault, .every = every}}); }
  /// Ends the connections of all watches; returns of how many.
  std::size_t cut_watches();
  /// Requests that a fault has happened to.
  [[nodiscard]] std::size_t faults() const;

  static constexpr std::chrono::milliseconds kSlowness{1'500};

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::chaos
