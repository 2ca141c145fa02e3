#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "api/promotion.h"
#include "api/warehouse.h"
#include "bitbucket/event.h"
#include "controllers/refresher.h"
#include "controllers/routes.h"
#include "http/server.h"
#include "kube/store.h"
#include "log/log_throttle.h"
#include "log/logger.h"
#include "webhook/delivery_targets.h"
#include "webhook/inquirer.h"
#include "webhook/late_targets.h"
#include "webhook/outcome.h"

namespace receiver::webhook {

/// Called for each receiver whose key a sender has proved, or failed to prove: `accepted`, or the
/// name of the outcome. From any of the listener's threads.
using AuthenticationObserver = std::function<void(
    const std::string& project, const std::string& receiver, std::string_view result)>;

struct DeliveryOptions {
  std::chrono::milliseconds answer_deadline{8'000};  ///< from the request's first byte
  http::ServerLimits limits;                         ///< the listener's, for its 413
  /// Called with the time of each delivery that requests refreshes, from its first byte to its
  /// answer. On any of the listener's threads.
  std::function<void(bitbucket::Source source, std::chrono::nanoseconds took)> answered{};
  AuthenticationObserver authenticated{};
  /// Asks Bitbucket which files pushes change, for receivers whose Secret contains a token. Null:
  /// never ask.
  Inquirer* inquirer = nullptr;
};

/// Answers the requests of the webhook port. Called on a connection's strand, from any of the
/// listener's threads; shares only thread-safe objects. Its arguments must outlive it, and it must
/// outlive every answer.
class Deliveries {
 public:
  Deliveries(const controllers::RouteTable& routes, const kube::Store<api::Warehouse>& warehouses,
             const kube::Store<api::Promotion>& promotions, LateTargets& late_targets,
             controllers::Refresher& refresher, DeliveryOptions options, log::Logger logger);

  [[nodiscard]] boost::asio::awaitable<http::Response> answer(const http::RequestHead& head,
                                                              http::BodyReader& body);

  /// From now on health probes are answered 503, so that load balancers choose another replica.
  /// Deliveries are still answered. From any thread.
  void shutting_down() { shutting_down_ = true; }

  [[nodiscard]] const DeliveryCounters& counters() const { return counters_; }

 private:
  struct Delivery;
  /// The end of a request. Without an outcome: its body did not arrive, which the listener counts.
  struct End {
    http::Response answer;
    std::optional<Outcome> outcome;
  };
  /// The result of a step for the next one, or the end of the request.
  template <typename T>
  using Step = tl::expected<T, End>;

  // The steps of a request, in order.
  [[nodiscard]] http::Response answer_health(const http::RequestHead& head) const;
  [[nodiscard]] boost::asio::awaitable<End> take(const http::RequestHead& head,
                                                 http::BodyReader& body);
  [[nodiscard]] Step<std::vector<controllers::Route>> find_receivers(const http::RequestHead& head);
  [[nodiscard]] std::optional<End> refuse_head(const http::RequestHead& head,
                                               const std::vector<controllers::Route>& candidates);
  [[nodiscard]] boost::asio::awaitable<End> answer_ping(
      const http::RequestHead& head, http::BodyReader& body,
      const std::vector<controllers::Route>& candidates);
  [[nodiscard]] boost::asio::awaitable<Step<Delivery>> authenticate(
      const http::RequestHead& head, http::BodyReader& body,
      const std::vector<controllers::Route>& candidates);
  [[nodiscard]] Step<bitbucket::EventKind> recognise(const Delivery& delivery);
  [[nodiscard]] Step<bitbucket::Payload> parse(Delivery& delivery, bitbucket::EventKind kind);
  [[nodiscard]] Step<DeliveryTargets> find_targets(Delivery& delivery, bitbucket::EventKind kind,
                                                   const bitbucket::Payload& payload);
  [[nodiscard]] boost::asio::awaitable<controllers::RefreshOutcome> refresh(
      boost::asio::any_io_executor strand, DeliveryTargets targets,
      clock::Steady::time_point deadline, Delivery& delivery);
  [[nodiscard]] End report(const Delivery& delivery, bitbucket::EventKind kind,
                           const controllers::RefreshOutcome& refreshes);

  [[nodiscard]] boost::asio::awaitable<controllers::RefreshOutcome> refresh_what_changed(
      boost::asio::any_io_executor strand, DeliveryTargets targets,
      clock::Steady::time_point deadline, Delivery& delivery);

  [[nodiscard]] End refuse_body(const http::RequestHead& head,
                                const std::vector<controllers::Route>& candidates,
                                http::BodyError error);
  [[nodiscard]] End refuse_sender(const http::RequestHead& head,
                                  const std::vector<controllers::Route>& candidates);
  void observe(const std::vector<controllers::Route>& receivers, std::string_view result) const;
  /// For a request whose sender has not proved that it has a key.
  void log_unproven(log::LogThrottle& throttle, log::Level level, std::string_view message,
                    std::optional<Outcome> outcome, const http::RequestHead& head,
                    const std::vector<controllers::Route>& candidates) const;
  /// Ends a signed delivery, with its log line.
  [[nodiscard]] End finish(const Delivery& delivery, Outcome outcome, http::Response answer,
                           const controllers::RefreshOutcome& refreshes = {}) const;

  const controllers::RouteTable& routes_;
  const kube::Store<api::Warehouse>& warehouses_;
  const kube::Store<api::Promotion>& promotions_;
  LateTargets& late_targets_;
  controllers::Refresher& refresher_;
  const DeliveryOptions options_;
  const log::Logger logger_;
  std::atomic<bool> shutting_down_{false};
  DeliveryCounters counters_;
  log::LogThrottle unknown_paths_, not_ready_, pings_, refused_bodies_, refused_senders_;
};

}  // namespace receiver::webhook
