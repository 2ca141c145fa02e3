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
  /// Asked before each visit and each request of it. Not given: always yes.
  std::function<bool()> leading{};
  /// Refreshes the Warehouses that receivers of the project reach (the empty one: all), and that
  /// subscribe to the repository: Data Center could not deliver. Not given: it is not asked.
  std::function<void(const std::string& project, const BitbucketAccess& access,
                     const bitbucket_rest::Repository& repository)>
      refresh{};
  std::chrono::milliseconds request_time{20'000};  ///< until a request is given up
  std::chrono::milliseconds settle{1'000};         ///< changes are gathered for so long
  std::size_t visits = 64;                         ///< at once, of all Bitbuckets
};

struct RegistrarCounters {
  std::uint64_t missed = 0;  ///< news of deliveries that Bitbucket could not make
};

/// Makes the webhooks of the receivers whose Secret asks for it, and keeps them right, while it
/// leads; and has refreshed what Data Center could not deliver for. It has no state of its own:
/// what there is to do is read from Bitbucket. All members run on the executor's single thread.
///
/// Right before each request it is asked whether that is still wanted: if the Lease, the receiver,
/// its token or the repository has gone meanwhile, nothing more is sent. What was done by then is
/// told all the same; an Event that cannot be written is in the log.
///
/// Once an owner's webhooks get the events of pull requests, they are wanted for as long as the
/// owner registers anything: they do not come and go with Promotions, and Bitbucket keeps them
/// anyway.
class Registrar {
 public:
  using Access = std::shared_ptr<const BitbucketAccess>;
  /// Waits until the next request may be sent, and gives its deadline; nothing: none is to be sent.
  using Before = std::function<boost::asio::awaitable<std::optional<clock::Steady::time_point>>()>;
  /// Runs the operation to its end, each of its requests after `before`.
  using Ask = std::function<boost::asio::awaitable<void>(
      Access access, bitbucket_rest::Operation& operation, Before before)>;
  /// As reached_by() does.
  using Reach = std::function<std::map<std::string, Reached>(const std::set<std::string>&)>;
  /// An Event about the owner.
  using Tell = std::function<void(const api::ReceiverOwner& owner, const Note& note)>;

  /// Everything given outlives run().
  Registrar(const boost::asio::any_io_executor& executor, Ask ask, Reach reach, Tell tell,
            RegistrarOptions options, log::Logger logger);
  ~Registrar();
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  /// What was derived from the owner last. In every replica, leading or not: from then on this one
  /// serves its URLs.
  void derived(const api::ReceiverOwner& owner, const DerivedReceivers& derived);
  void gone(const kube::ObjectKey& owner);
  /// What receivers of the project reach may have changed; the empty one stands for all.
  void changed(const std::string& project);
  void set_leading(bool leading);

  /// Until stop(). Once. A visit that is in progress ends by itself.
  boost::asio::awaitable<void> run();
  void stop();

  /// Of all receivers, while it leads. One that asks for webhooks, and cannot have any, counts as a
  /// failure itself.
  [[nodiscard]] std::map<RegistrationSchedule::State, std::size_t> states() const;
  [[nodiscard]] const RegistrarCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
