#include "controllers/catch_up.h"

#include <set>
#include <utility>

#include "async/kept_alive.h"
#include "async/sleeper.h"
#include "clock/timer.h"

namespace receiver::controllers {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kLongAbsence{60};

}  // namespace

bool deliveries_may_be_lost(const kube::Acquisition& acquisition, clock::Wall::time_point now) {
  // Its own Lease, lost for a while: this replica has served all the time.
  if (!acquisition.existed || acquisition.own) return false;
  if (!acquisition.released || !acquisition.last_renewed) return true;
  return now - *acquisition.last_renewed > kLongAbsence;
}

class CatchUp::Impl {
 public:
  Impl(const asio::any_io_executor& executor, Refresher& refresher, Sources sources,
       CatchUpOptions options, log::Logger logger)
      : refresher_(refresher),
        sources_(std::move(sources)),
        options_(options),
        logger_(std::move(logger)),
        timer_(executor) {}

  asio::awaitable<void> run(async::KeptAlive);
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }
  [[nodiscard]] bool owed() const { return stopped_ && running_; }
  void refreshed(const Target& target) { counters.skipped += waiting_.erase(target); }

  CatchUpCounters counters;

 private:
  asio::awaitable<void> sleep(std::chrono::milliseconds duration) {
    return async::sleep_until(timer_, clock::Steady::now() + duration);
  }

  Refresher& refresher_;
  const Sources sources_;
  const CatchUpOptions options_;
  const log::Logger logger_;
  clock::Timer timer_;
  bool running_ = false;  ///< requested and not finished
  bool stopped_ = false;
  std::set<Target> waiting_;
};

asio::awaitable<void> CatchUp::Impl::run(async::KeptAlive) {
  if (running_) co_return;
  running_ = true;
  const auto incomplete_until = clock::Steady::now() + options_.patience;
  while (!stopped_ && !sources_.complete() && clock::Steady::now() < incomplete_until) {
    co_await sleep(options_.poll);
  }
  if (stopped_) co_return;
  ++counters.runs;
  const std::vector<Target> all = sources_.targets();
  waiting_ = {all.begin(), all.end()};
  logger_.info("no replica was serving: refreshing all objects that lost deliveries may name",
               {{"objects", waiting_.size()}});
  const CatchUpCounters before = counters;
  const auto deadline = clock::Steady::now() + options_.longest;
  while (!stopped_ && !waiting_.empty() && clock::Steady::now() < deadline) {
    const Target next = waiting_.extract(waiting_.begin()).value();
    std::vector<Target> one = {next};
    const RefreshOutcome queued = co_await refresher_.refresh(std::move(one), clock::Steady::now());
    if (queued.overloaded) {
      waiting_.insert(next);
    } else {
      ++counters.refreshed;
    }
    co_await sleep(queued.overloaded ? options_.poll : options_.interval);
  }
  const bool cut_off = stopped_ && !waiting_.empty();
  if (!cut_off) counters.left += waiting_.size();
  logger_.info(cut_off ? "catch-up interrupted: the next leader starts it again" : "caught up",
               {{"refreshed", counters.refreshed - before.refreshed},
                {"refreshed_meanwhile", counters.skipped - before.skipped},
                {cut_off ? "left_to_the_next_leader" : "left_to_polling", waiting_.size()}});
  running_ = cut_off;
  waiting_.clear();
}

CatchUp::CatchUp(const asio::any_io_executor& executor, Refresher& refresher, Sources sources,
                 CatchUpOptions options, log::Logger logger)
    : impl_(std::make_shared<Impl>(executor, refresher, std::move(sources), options,
                                   std::move(logger))) {}

CatchUp::~CatchUp() {
  impl_->stop();
}

asio::awaitable<void> CatchUp::run() {
  return impl_->run(impl_);
}

void CatchUp::stop() {
  impl_->stop();
}

void CatchUp::refreshed(const Target& target) {
  impl_->refreshed(target);
}

bool CatchUp::owed() const {
  return impl_->owed();
}

const CatchUpCounters& CatchUp::counters() const {
  return impl_->counters;
}

}  // namespace receiver::controllers
