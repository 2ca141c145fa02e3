#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bitbucket_rest/messages.h"
#include "bitbucket_rest/webhook_plan.h"
#include "clock/clock.h"

namespace receiver::controllers {

/// Which repository's webhooks are looked at next, and when. A visit reads them and puts right what
/// is not; between visits, Bitbucket is asked which deliveries of the webhook it could not make.
/// This keeps to the bounds that Bitbucket is asked within. Pure: it is told what is wanted and
/// what has happened, and time is a parameter. It remembers nothing that the webhooks themselves
/// would not tell anew.
class RegistrationSchedule {
 public:
  using Time = clock::Steady::time_point;
  using Seconds = std::chrono::seconds;

  /// Between two requests to one Bitbucket: two a second.
  static constexpr std::chrono::milliseconds kGap{500};
  /// How often webhooks are compared though nothing is known to have changed; and up to a tenth
  /// longer, so that not all come at once.
  static constexpr std::chrono::hours kRound{6};
  /// After this, every replica serves a new URL; and where the Secret is not watched, but looked at
  /// in rounds (SecretBook::kRound).
  static constexpr Seconds kServed{60};
  static constexpr Seconds kServedUnwatched{360};
  /// After the first failure of a repository; doubled by each further one.
  static constexpr Seconds kFirstPause{60};
  static constexpr Seconds kLongestPause{3600};
  /// How often failed deliveries are asked for; and between two such requests to one Bitbucket.
  static constexpr std::chrono::minutes kDeliveriesRound{5};
  static constexpr std::chrono::milliseconds kDeliveriesGap{1000};

  enum class State : std::uint8_t { kPending, kRegistered, kSkipped, kFailed };

  /// `random`: from 0 to less than 1.
  explicit RegistrationSchedule(std::function<double()> random) : random_(std::move(random)) {}

  /// What a receiver wants from now on, in place of what it wanted. `wish`: all that its webhooks
  /// depend on; another one is looked at anew. `url`: from when it changes, it is served; and
  /// `served` later by every replica.
  void want(const std::string& receiver, const std::string& wish, const std::string& url,
            const std::vector<bitbucket_rest::Repository>& repositories, Time now,
            Seconds served = kServed);
  void forget(const std::string& receiver) { receivers_.erase(receiver); }

  struct Visit {
    std::string receiver;
    std::string wish;
    bitbucket_rest::Repository repository;
    bitbucket_rest::Moves moves = bitbucket_rest::Moves::kNone;
    /// Only to ask for the failed deliveries of this webhook; empty: to look at the webhooks.
    std::string deliveries_of{};
  };
  /// The visit to begin now, of which ended() or asked() is to tell the end; nothing: none is due.
  /// One at a time of each Bitbucket: first what has not been looked at as it is wanted now, then
  /// the other webhooks, then deliveries; and of those what is of the receiver whose turn is the
  /// longest ago.
  [[nodiscard]] std::optional<Visit> next(Time now);
  /// When next() has one, unless an end or another wish comes first.
  [[nodiscard]] std::optional<Time> next_due() const;

  /// How a visit ended.
  struct Outcome {
    State state = State::kRegistered;                       ///< kPending: it is to be moved later
    std::optional<bitbucket_rest::BitbucketError> error{};  ///< of kFailed
    /// Whose failed deliveries are to be asked for, until the next visit; empty: nobody's.
    std::string webhook{};
  };
  /// In which state it was before; nothing: it is not wanted any more, or otherwise.
  std::optional<State> ended(const Visit& visit, const Outcome& outcome, Time now);
  /// How one for deliveries ended. False: as above.
  bool asked(const Visit& visit, const std::optional<bitbucket_rest::BitbucketError>& error,
             Time now);

  /// How many repositories of the receiver are in which state.
  [[nodiscard]] std::map<State, std::size_t> states(const std::string& receiver) const;

 private:
  struct Entry {
    bitbucket_rest::Repository repository;
    State state = State::kPending;
    bool is_new = true;  ///< not looked at under the present wish
    Time due{};
    unsigned failures = 0;
    bool server_failed = false;  ///< the last failure was no answer to the question
    std::string webhook{};       ///< whose deliveries are asked for
    Time deliveries_due{};
  };
  struct Receiver {
    std::string wish;
    std::string url;
    Time served_everywhere{};
    std::map<std::string, Entry> entries;  ///< by the repository's name
    /// Its token is refused, or used up, until then.
    Time paused_until{};
    unsigned refusals = 0;
    std::uint64_t turn = 0;
  };
  struct Server {
    bool busy = false;
    Time free_at{};
  };

  /// When what is due then could be done, but for a visit to the same Bitbucket that has not ended.
  [[nodiscard]] Time ready_at(const Receiver& receiver, const Entry& entry, Time due) const;
  [[nodiscard]] bool busy(const Entry& entry) const;
  void release(const std::string& server,
               const std::optional<bitbucket_rest::BitbucketError>& error,
               std::chrono::milliseconds gap, Time now);
  /// What the visit was for, if it is still wanted.
  [[nodiscard]] Receiver* receiver_of(const Visit& visit);
  void failed(Receiver& receiver, Entry& entry, const bitbucket_rest::BitbucketError& error,
              Time now);
  static void pause(Receiver& receiver, const bitbucket_rest::BitbucketError& error, Time now);
  void server_is_back(const std::string& server, Time now);
  [[nodiscard]] static Seconds pause_after(unsigned failures);

  std::function<double()> random_;
  std::map<std::string, Receiver> receivers_;
  std::map<std::string, Server> servers_;  ///< those that are wanted, or were until a visit ended
  std::uint64_t turn_ = 0;
};

}  // namespace receiver::controllers
