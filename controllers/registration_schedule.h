#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
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

  /// From one request to a host to the next, as they are sent: two a second, whatever the receivers
  /// and context paths.
  static constexpr std::chrono::milliseconds kGap{500};
  /// Visits of one host at once: what takes long to answer does not slow down the others.
  static constexpr std::size_t kVisitsOfHost = 8;
  /// How often webhooks are compared though nothing is known to have changed; and up to a tenth
  /// longer, so that not all come at once.
  static constexpr std::chrono::hours kRound{6};
  /// After this, every replica serves a new URL; and where the Secret is not watched, but looked at
  /// in rounds (SecretBook::kRound).
  static constexpr Seconds kServed{60};
  static constexpr Seconds kServedUnwatched{360};
  /// Until then the last write of a former leader may be under way, or one of this leader that was
  /// not answered: what was looked at before is looked at again.
  static constexpr Seconds kSecondLook{60};
  /// After the first failure of a repository; doubled by each further one.
  static constexpr Seconds kFirstPause{60};
  static constexpr Seconds kLongestPause{3600};
  /// How often failed deliveries are asked for; and between two such requests to one host.
  static constexpr std::chrono::minutes kDeliveriesRound{5};
  static constexpr std::chrono::milliseconds kDeliveriesGap{1000};
  /// What has been due for so long is as urgent as what is new.
  static constexpr std::chrono::minutes kOverdue{10};

  enum class State : std::uint8_t { kPending, kRegistered, kSkipped, kFailed };

  /// `random`: from 0 to less than 1.
  explicit RegistrationSchedule(std::function<double()> random) : random_(std::move(random)) {}

  struct Wish {
    std::string text{};         ///< all that its webhooks depend on; another is looked at anew
    std::string url{};          ///< from when it changes, it is served
    Seconds served{kServed};    ///< so much later, by every replica
    std::string credentials{};  ///< equal for all receivers whose token is the same
    std::string owner{};        ///< owners take turns
  };
  /// What a receiver wants from now on, in place of what it wanted.
  void want(const std::string& receiver, const Wish& wish,
            const std::vector<bitbucket_rest::Repository>& repositories, Time now);
  void forget(const std::string& receiver);
  /// It leads from now on: another may have led until now, so all is looked at anew.
  void begin(Time now);

  struct Visit {
    std::string receiver;
    std::string wish;
    bitbucket_rest::Repository repository;
    bitbucket_rest::Moves moves = bitbucket_rest::Moves::kNone;
    /// Only to ask for the failed deliveries of this webhook; empty: to look at the webhooks.
    std::string deliveries_of{};
  };
  /// The visit to begin now, whose first request may be sent at once, and of which ended(), asked()
  /// or dropped() is to tell the end; nothing: none is due. One at a time of each repository.
  /// Urgent is what has not been looked at as it is wanted now, and what is overdue; then come the
  /// other webhooks, then deliveries. Of those the owner is next whose turn is the longest ago.
  [[nodiscard]] std::optional<Visit> next(Time now);
  /// When next() has one, unless an end or another wish comes first.
  [[nodiscard]] std::optional<Time> next_due() const;
  /// When the visit's next request may be sent; it counts as sent then.
  [[nodiscard]] Time take_turn(const Visit& visit, Time now);
  /// Whether what it is for is wanted as it was when it began.
  [[nodiscard]] bool wants(const Visit& visit) const { return find(visit) != nullptr; }

  /// How a visit ended.
  struct Outcome {
    State state = State::kRegistered;                       ///< kPending: it is to be moved later
    std::optional<bitbucket_rest::BitbucketError> error{};  ///< of kFailed
    /// Whose failed deliveries are to be asked for, until the next visit; empty: nobody's.
    std::string webhook{};
    bool may_have_written = false;  ///< of kFailed: a write was not answered
  };
  /// In which state it was before; nothing: it is not wanted any more, or otherwise.
  std::optional<State> ended(const Visit& visit, const Outcome& outcome, Time now);
  /// How one for deliveries ended. False: as above.
  bool asked(const Visit& visit, const std::optional<bitbucket_rest::BitbucketError>& error,
             Time now);
  /// It was given up, since it is not wanted any more, or another leads: that is no failure.
  void dropped(const Visit& visit);

  /// How many repositories of the receiver are in which state.
  [[nodiscard]] std::map<State, std::size_t> states(const std::string& receiver) const;

 private:
  struct Entry {
    bitbucket_rest::Repository repository;
    std::string host;   ///< scheme and authority of its server
    std::string place;  ///< the same for all receivers that want this repository
    Time due{};
    State state = State::kPending;
    bool is_new = true;  ///< not looked at under the present wish
    unsigned failures = 0;
    /// The last failure was no answer to the question: a success elsewhere on its host wakes it,
    /// but once in a pause, so not before that time.
    bool server_failed = false;
    Time wakes_from{};
    bool may_have_written = false;  ///< a write was not answered, and may still come to be
    std::string webhook{};          ///< whose deliveries are asked for
    Time deliveries_due{};
    std::string unknown_webhook{};  ///< Bitbucket had no deliveries of it, or not it itself
  };
  /// A token is refused, or used up, until then.
  struct Pause {
    Time until{};
    unsigned refusals = 0;
  };
  struct Receiver {
    Wish wish;
    Time served_everywhere{};
    std::map<std::string, Entry> entries;  ///< by the repository's name
    std::shared_ptr<Pause> pause;          ///< of all that have these credentials
  };
  struct Host {
    std::size_t visits = 0;  ///< that have not ended
    Time free_at{};
  };

  [[nodiscard]] static Entry entry_of(const bitbucket_rest::Repository& repository, Time due);
  [[nodiscard]] std::shared_ptr<Pause> pause_of(const std::string& credentials);
  /// When what is due then could be done, but for visits that have not ended.
  [[nodiscard]] Time ready_at(const Receiver& receiver, const Entry& entry, Time due) const;
  [[nodiscard]] bool waits_for_a_visit(const Entry& entry) const;
  void release(const Visit& visit, Time now);
  /// What the visit was for, if it is still wanted.
  [[nodiscard]] const Receiver* find(const Visit& visit) const;
  [[nodiscard]] Receiver* find(const Visit& visit);
  static void failed(Receiver& receiver, Entry& entry, const Outcome& outcome, Time now);
  static void pause(Pause& token, const bitbucket_rest::BitbucketError& error, Time now);
  void host_answered(const Visit& visit, Time now);
  [[nodiscard]] static Seconds pause_after(unsigned failures);

  std::function<double()> random_;
  std::map<std::string, Receiver> receivers_;
  std::map<std::string, Host> hosts_;  ///< those with visits, or asked a moment ago
  std::set<std::string> visited_;      ///< places where a visit has not ended
  std::map<std::string, std::weak_ptr<Pause>> pauses_;  ///< by credentials
  std::map<std::string, std::uint64_t> turns_;          ///< by owner
  std::uint64_t turn_ = 0;
  std::optional<Time> began_;  ///< to lead
};

}  // namespace receiver::controllers
