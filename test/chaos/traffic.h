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

/// Steady deliveries, each over its own connection, as Bitbucket sends them: one every 100 ms, and
/// another stream with two at a time. They do not wait for each other's answers. Some hold back
/// their last byte for a moment, in which others are refreshed.
class Traffic {
 public:
  /// `ports` of replicas on loopback take turns.
  Traffic(std::vector<Signed> to_send, std::vector<unsigned short> ports);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// Targets from now on. Without ports, nothing is sent.
  void send_to(std::vector<unsigned short> ports);
  /// Sends no more; returns when every answer has arrived, or was given up after kLongestAnswer.
  void stop();

  /// Finished deliveries.
  [[nodiscard]] std::vector<SentDelivery> deliveries() const;

  /// Longer than the operator's own deadline.
  static constexpr std::chrono::seconds kLongestAnswer{15};

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::chaos
