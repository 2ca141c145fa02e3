#pragma once

#include <array>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <tl/expected.hpp>

#include "api/promotion.h"
#include "api/receiver_owner.h"
#include "api/warehouse.h"
#include "cmd/bitbucket-receiver/health.h"
#include "cmd/bitbucket-receiver/operator.h"
#include "cmd/bitbucket-receiver/settings.h"
#include "cmd/bitbucket-receiver/tasks.h"
#include "controllers/catch_up.h"
#include "controllers/receiver_controller.h"
#include "controllers/refresher.h"
#include "controllers/registrar.h"
#include "controllers/routes.h"
#include "controllers/stage_watch.h"
#include "http/io_threads.h"
#include "http/server.h"
#include "json/json.h"
#include "kube/events.h"
#include "kube/leader_election.h"
#include "kube/recovery.h"
#include "kube/reflector.h"
#include "kube/rest.h"
#include "kube/store.h"
#include "log/logger.h"
#include "metrics/metrics.h"
#include "webhook/bitbucket_clients.h"
#include "webhook/delivery.h"
#include "webhook/inquirer.h"
#include "webhook/late_targets.h"
#include "webhook/targets.h"

namespace receiver {

/// The parts of the operator, and what connects them: built in operator_parts.cpp, run and stopped
/// in operator.cpp.
class Operator::Impl {
 public:
  Impl(Settings settings, log::Logger logger)
      : settings_(std::move(settings)),
        logger_(std::move(logger)),
        project_configs_([](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
          return api::decode_owner(api::OwnerKind::kProjectConfig, meta, object);
        }),
        cluster_configs_([](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
          return api::decode_owner(api::OwnerKind::kClusterConfig, meta, object);
        }),
        warehouses_(api::decode_warehouse, webhook::warehouse_index_keys),
        promotions_(api::decode_promotion, webhook::promotion_index_keys) {}

  ~Impl() {
    if (http_threads_) http_threads_->join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  tl::expected<int, std::string> run();

 private:
  void build_controllers();
  void build_registrar();

  tl::expected<void, std::string> connect();
  struct Watched {
    std::string plural;
    std::optional<kube::Reflector> reflector{};
  };
  void watch(Watched& watched_kind, const json::Projection& projection, kube::ObjectSink& sink,
             std::function<void(bool current)> on_current = {});
  void kind_settled(const Watched& watched_kind);
  tl::expected<void, std::string> listen();
  void add_metrics();
  void lead_or_stand();

  boost::asio::awaitable<void> wait_for_signal();
  boost::asio::awaitable<void> shut_down();
  boost::asio::awaitable<void> follow_log_level();
  boost::asio::awaitable<kube::ApiResult<void>> patch(controllers::Target target,
                                                      std::string token);
  boost::asio::awaitable<void> refresh(std::vector<controllers::Target> targets);

  [[nodiscard]] bool leading() const {
    return !settings_.leader_elect || (elector_ && elector_->leading());
  }
  [[nodiscard]] std::vector<HealthCheck> liveness() const;
  [[nodiscard]] std::vector<HealthCheck> readiness();

  const Settings settings_;
  const log::Logger logger_;

  // Destroyed last: operations on kube_io_ refer to timers of waiting deliveries
  // (controllers/refresher.h).
  boost::asio::io_context http_io_;
  boost::asio::io_context kube_io_{1};
  std::optional<http::IoThreads> http_threads_;

  std::unique_ptr<kube::RestClient> rest_;
  controllers::OwnerStore project_configs_;
  controllers::OwnerStore cluster_configs_;
  kube::Store<api::Warehouse> warehouses_;
  kube::Store<api::Promotion> promotions_;
  controllers::RouteTable routes_;

  std::optional<kube::EventRecorder> events_;
  std::optional<controllers::ReceiverController> receivers_;
  std::optional<controllers::Refresher> refresher_;
  std::optional<kube::Recovery::Waiting> server_is_back_;  ///< any success wakes the refresher
  std::optional<controllers::CatchUp> catch_up_;
  std::optional<webhook::LateTargets> late_targets_;
  std::optional<webhook::BitbucketClients> bitbucket_clients_;
  std::optional<webhook::Inquirer> inquirer_;
  std::optional<controllers::StageWatch> stages_;
  std::optional<controllers::Registrar> registrar_;
  std::optional<webhook::Deliveries> deliveries_;
  std::optional<kube::LeaderElector> elector_;
  Watched watched_project_configs_{"projectconfigs"};
  Watched watched_cluster_configs_{"clusterconfigs"};
  Watched watched_warehouses_{"warehouses"};
  Watched watched_promotions_{"promotions"};
  const std::array<Watched*, 4> all_watched_{&watched_project_configs_, &watched_cluster_configs_,
                                             &watched_warehouses_, &watched_promotions_};
  metrics::Readings metrics_;
  std::optional<http::Server> webhook_server_;
  std::optional<http::Server> metrics_server_;

  bool shutting_down_ = false;
  bool owners_listed_ = false;
  bool secrets_tried_ = false;
  int exit_code_ = 0;
  Tasks tasks_{kube_io_.get_executor(), [this](const std::string& name, const std::string& error) {
                 exit_code_ = 1;
                 logger_.error("a component of the operator failed; shutting down",
                               {{"component", name}, {"error", error}});
                 std::raise(SIGTERM);
               }};
};

}  // namespace receiver
