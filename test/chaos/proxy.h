#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "cluster.h"

namespace receiver::chaos {

/// Stands between operator and API server and does to requests what a real API server does under
/// conditions that cannot be brought about here. It shows the API server's own certificate.
class Proxy {
 public:
  explicit Proxy(const integration::Cluster& cluster);
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
    kResets,                     ///< the connection is reset in the middle of the answer
    kSlowAnswers,                ///< each piece of an answer waits for kSlowness
  };
  /// What happens to every n-th request from now on, watches included.
  void set(Fault fault, std::size_t every = 1);
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
