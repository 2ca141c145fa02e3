#pragma once

#include <memory>
#include <string>
#include <vector>

#include "test/chaos/invariant.h"
#include "test/support/delivery.h"

namespace receiver::chaos {

/// A signed delivery that can be sent any number of times.
struct Signed {
  std::string path;
  test::Delivery delivery;
  std::vector<std::string> targets;
};

/// Steady deliveries, each over a connection of its own, as Bitbucket sends them: every 100 ms one,
/// and another one twice at once. They do not wait for each other's answers. Some hold their
/// last byte back for a moment, in which others are refreshed.
class Traffic {
 public:
  /// The ports, of replicas on loopback, take turns.
  Traffic(std::vector<Signed> to_send, std::vector<unsigned short> ports);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// From now on. None: nothing is sent.
  void send_to(std::vector<unsigned short> ports);
  /// Sends no more; returns when every answer is there, or given up after kLongestAnswer.
  void stop();

  /// Those that have ended.
  [[nodiscard]] std::vector<SentDelivery> deliveries() const;

  /// Above the operator's own deadline.
  static constexpr std::chrono::seconds kLongestAnswer{15};

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::chaos
