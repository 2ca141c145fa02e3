#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "git/ref_selector.h"
#include "test/differential/bitbucket.h"
#include "test/differential/naive_decision.h"

namespace receiver::test {

/// The operator's own decision about pushes to one repository: as webhook/delivery.cpp does for a
/// Warehouse with each subscription. Answers are cached from one push to the next, as in the
/// operator. Time is simulated while it lives.
class Product {
 public:
  explicit Product(const Bitbucket& bitbucket);
  ~Product();
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  /// Whether each Warehouse is refreshed by the push with this body.
  [[nodiscard]] std::vector<bool> refreshes(std::string_view body,
                                            const std::vector<git::Subscription>& subscriptions,
                                            const NaiveDecision::Ask& ask);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::test
