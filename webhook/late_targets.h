#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "api/promotion.h"
#include "api/warehouse.h"
#include "bitbucket/event.h"
#include "controllers/recent_deliveries.h"
#include "controllers/refresher.h"
#include "controllers/routes.h"
#include "kube/store.h"
#include "log/logger.h"

namespace receiver::webhook {

struct LateTargetCounters {
  std::atomic<std::uint64_t> refreshes{0};
  std::atomic<std::int64_t> remembered_current{0};  ///< deliveries
  std::atomic<std::uint64_t> dropped{0};            ///< deliveries dropped early, at a limit
};

/// Refreshes objects that a store gets after a delivery that names them (SPEC 3, "Late targets").
/// It observes both stores: an object that is new to one, or whose subscriptions or pull requests
/// change, is refreshed once if recent deliveries name it, however many. Stores call no observer
/// for other changes, and so not for the refresh annotation.
///
/// RecentDeliveries decides. A receiver's deliveries count only while it is served.
class LateTargets {
 public:
  /// Create it before the reflectors start. `executor` is the thread of the reflectors and the
  /// refresher. All arguments must outlive it.
  LateTargets(boost::asio::any_io_executor executor, const controllers::RouteTable& routes,
              kube::Store<api::Warehouse>& warehouses, kube::Store<api::Promotion>& promotions,
              controllers::Refresher& refresher, log::Logger logger,
              controllers::RecentDeliveriesLimits limits = {});
  ~LateTargets();
  LateTargets(const LateTargets&) = delete;
  LateTargets& operator=(const LateTargets&) = delete;

  /// Remembers a delivery that these receivers' keys sign. From any thread, before its targets are
  /// looked up in the stores: an object that is new to a store after the look-up is then reported,
  /// and finds the delivery here. An object may be found by both, and is then patched at most
  /// twice.
  void remember(const std::vector<controllers::Route>& receivers,
                const bitbucket::Payload& payload);

  /// Reports whether the watch of a kind is open: nothing is forgotten until it has been open for
  /// two minutes.
  void watch_changed(controllers::TargetKind kind, bool current);
  /// No further refreshes.
  void stop();

  [[nodiscard]] const LateTargetCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::webhook
