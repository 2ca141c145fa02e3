#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "api/receiver_owner.h"
#include "bitbucket_rest/operation.h"
#include "clock/clock.h"
#include "controllers/daily_notes.h"
#include "controllers/derive.h"
#include "controllers/desired_webhooks.h"
#include "controllers/registration_schedule.h"
#include "log/logger.h"

namespace receiver::controllers {

struct RegistrarOptions {
  BaseUrl base_url;
  /// Called before each visit and each of its requests. Not empty; without an initializer, so that
  /// gcc warns if it is left out.
  std::function<bool()> leading;
  /// Refreshes the Warehouses that the project's receivers reach (empty project: all) and that
  /// subscribe to the repository, after Data Center could not deliver. Null: failed deliveries are
  /// not read.
  std::function<void(const std::string& project, const BitbucketAccess& access,
                     const bitbucket_rest::Repository& repository)>
      refresh{};
  std::chrono::milliseconds request_time{20'000};  ///< timeout of a request
  std::chrono::milliseconds settle{1'000};         ///< changes are collected for this time
  std::size_t visits = 64;                         ///< at the same time, over all Bitbucket servers
};

struct RegistrarCounters {
  std::uint64_t missed = 0;  ///< new failures of deliveries
};

/// While this replica leads, creates and corrects the webhooks of receivers whose Secret asks for
/// it, and refreshes Warehouses after deliveries that Data Center could not make. It has no
/// persistent state: it reads from Bitbucket what there is to do. All members run on the executor's
/// single thread.
///
/// Before each request it checks whether the request is still wanted: if the Lease, the receiver,
/// its token or the repository is gone, or the token has met a rate limit, nothing more is sent. A
/// visit that has ended is still reported; an Event that cannot be written goes to the log.
///
/// Once an owner's webhooks get the events of pull requests, they keep them for as long as the
/// owner registers anything, so that the events do not come and go with Promotions.
class Registrar {
 public:
  using Access = std::shared_ptr<const BitbucketAccess>;
  /// Waits until the next request may be sent, and returns its deadline; nothing: do not send it.
  using Before = std::function<boost::asio::awaitable<std::optional<clock::Steady::time_point>>()>;
  /// Runs the operation to its end, each of its requests after `before`.
  using Ask = std::function<boost::asio::awaitable<void>(
      Access access, bitbucket_rest::Operation& operation, Before before)>;
  /// Like reached_by().
  using Reach = std::function<std::map<std::string, Reached>(const std::set<std::string>&)>;
  /// An Event about the owner.
  using Tell = std::function<void(const api::ReceiverOwner& owner, const Note& note)>;

  /// All arguments must outlive run().
  Registrar(const boost::asio::any_io_executor& executor, Ask ask, Reach reach, Tell tell,
            RegistrarOptions options, log::Logger logger);
  ~Registrar();
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  /// The newest state derived from the owner. Called in every replica, because each serves the
  /// owner's URLs from then on.
  void derived(const api::ReceiverOwner& owner, const DerivedReceivers& derived);
  void gone(const kube::ObjectKey& owner);
  /// Objects that the project's receivers reach may have changed; the empty project means all.
  void changed(const std::string& project);
  void set_leading(bool leading);

  /// Runs until stop(). Call it once. A visit in progress ends by itself.
  boost::asio::awaitable<void> run();
  void stop();

  /// Counts for all receivers, while this replica leads. A receiver that asks for webhooks and
  /// cannot have any counts as one failure.
  [[nodiscard]] std::map<RegistrationSchedule::State, std::size_t> states() const;
  [[nodiscard]] const RegistrarCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
