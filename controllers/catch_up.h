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

/// Deliveries that Bitbucket sent while no replica served are gone. Whether there may be such, by
/// how the Lease was found: held until it expired, or given back and not taken for a minute. Pure.
[[nodiscard]] bool deliveries_may_be_lost(const kube::Acquisition& acquisition,
                                          clock::Wall::time_point now);

struct CatchUpOptions {
  std::chrono::milliseconds interval{50};      ///< between two refreshes: 20 a second
  std::chrono::milliseconds longest{300'000};  ///< what is left then is left to polling
  std::chrono::milliseconds poll{200};         ///< while the stores are not complete yet
  /// What is known then is refreshed: a kind that this account may not read is never complete.
  std::chrono::milliseconds patience{60'000};
};

struct CatchUpCounters {
  std::uint64_t runs = 0, refreshed = 0, skipped = 0, left = 0;
};

/// Refreshes, slowly, what a lost delivery could have been for. All members run on the refresher's
/// thread.
class CatchUp {
 public:
  struct Sources {
    std::function<bool()> complete;                ///< receivers and objects are all known
    std::function<std::vector<Target>()> targets;  ///< all that a receiver can reach
  };
  /// Everything given outlives run().
  CatchUp(const boost::asio::any_io_executor& executor, Refresher& refresher, Sources sources,
          CatchUpOptions options, log::Logger logger);
  ~CatchUp();
  CatchUp(const CatchUp&) = delete;
  CatchUp& operator=(const CatchUp&) = delete;

  /// Ends when all is done, at the bound, or soon after stop(). Not while another run goes on.
  boost::asio::awaitable<void> run();
  void stop();
  /// A run was cut off by stop(), or asked for after it: another replica has to do it.
  [[nodiscard]] bool owed() const;
  /// The object has just been refreshed, for whatever reason: it need not be again.
  void refreshed(const Target& target);

  [[nodiscard]] const CatchUpCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
