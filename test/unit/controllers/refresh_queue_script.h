#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "controllers/refresh_queue.h"

namespace receiver::controllers {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Kind = kube::ApiError::Kind;
using Verdict = RefreshQueue::Verdict;
using Deliveries = std::vector<RefreshQueue::DeliveryId>;

/// A Warehouse of the project before the slash, else of "project".
inline Target queued_warehouse(const std::string& name) {
  const auto slash = name.find('/');
  if (slash == std::string::npos) return {TargetKind::kWarehouse, {"project", name}};
  return {TargetKind::kWarehouse, {name.substr(0, slash), name.substr(slash + 1)}};
}

inline std::string name_of(const Target& target) {
  return target.key.ns == "project" ? target.key.name : target.key.str();
}

/// A 5xx without a Status comes from a load balancer.
inline kube::ApiResult<void> failed(Kind kind,
                                    std::optional<milliseconds> retry_after = std::nullopt) {
  return tl::unexpected(kube::ApiError{kind, 0, "", "no luck", retry_after});
}

inline kube::ApiResult<void> failed_with_status(Kind kind) {
  auto result = failed(kind);
  result.error().has_status = true;
  return result;
}

inline const kube::ApiResult<void> kAccepted;
inline const kube::ApiResult<void> kObjectGone =
    tl::unexpected(kube::ApiError{Kind::kNotFound, 404, "NotFound", "not found", std::nullopt});

/// A queue and its time, controlled by the test.
struct Script {
  explicit Script(RefresherOptions options = {}) : queue(options, 1) {}

  void add(RefreshQueue::DeliveryId delivery, const std::vector<std::string>& names) {
    std::vector<Target> targets;
    for (const std::string& name : names) targets.push_back(queued_warehouse(name));
    REQUIRE(queue.add(delivery, targets, now));
  }

  /// Starts all possible PATCHes, and returns their names.
  std::vector<std::string> start() {
    std::vector<std::string> names;
    while (const Target* target = queue.start(now)) names.push_back(name_of(*target));
    return names;
  }

  RefreshQueue::Finished finish(const std::string& name, const kube::ApiResult<void>& result) {
    return queue.finish(queued_warehouse(name), result, now);
  }

  /// Advances time until the next retry is due.
  void wait_for_retry() {
    REQUIRE(queue.next_retry());
    now = std::max(now, *queue.next_retry());
  }

  RefreshQueue queue;
  RefreshQueue::Time now{1h};
};

inline Deliveries complete(const RefreshQueue::Finished& finished) {
  Deliveries ids;
  for (const auto& served : finished.served) {
    if (served.complete) ids.push_back(served.delivery);
  }
  return ids;
}

using Objects = std::vector<std::string>;

}  // namespace receiver::controllers
