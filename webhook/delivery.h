#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "api/promotion.h"
#include "api/warehouse.h"
#include "controllers/refresher.h"
#include "http/server.h"
#include "kube/store.h"
#include "log/logger.h"
#include "webhook/routes.h"

namespace receiver::webhook {

struct DeliveryOptions {
  std::chrono::milliseconds answer_deadline{8'000};  ///< from the request's first byte
  http::ServerLimits limits;                         ///< of the listener, for its 413
};

struct DeliveryCounters {
  std::atomic<std::uint64_t> unknown_path{0}, not_ready{0}, wrong_method{0}, too_large{0}, pings{0},
      missing_signature{0}, bad_signature{0}, ignored{0}, bad_body{0}, answered_ok{0},
      answered_queued{0}, answered_failed{0}, overloaded{0}, previous_secret{0};
};

/// Answers one request of the webhook port: SPEC 3's steps in their order, one function each.
/// Called on the connection's strand, from any of the listener's threads; shares nothing but what
/// is thread-safe.
class Deliveries {
 public:
  Deliveries(const RouteTable& routes, const kube::Store<api::Warehouse>& warehouses,
             const kube::Store<api::Promotion>& promotions, controllers::Refresher& refresher,
             DeliveryOptions options, log::Logger logger);

  [[nodiscard]] boost::asio::awaitable<http::Response> answer(const http::RequestHead& head,
                                                              http::BodyReader& body);

  [[nodiscard]] const DeliveryCounters& counters() const { return counters_; }

 private:
  DeliveryCounters counters_;
};

}  // namespace receiver::webhook
