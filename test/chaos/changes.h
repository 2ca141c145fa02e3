#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "test/chaos/invariant.h"

namespace receiver::chaos {

/// Every value that the refresh annotation of any object takes from now on, or from a revision of
/// etcd that it has not compacted away. It is watched where the API server keeps it, in etcd: no
/// fault of the API server leaves a gap, and after one of etcd the watch goes on where it was.
class ChangeFeed {
 public:
  /// Returns when the watch has begun, if it is to begin now.
  explicit ChangeFeed(unsigned short etcd_port, std::int64_t after = 0);
  ~ChangeFeed();
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  /// Of etcd, the last one seen.
  [[nodiscard]] std::int64_t revision() const;
  /// Those seen so far. Throws if some can never be seen, because etcd has compacted them away.
  [[nodiscard]] std::vector<Change> changes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::chaos
