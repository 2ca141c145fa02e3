#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "cmd/bitbucket-receiver/operator_impl.h"
#include "cmd/version.h"
#include "controllers/desired_webhooks.h"
#include "controllers/metrics.h"
#include "controllers/missed_deliveries.h"
#include "kube/metrics.h"
#include "log/end_on_exception.h"
#include "webhook/metrics.h"

namespace receiver {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kControllerName = "kargo.akuity.io/bitbucket-receiver";

}  // namespace

void Operator::Impl::build_controllers() {
  events_.emplace(*rest_,
                  kube::EventRecorderOptions{.controller = std::string(kControllerName),
                                             .instance = settings_.pod_name,
                                             .may_write = [this] { return leading(); }},
                  logger_.named("events"));
  controllers::ReceiverControllerOptions receivers = settings_.receivers;
  receivers.reconciled =
      kube::reconcile_observer(metrics_, std::string(controllers::ReceiverController::kName));
  receivers.derived = [this](const auto& owner, const auto& derived) {
    if (controllers::registers(derived)) stages_->begin();
    registrar_->derived(owner, derived);
  };
  receivers.gone = [this](const kube::ObjectKey& owner) { registrar_->gone(owner); };
  receivers_.emplace(
      *rest_, project_configs_, cluster_configs_, routes_, *events_, [this] { return leading(); },
      std::move(receivers), logger_);
  refresher_.emplace(
      kube_io_.get_executor(),
      [this](controllers::Target target, std::string token) {
        return patch(std::move(target), std::move(token));
      },
      settings_.refresher, logger_.named("refresher"), controllers::refresh_observer(metrics_));
  server_is_back_.emplace(rest_->recovery(), [this] { refresher_->server_is_back(); });
  catch_up_.emplace(
      kube_io_.get_executor(), *refresher_,
      controllers::CatchUp::Sources{.complete =
                                        [this] {
                                          // Not routes_.complete(): one project with unreadable
                                          // Secrets must not make the replica unready.
                                          return owners_listed_ && receivers_->secrets_settled() &&
                                                 warehouses_.synced() && promotions_.synced();
                                        },
                                    .targets =
                                        [this] {
                                          return webhook::reachable_targets(
                                              routes_.projects(), warehouses_, promotions_);
                                        }},
      controllers::CatchUpOptions{}, logger_.named("catch-up"));
  late_targets_.emplace(kube_io_.get_executor(), routes_, warehouses_, promotions_, *refresher_,
                        logger_.named("late-targets"));
  bitbucket_clients_.emplace(
      kube_io_.get_executor(),
      webhook::BitbucketClientsOptions{.proxy = settings_.bitbucket_proxy,
                                       .user_agent = user_agent("bitbucket-receiver")});
  inquirer_.emplace(
      kube_io_.get_executor(),
      [this](webhook::Inquirer::Access access, bitbucket_rest::Operation& operation,
             clock::Steady::time_point deadline) {
        return bitbucket_clients_->ask(std::move(access), operation, deadline);
      },
      webhook::InquirerLimits{}, logger_.named("bitbucket"), webhook::question_observer(metrics_));
  build_registrar();
  webhook::DeliveryOptions deliveries = settings_.deliveries;
  deliveries.inquirer = &*inquirer_;
  deliveries.answered = webhook::answer_observer(metrics_);
  deliveries.authenticated = webhook::authentication_observer(metrics_);
  deliveries_.emplace(routes_, warehouses_, promotions_, *late_targets_, *refresher_,
                      std::move(deliveries), logger_.named("webhook"));
}

void Operator::Impl::build_registrar() {
  stages_.emplace(
      *rest_, [this](const std::string& ns) { registrar_->changed(ns); },
      [this](const std::string& kind, const kube::Reflector& reflector) {
        kube::add_reflector_metrics(metrics_, kind, [&reflector] { return reflector.status(); });
      },
      logger_);
  registrar_.emplace(
      kube_io_.get_executor(),
      [this](controllers::Registrar::Access access, bitbucket_rest::Operation& operation,
             controllers::Registrar::Before before) {
        return bitbucket_clients_->ask(std::move(access), operation, std::move(before));
      },
      [this](const std::set<std::string>& projects) {
        return controllers::reached_by(projects, warehouses_, promotions_, stages_->projects());
      },
      [this](const api::ReceiverOwner& owner, const controllers::Note& note) {
        events_->emit(api::reference_to(owner), note.type, note.reason, "Register", note.text);
      },
      controllers::RegistrarOptions{
          .base_url = settings_.receivers.base_url,
          .leading = [this] { return leading(); },
          .refresh =
              [this](const std::string& project, const auto& access, const auto& repository) {
                asio::co_spawn(
                    kube_io_,
                    refresh(controllers::subscribers(project, access, repository, warehouses_)),
                    log::EndOnException{logger_, "a refresh"});
              }},
      logger_.named("registrar"));
  warehouses_.observe([this](const kube::ObjectKey& key, const auto& before, const auto& now) {
    if (!controllers::same_repositories(before, now)) registrar_->changed(key.ns);
  });
  promotions_.observe([this](const kube::ObjectKey& key, const auto& before, const auto& now) {
    const auto waits = [](const auto& promotion) {
      return promotion && !promotion->pull_request_urls.empty();
    };
    if (!waits(before) && waits(now)) registrar_->changed(key.ns);
  });
}

}  // namespace receiver
