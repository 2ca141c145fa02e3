#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "test/chaos/invariant.h"

namespace receiver::chaos {

/// Every value that the refresh annotation of any object gets from now on, or since a revision that
/// etcd has not compacted. It watches etcd, where the API server stores it: faults of the API
/// server leave no gap, and after a fault of etcd the watch continues where it was.
class ChangeFeed {
 public:
  /// Returns when the watch has begun, if it begins now.
  explicit ChangeFeed(unsigned short etcd_port, std::int64_t after = 0);
  ~ChangeFeed();
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  /// The last revision of etcd that was seen.
  [[nodiscard]] std::int64_t revision() const;
  /// The changes so far. Throws if etcd has compacted some that were not seen.
  [[nodiscard]] std::vector<Change> changes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::chaos
