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
/// is not; this keeps to the bounds that Bitbucket is asked within. Pure: it is told what is wanted
/// and what has happened, and time is a parameter. It remembers nothing that the webhooks
/// themselves would not tell anew.
class RegistrationSchedule {
 public:
  using Time = clock::Steady::time_point;
  using Seconds = std::chrono::seconds;

  /// Between two requests to one Bitbucket: two a second.
  static constexpr std::chrono::milliseconds kGap{500};
  /// How often webhooks are compared though nothing is known to have changed; and up to a tenth
  /// longer, so that not all come at once.
  static constexpr std::chrono::hours kRound{6};
  /// After this, every replica serves a new URL.
  static constexpr Seconds kServed{60};
  /// After the first failure of a repository; doubled by each further one.
  static constexpr Seconds kFirstPause{60};
  static constexpr Seconds kLongestPause{3600};

  enum class State : std::uint8_t { kPending, kRegistered, kSkipped, kFailed };

  /// `random`: from 0 to less than 1.
  explicit RegistrationSchedule(std::function<double()> random) : random_(std::move(random)) {}

  /// What a receiver wants from now on, in place of what it wanted. `wish`: all that its webhooks
  /// depend on; another one is looked at anew. `url`: from when it changes, it is served.
  void want(const std::string& receiver, const std::string& wish, const std::string& url,
            const std::vector<bitbucket_rest::Repository>& repositories, Time now);
  void forget(const std::string& receiver) { receivers_.erase(receiver); }

  struct Visit {
    std::string receiver;
    std::string wish;
    bitbucket_rest::Repository repository;
    bitbucket_rest::Moves moves = bitbucket_rest::Moves::kNone;
  };
  /// The visit to begin now, of which ended() is to tell the end; nothing: none is due. One at a
  /// time of each Bitbucket: first what has not been looked at as it is wanted now, and of that
  /// what is of the receiver whose turn is the longest ago.
  [[nodiscard]] std::optional<Visit> next(Time now);
  /// When next() has one, unless an end or another wish comes first.
  [[nodiscard]] std::optional<Time> next_due() const;

  /// How a visit ended.
  struct Outcome {
    State state = State::kRegistered;                       ///< kPending: it is to be moved later
    std::optional<bitbucket_rest::BitbucketError> error{};  ///< of kFailed
  };
  /// In which state it was before; nothing: it is not wanted any more, or otherwise.
  std::optional<State> ended(const Visit& visit, const Outcome& outcome, Time now);

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
  };
  struct Receiver {
    std::string wish;
    std::string url;
    Time served_since{};
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

  /// When it could be visited, but for a visit to the same Bitbucket that has not ended.
  [[nodiscard]] Time ready_at(const Receiver& receiver, const Entry& entry) const;
  [[nodiscard]] bool busy(const Entry& entry) const;
  void failed(Receiver& receiver, Entry& entry, const bitbucket_rest::BitbucketError& error,
              Time now);
  void server_is_back(const std::string& server, Time now);
  [[nodiscard]] static Seconds pause_after(unsigned failures);

  std::function<double()> random_;
  std::map<std::string, Receiver> receivers_;
  std::map<std::string, Server> servers_;  ///< those that are wanted, or were until a visit ended
  std::uint64_t turn_ = 0;
};

}  // namespace receiver::controllers
