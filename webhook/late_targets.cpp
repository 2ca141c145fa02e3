#include "webhook/late_targets.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include "async/kept_alive.h"
#include "async/sleeper.h"
#include "clock/clock.h"
#include "clock/timer.h"
#include "git/ref_selector.h"
#include "git/repository.h"
#include "log/end_on_exception.h"
#include "webhook/targets.h"

namespace receiver::webhook {

namespace asio = boost::asio;
using controllers::RecentDeliveries;
using controllers::Route;
using controllers::Target;
using controllers::TargetKind;

namespace {

/// Targets that are handed to the refresher at a time: fewer than it can hold.
constexpr std::size_t kBatch = 1'000;
/// Pause while the refresher is full.
constexpr std::chrono::milliseconds kPause{200};
/// Maximum number of names in one log line.
constexpr std::size_t kNamed = 10;

controllers::Named named_by(const bitbucket::Payload& payload) {
  if (const auto* push = std::get_if<bitbucket::Push>(&payload)) {
    return {TargetKind::kWarehouse, identities_of(*push), push->refs};
  }
  return {TargetKind::kPromotion, identities_of(std::get<bitbucket::PullRequest>(payload)), {}};
}

std::string names_of(const std::vector<Target>& targets) {
  std::string names;
  for (const Target& target : targets) {
    if (!names.empty()) names += ' ';
    names += target.key.str();
  }
  return names;
}

}  // namespace

class LateTargets::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, const controllers::RouteTable& routes,
       controllers::Refresher& refresher, log::Logger logger,
       controllers::RecentDeliveriesLimits limits)
      : executor_(std::move(executor)),
        routes_(routes),
        refresher_(refresher),
        logger_(std::move(logger)),
        pause_(executor_),
        recent_(limits) {}

  void remember(const std::vector<Route>& receivers, const bitbucket::Payload& payload);
  void watch_changed(TargetKind kind, bool current);
  void look_at(const api::Warehouse& warehouse);
  void look_at(const api::Promotion& promotion);
  void stop() {
    stopped_ = true;
    pause_.cancel();
  }

  LateTargetCounters counters;

 private:
  template <typename Judge>
  [[nodiscard]] bool is_named(TargetKind kind, const std::string& ns, const std::string& identity,
                              const Judge& judge);
  void found(Target target);
  asio::awaitable<void> refresh_found(async::KeptAlive);
  [[nodiscard]] bool nothing_remembered() const { return counters.remembered_current == 0; }
  void note_counts();

  const asio::any_io_executor executor_;
  const controllers::RouteTable& routes_;
  controllers::Refresher& refresher_;
  const log::Logger logger_;

  // The following belong to the executor's thread.
  std::set<Target> found_;  ///< waiting for the refresher; each object once
  bool refreshing_ = false;
  bool stopped_ = false;
  clock::Timer pause_;

  std::mutex mutex_;
  RecentDeliveries recent_;  ///< under the mutex: deliveries arrive on the listener's threads
};

void LateTargets::Impl::remember(const std::vector<Route>& receivers,
                                 const bitbucket::Payload& payload) {
  const controllers::Named named = named_by(payload);
  const std::lock_guard lock(mutex_);
  for (const Route& receiver : receivers) {
    recent_.remember({receiver.path, receiver.project, receiver.receiver}, named,
                     clock::Steady::now());
  }
  note_counts();
}

void LateTargets::Impl::watch_changed(TargetKind kind, bool current) {
  const std::lock_guard lock(mutex_);
  if (current) {
    recent_.watch_is_current(kind, clock::Steady::now());
  } else {
    recent_.watch_broke(kind, clock::Steady::now());
  }
  note_counts();
}

void LateTargets::Impl::look_at(const api::Warehouse& warehouse) {
  if (nothing_remembered()) return;  // as at a start, when every object is new to the store
  const bool named =
      std::ranges::any_of(warehouse.subscriptions, [&](const git::Subscription& subscription) {
        return is_named(TargetKind::kWarehouse, warehouse.key.ns,
                        git::identity(subscription.repo_url),
                        [&](const auto& refs) { return git::affected(subscription, refs); });
      });
  if (named) found({TargetKind::kWarehouse, warehouse.key});
}

void LateTargets::Impl::look_at(const api::Promotion& promotion) {
  if (nothing_remembered()) return;
  const bool named = std::ranges::any_of(promotion.pull_request_urls, [&](const std::string& url) {
    return is_named(TargetKind::kPromotion, promotion.key.ns, bitbucket::pull_request_identity(url),
                    [](const auto& /*refs*/) { return true; });
  });
  if (named) found({TargetKind::kPromotion, promotion.key});
}

/// Whether a delivery to a receiver that is still served names the object, and `judge(refs)` is
/// true.
template <typename Judge>
bool LateTargets::Impl::is_named(TargetKind kind, const std::string& ns,
                                 const std::string& identity, const Judge& judge) {
  if (identity.empty()) return false;
  std::vector<RecentDeliveries::Found> candidates;
  {
    const std::lock_guard lock(mutex_);
    candidates = recent_.find(kind, ns, identity, clock::Steady::now());
    note_counts();
  }
  return std::ranges::any_of(candidates, [&](const RecentDeliveries::Found& candidate) {
    const controllers::Recipient& to = candidate.recipient;
    return routes_.serves(to.path, to.project, to.receiver) && judge(candidate.refs);
  });
}

void LateTargets::Impl::found(Target target) {
  if (stopped_) return;
  found_.insert(std::move(target));
  if (std::exchange(refreshing_, true)) return;
  // Begins after this handler, so a complete list that replaces a store is one batch.
  asio::co_spawn(executor_, refresh_found(shared_from_this()),
                 log::EndOnException{logger_, "the refresh of late targets"});
}

asio::awaitable<void> LateTargets::Impl::refresh_found(async::KeptAlive) {
  while (!stopped_ && !found_.empty()) {
    std::vector<Target> batch;
    while (!found_.empty() && batch.size() < kBatch) {
      batch.push_back(std::move(found_.extract(found_.begin()).value()));
    }
    const controllers::RefreshOutcome queued =
        co_await refresher_.refresh(batch, clock::Steady::now());
    if (queued.overloaded) {
      found_.insert(std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
      co_await async::sleep_until(pause_, clock::Steady::now() + kPause);
      continue;
    }
    counters.refreshes += batch.size();
    const std::size_t count = batch.size();
    batch.resize(std::min(count, kNamed));
    logger_.info("refreshing objects that appeared after a delivery that names them",
                 {{"objects", count}, {"first", names_of(batch)}});
  }
  refreshing_ = false;
  for (const Target& target : found_) controllers::log_not_applied(logger_, target);
}

void LateTargets::Impl::note_counts() {
  counters.remembered_current = static_cast<std::int64_t>(recent_.size());
  counters.dropped = recent_.dropped();
}

LateTargets::LateTargets(asio::any_io_executor executor, const controllers::RouteTable& routes,
                         kube::Store<api::Warehouse>& warehouses,
                         kube::Store<api::Promotion>& promotions, controllers::Refresher& refresher,
                         log::Logger logger, controllers::RecentDeliveriesLimits limits)
    : impl_(std::make_shared<Impl>(std::move(executor), routes, refresher, std::move(logger),
                                   limits)) {
  const auto observe = [&](auto& store) {
    store.observe(
        [impl = impl_.get()](const auto& /*key*/, const auto& /*before*/, const auto& now) {
          if (now) impl->look_at(*now);
        });
  };
  observe(warehouses);
  observe(promotions);
}

LateTargets::~LateTargets() {
  impl_->stop();
}

void LateTargets::remember(const std::vector<Route>& receivers, const bitbucket::Payload& payload) {
  impl_->remember(receivers, payload);
}

void LateTargets::watch_changed(TargetKind kind, bool current) {
  impl_->watch_changed(kind, current);
}

void LateTargets::stop() {
  impl_->stop();
}

const LateTargetCounters& LateTargets::counters() const {
  return impl_->counters;
}

}  // namespace receiver::webhook
