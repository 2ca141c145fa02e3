#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include <prometheus/registry.h>

#include "controllers/catch_up.h"
#include "controllers/receiver_controller.h"
#include "controllers/refresher.h"
#include "http/server.h"
#include "kube/reflector.h"
#include "kube/rest.h"
#include "kube/work_queue.h"
#include "metrics/metrics.h"
#include "webhook/delivery.h"
#include "webhook/late_targets.h"

namespace receiver {

/// Which metrics the operator shows, under which names. What the rooms count themselves is read
/// where it stands, whenever somebody asks; everything added outlives the last render(). All
/// members run on the client's thread, since some of it is that thread's.
class OperatorMetrics {
 public:
  OperatorMetrics();

  /// A listener, by its ServerOptions::name.
  void add_server(const std::string& name, const http::ServerCounters& counters);
  /// When the webhook listener's certificate expires; nothing without TLS.
  void add_certificate(std::function<std::optional<clock::Wall::time_point>()> expiry);
  void add_deliveries(const webhook::DeliveryCounters& counters);
  void add_refresher(const controllers::RefresherCounters& counters,
                     std::function<std::chrono::nanoseconds()> oldest_age);
  /// Of the Lease `name`, as client-go's leader election shows it.
  void add_leader(const std::string& name, std::function<bool()> leading);
  void add_late_targets(const webhook::LateTargetCounters& counters);
  void add_catch_up(const controllers::CatchUpCounters& counters);
  void add_status_writes(const controllers::ReceiverControllerCounters& counters);
  /// Of a controller, by its name.
  void add_work_queue(const std::string& name, const kube::WorkQueue& queue, int workers);
  /// The reflector of a kind (plural), or all of them together.
  void add_reflector(const std::string& kind, const std::function<kube::ReflectorStatus()>& status);
  /// Anything that is a number now: `bitbucket_receiver_` is put before the name.
  void add_gauge(const std::string& name, const std::string& help, std::function<double()> value,
                 const metrics::Labels& labels = {});

  /// For kube::RestClient::create, which this outlives: counts requests by method and code, and how
  /// long they took.
  [[nodiscard]] kube::RequestObserver request_observer();
  /// For kube::Controller, which this outlives: what controller-runtime and client-go show of it.
  [[nodiscard]] kube::ReconcileObserver reconcile_observer(const std::string& controller);
  /// For webhook::Deliveries, which this outlives. From any thread.
  [[nodiscard]] std::function<void(bitbucket::Source, std::chrono::nanoseconds)>
  delivery_observer();
  /// For controllers::Refresher, which this outlives.
  [[nodiscard]] controllers::Refresher::Applied refresh_observer();

  /// For webhook::Deliveries, which this outlives: counts authentications by receiver and
  /// result, of a bounded number of receivers.
  [[nodiscard]] webhook::AuthenticationObserver authentication_observer();

  [[nodiscard]] std::string render() const;

 private:
  prometheus::Registry registry_;  ///< what nobody else counts
  metrics::Readings readings_;
};

}  // namespace receiver
