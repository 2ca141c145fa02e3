#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "clock/clock.h"
#include "controllers/refresher.h"
#include "kube/leader_election.h"
#include "log/logger.h"

namespace receiver::controllers {

/// Deliveries that Bitbucket sent while no replica served are lost. Decides from the state of the
/// Lease whether there may be any: it was held until it expired, or released and not taken for a
/// minute. Pure.
[[nodiscard]] bool deliveries_may_be_lost(const kube::Acquisition& acquisition,
                                          clock::Wall::time_point now);

struct CatchUpOptions {
  std::chrono::milliseconds interval{50};  ///< between two refreshes: 20 per second
  std::chrono::milliseconds longest{
      300'000};                         ///< objects that are left then are left to Kargo's polling
  std::chrono::milliseconds poll{200};  ///< while the stores are incomplete
  /// After this time the known objects are refreshed: a kind that this account may not read is
  /// never complete.
  std::chrono::milliseconds patience{60'000};
};

struct CatchUpCounters {
  std::uint64_t runs = 0, refreshed = 0, skipped = 0, left = 0;
};

/// Slowly refreshes all objects that a lost delivery may have named. All members run on the
/// refresher's thread.
class CatchUp {
 public:
  struct Sources {
    std::function<bool()> complete;                ///< all receivers and objects are known
    std::function<std::vector<Target>()> targets;  ///< all objects that a receiver can reach
  };
  /// All arguments must outlive run().
  CatchUp(const boost::asio::any_io_executor& executor, Refresher& refresher, Sources sources,
          CatchUpOptions options, log::Logger logger);
  ~CatchUp();
  CatchUp(const CatchUp&) = delete;
  CatchUp& operator=(const CatchUp&) = delete;

  /// Runs until all is done, until the time limit, or until soon after stop(). Must not be called
  /// while another run is in progress.
  boost::asio::awaitable<void> run();
  void stop();
  /// Whether stop() interrupted a run, or a run was requested after it: another replica must do it.
  [[nodiscard]] bool owed() const;
  /// The object has just been refreshed for another reason, and is skipped.
  void refreshed(const Target& target);

  [[nodiscard]] const CatchUpCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
