#include "cmd/bitbucket-receiver/operator.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "async/sleeper.h"
#include "cmd/bitbucket-receiver/operator_impl.h"
#include "cmd/bitbucket-receiver/wiring.h"
#include "cmd/environment.h"
#include "cmd/version.h"
#include "controllers/metrics.h"
#include "http/metrics.h"
#include "kube/config.h"
#include "kube/metrics.h"
#include "log/end_on_exception.h"
#include "webhook/metrics.h"

namespace receiver {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kPatchTimeout{10'000};
constexpr milliseconds kLookAtSettings{2'000};
/// No handler takes this long: its thread hangs.
constexpr milliseconds kStuck{10'000};

/// Unique per process, and readable: the replica's name and random digits.
std::string identity(const std::string& pod_name) {
  std::random_device random;
  return fmt::format("{}_{:08x}{:08x}", pod_name, random(), random());
}

kube::ReflectorOptions watched(std::string plural, const json::Projection& projection) {
  return {.resource = api::kargo_resource(std::move(plural)),
          .ns = {},
          .label_selector = {},
          .field_selector = {},
          .projection = projection,
          .times = {}};
}

}  // namespace

tl::expected<int, std::string> Operator::Impl::run() {
  logger_.info("starting", {{"version", version()},
                            {"base_url", settings_.base_url_text},
                            {"secret_access", settings_.receivers.secret_access ==
                                                      controllers::SecretAccess::kCluster
                                                  ? "cluster"
                                                  : "namespaced"}});
  if (auto connected = connect(); !connected) return tl::unexpected(connected.error());
  build_controllers();
  if (auto listening = listen(); !listening) return tl::unexpected(listening.error());

  using controllers::TargetKind;
  const auto tell_late_targets = [this](TargetKind kind) {
    return [this, kind](bool current) { late_targets_->watch_changed(kind, current); };
  };
  watch(watched_project_configs_, api::owner_projection(), project_configs_);
  watch(watched_cluster_configs_, api::owner_projection(), cluster_configs_);
  watch(watched_warehouses_, api::warehouse_projection(), warehouses_,
        tell_late_targets(TargetKind::kWarehouse));
  watch(watched_promotions_, api::promotion_projection(), promotions_,
        tell_late_targets(TargetKind::kPromotion));
  tasks_.spawn("receivers", receivers_->run());
  tasks_.spawn("registrar", registrar_->run());
  tasks_.spawn("events", events_->run());
  lead_or_stand();
  asio::co_spawn(kube_io_, wait_for_signal(), log::EndOnException{logger_, "the shutdown"});
  if (settings_.log_level_follows_file) {
    asio::co_spawn(kube_io_, follow_log_level(),
                   log::EndOnException{logger_, "the watch of the settings file"});
  }

  const unsigned threads = std::max(2U, std::thread::hardware_concurrency());
  http_threads_.emplace(http_io_, "webhook", threads);
  kube_io_.run();
  http_threads_->join();
  logger_.info("stopped", {{"exit_code", exit_code_}});
  return exit_code_;
}

tl::expected<void, std::string> Operator::Impl::connect() {
  auto config =
      kube::load_config({.kubeconfig = settings_.kubeconfig, .environment = process_environment});
  if (!config) return tl::unexpected(config.error());
  logger_.info("connecting to the API server",
               {{"host", config->host}, {"port", config->port}, {"configuration", config->source}});
  kube::RestOptions options = settings_.rest;
  options.user_agent = user_agent("bitbucket-receiver");
  auto rest = kube::RestClient::create(kube_io_.get_executor(), std::move(*config), options,
                                       logger_.named("kube"), kube::request_observer(metrics_));
  if (!rest) return tl::unexpected(rest.error());
  rest_ = std::move(*rest);
  return {};
}

void Operator::Impl::watch(Watched& watched_kind, const json::Projection& projection,
                           kube::ObjectSink& sink, std::function<void(bool current)> on_current) {
  const std::string& plural = watched_kind.plural;
  watched_kind.reflector.emplace(*rest_, watched(plural, projection), sink, logger_.named(plural));
  watched_kind.reflector->on_settled(
      [this, &watched_kind](const kube::ReflectorStatus&) { kind_settled(watched_kind); });
  watched_kind.reflector->on_current(std::move(on_current));
  kube::add_reflector_metrics(
      metrics_, plural, [&reflector = *watched_kind.reflector] { return reflector.status(); });
  tasks_.spawn(plural, watched_kind.reflector->run());
}

void Operator::Impl::kind_settled(const Watched& watched_kind) {
  const kube::ReflectorStatus& status = watched_kind.reflector->status();
  if (status.settled == kube::ReflectorStatus::Settled::kRefused) {
    logger_.error("cannot watch this kind; features that need it are unavailable",
                  {{"resource", watched_kind.plural}, {"error", status.refusal}});
  } else {
    logger_.info("synced", {{"resource", watched_kind.plural}});
  }
  const kube::ReflectorStatus& projects = watched_project_configs_.reflector->status();
  const kube::ReflectorStatus& clusters = watched_cluster_configs_.reflector->status();
  owners_listed_ = owners_listed_ || owners_listed(projects, clusters);
  if (owners_listed_) routes_.owners_listed();
  if (owners_settled(projects, clusters)) receivers_->owners_settled();
}

tl::expected<void, std::string> Operator::Impl::listen() {
  webhook_server_.emplace(
      http_io_, settings_.listener,
      [this](const http::RequestHead& head, http::BodyReader& body) {
        return deliveries_->answer(head, body);
      },
      logger_.named("webhook"));
  const auto started = webhook_server_->start();
  if (!started) return tl::unexpected(started.error());
  if (settings_.metrics_listener.port == 0) return {};

  add_metrics();
  // Runs on the API thread, whose state it shows. If that thread hangs, /livez does not answer; it
  // reports the webhook threads.
  metrics_server_.emplace(kube_io_, settings_.metrics_listener,
                          health_handler({.liveness = [this] { return liveness(); },
                                          .readiness = [this] { return readiness(); },
                                          .metrics = [this] { return metrics_.render(); }}),
                          logger_.named("metrics"));
  const auto metrics_started = metrics_server_->start();
  if (!metrics_started) return tl::unexpected(metrics_started.error());
  return {};
}

void Operator::Impl::add_metrics() {
  metrics_.gauge(metrics::own("build_info"), "Always 1; its labels say what runs.",
                 {{"version", std::string(version())}, {"commit", std::string(commit())}},
                 [] { return 1.0; });
  metrics::add_process_metrics(metrics_);
  http::add_metrics(metrics_, settings_.listener.name, webhook_server_->counters());
  http::add_certificate_metrics(metrics_, [this] { return webhook_server_->certificate_expiry(); });
  webhook::add_metrics(metrics_, deliveries_->counters());
  webhook::add_metrics(metrics_, late_targets_->counters());
  webhook::add_metrics(metrics_, inquirer_->counters());
  controllers::add_metrics(metrics_, routes_);
  controllers::add_metrics(metrics_, refresher_->counters(),
                           [this] { return refresher_->oldest_age(); });
  controllers::add_metrics(metrics_, catch_up_->counters());
  controllers::add_metrics(metrics_, *receivers_, settings_.receivers.workers);
  controllers::add_metrics(metrics_, registrar_->counters(),
                           [this] { return registrar_->states(); });
  kube::add_leader_metrics(metrics_, settings_.lease.name, [this] { return leading(); });
}

void Operator::Impl::lead_or_stand() {
  if (!settings_.leader_elect) {
    receivers_->set_leading(true);
    registrar_->set_leading(true);
    return;
  }
  elector_.emplace(*rest_,
                   kube::LeaderElectionOptions{.lease = settings_.lease,
                                               .identity = identity(settings_.pod_name)},
                   leader_callbacks(
                       settings_.catch_up,
                       [this](bool leading) {
                         receivers_->set_leading(leading);
                         registrar_->set_leading(leading);
                       },
                       [this] { tasks_.spawn("catch-up", catch_up_->run()); }),
                   logger_.named("leader"));
  tasks_.spawn("leader", elector_->run());
}

asio::awaitable<kube::ApiResult<void>> Operator::Impl::patch(controllers::Target target,
                                                             std::string token) {
  std::string path = controllers::resource_of(target.kind).path(target.key);
  std::string body = api::refresh_patch(token);
  auto answer = co_await rest_->merge_patch(std::move(path), std::move(body), kPatchTimeout);
  if (!answer) co_return tl::unexpected(std::move(answer.error()));
  catch_up_->refreshed(target);
  co_return kube::ApiResult<void>{};
}

/// Queues the refreshes without waiting for them.
asio::awaitable<void> Operator::Impl::refresh(std::vector<controllers::Target> targets) {
  auto queued = refresher_->refresh(std::move(targets), clock::Steady::now());
  (void)co_await std::move(queued);
}

asio::awaitable<void> Operator::Impl::wait_for_signal() {
  asio::signal_set signals(kube_io_, SIGTERM, SIGINT);
  boost::system::error_code error;
  const int signal = co_await signals.async_wait(asio::redirect_error(asio::use_awaitable, error));
  logger_.info("shutting down", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  co_await shut_down();
}

/// The settings file's LOG_LEVEL may change at any time: it is a mounted ConfigMap.
asio::awaitable<void> Operator::Impl::follow_log_level() {
  clock::Timer timer(kube_io_);
  auto known = tl::expected<log::Level, std::string>(settings_.log_level);
  for (;;) {
    co_await async::sleep_until(timer, clock::Steady::now() + kLookAtSettings);
    auto level = log_level_of_file(settings_.config_file);
    if (level == known) continue;
    known = std::move(level);
    if (known) {
      logger_.set_level(*known);
      logger_.info("the settings file has changed the log level");
    } else {
      logger_.warn("cannot read the settings file; the log level is unchanged",
                   {{"error", known.error()}});
    }
  }
}

/// The shutdown order: input before the code that processes it, the Lease after the writes that it
/// guards, the client last.
asio::awaitable<void> Operator::Impl::shut_down() {
  const ShutdownTimes times =
      shutdown_times(clock::Steady::now(), settings_.graceful_shutdown_timeout);
  shutting_down_ = true;
  deliveries_->shutting_down();
  clock::Timer timer(kube_io_);
  co_await async::sleep_until(timer, times.served);

  inquirer_->stop();  // deliveries that wait for an answer are refreshed
  refresher_->answer_by(times.answer_by);
  catch_up_->stop();
  co_await webhook_server_->drain(times.answered);
  late_targets_->stop();
  (void)co_await refresher_->drain(times.drained);  // it has logged what is left

  receivers_->stop();
  registrar_->stop();
  stages_->stop();
  events_->stop();
  for (Watched* watched_kind : all_watched_) watched_kind->reflector->stop();
  if (elector_ && catch_up_->owed()) {
    elector_->abandon();
  } else if (elector_) {
    elector_->stop();
  }
  co_await tasks_.ended(times.ended);
  rest_->close();
  if (metrics_server_) co_await metrics_server_->drain(clock::Steady::now());
  kube_io_.stop();
}

std::vector<HealthCheck> Operator::Impl::liveness() const {
  using std::chrono::seconds;
  const auto absence = http_threads_ ? http_threads_->longest_absence() : seconds(0);
  HealthCheck threads{"webhook-threads", absence < kStuck, ""};
  if (!threads.ok) {
    threads.why = fmt::format("a webhook thread has been stuck for {} s",
                              std::chrono::duration_cast<seconds>(absence).count());
  }
  return {std::move(threads)};
}

std::vector<HealthCheck> Operator::Impl::readiness() {
  std::vector<HealthCheck> checks;
  checks.reserve(all_watched_.size() + 1);
  for (const Watched* watched_kind : all_watched_) {
    checks.push_back(kind_check(watched_kind->plural, watched_kind->reflector->status()));
  }
  // Only once: a Secret that is named later and cannot be read affects only its own receiver.
  const bool kinds_settled = std::ranges::all_of(checks, &HealthCheck::ok);
  secrets_tried_ = secrets_tried_ || (kinds_settled && receivers_->secrets_settled());
  checks.push_back(
      {"secrets", secrets_tried_,
       secrets_tried_ ? receivers_->secrets_trouble() : "some Secrets have not been read yet"});
  if (shutting_down_) checks.insert(checks.begin(), {"serving", false, "shutting down"});
  return checks;
}

Operator::Operator(Settings settings, log::Logger logger)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(logger))) {}

Operator::~Operator() = default;

tl::expected<int, std::string> Operator::run() {
  return impl_->run();
}

}  // namespace receiver
