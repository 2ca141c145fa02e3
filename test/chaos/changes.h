#pragma once

#include <memory>
#include <vector>

#include "test/chaos/invariant.h"

namespace receiver::chaos {

/// Every value that the refresh annotation of any Warehouse takes from now on. It is watched where
/// the API server keeps it, in etcd: no fault of the API server leaves a gap, and after one of etcd
/// the watch goes on where it was.
class ChangeFeed {
 public:
  /// Returns when the watch has begun.
  explicit ChangeFeed(unsigned short etcd_port);
  ~ChangeFeed();
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  /// Those seen so far. Throws if some can never be seen, because etcd has compacted them away.
  [[nodiscard]] std::vector<Change> changes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::chaos
