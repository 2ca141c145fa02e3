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

/// Decides which repository's webhooks are visited next, and when. A visit reads and corrects them;
/// between visits, Bitbucket is asked which deliveries of the webhook it could not make. It keeps
/// the limits on requests to Bitbucket. Pure: callers report what is wanted and what has happened,
/// and time is a parameter. Everything that it remembers could be read again from the webhooks.
class RegistrationSchedule {
 public:
  using Time = clock::Steady::time_point;
  using Seconds = std::chrono::seconds;

  /// Interval between requests to one host, counted when they are sent: two a second, for all
  /// receivers and context paths together.
  static constexpr std::chrono::milliseconds kGap{500};
  /// Concurrent visits of one host, so that slow answers do not slow down the others.
  static constexpr std::size_t kVisitsOfHost = 8;
  /// Interval at which webhooks are compared without a known change, plus up to a tenth, so that
  /// they spread out.
  static constexpr std::chrono::hours kRound{6};
  /// After this time every replica serves a new URL; the second value applies if the Secret is read
  /// in rounds instead of watched (SecretBook::kRound).
  static constexpr Seconds kServed{60};
  static constexpr Seconds kServedUnwatched{360};
  /// For this time, the last write of a former leader, or an unanswered one of this leader, may
  /// still take effect: earlier visits are repeated after it.
  static constexpr Seconds kSecondLook{60};
  /// Pause after the first failure of a repository; each further failure doubles it.
  static constexpr Seconds kFirstPause{60};
  static constexpr Seconds kLongestPause{3600};
  /// Interval of the question for failed deliveries; and between two such requests to one host.
  static constexpr std::chrono::minutes kDeliveriesRound{5};
  static constexpr std::chrono::milliseconds kDeliveriesGap{1000};
  /// Visits that have been due for this long are as urgent as new ones.
  static constexpr std::chrono::minutes kOverdue{10};

  enum class State : std::uint8_t { kPending, kRegistered, kSkipped, kFailed };

  /// `random`: from 0 to less than 1.
  explicit RegistrationSchedule(std::function<double()> random) : random_(std::move(random)) {}

  struct Wish {
    std::string text{};  ///< everything that its webhooks depend on; a change causes new visits
    std::string url{};   ///< its time counts from its last change
    Seconds served{kServed};    ///< after this time every replica serves the URL
    std::string credentials{};  ///< equal for all receivers whose token is the same
    std::string owner{};        ///< owners take turns
  };
  /// Replaces what a receiver wants.
  void want(const std::string& receiver, const Wish& wish,
            const std::vector<bitbucket_rest::Repository>& repositories, Time now);
  void forget(const std::string& receiver);
  /// This replica leads from now on: another may have led before, so all webhooks are visited
  /// again.
  void begin(Time now);

  struct Visit {
    std::string receiver;
    std::string wish;
    bitbucket_rest::Repository repository;
    bitbucket_rest::Moves moves = bitbucket_rest::Moves::kNone;
    /// Not empty: only ask for the failed deliveries of this webhook.
    std::string deliveries_of{};
  };
  /// The visit to begin now; nothing if none is due. Its first request may be sent at once; report
  /// its end by ended(), asked() or dropped(). One visit at a time for each repository. New wishes
  /// and overdue visits are urgent; then come other webhooks, then deliveries. Among equals, the
  /// owner whose last turn is the oldest comes first.
  [[nodiscard]] std::optional<Visit> next(Time now);
  /// When next() will return a visit, unless a visit ends or a wish changes first.
  [[nodiscard]] std::optional<Time> next_due() const;
  /// When the visit's next request may be sent; it counts as sent then.
  [[nodiscard]] Time take_turn(const Visit& visit, Time now);
  /// Whether the visit's next request may be sent: its wish is the same as when it began, and no
  /// answer to another visit has told its token to send less.
  [[nodiscard]] bool may_send(const Visit& visit, Time now) const;

  /// How a visit ended.
  struct Outcome {
    State state = State::kRegistered;                       ///< kPending: it must be moved later
    std::optional<bitbucket_rest::BitbucketError> error{};  ///< of kFailed
    /// The webhook whose failed deliveries to ask for until the next visit; empty: none.
    std::string webhook{};
    bool may_have_written = false;  ///< of kFailed: a write was not answered
  };
  /// Returns how the last visit without an error ended, whatever was wished then; kPending: there
  /// was none. Nothing if the wish has gone or changed.
  std::optional<State> ended(const Visit& visit, const Outcome& outcome, Time now);
  /// Reports the end of a question for deliveries. False if the wish has gone or changed.
  bool asked(const Visit& visit, const std::optional<bitbucket_rest::BitbucketError>& error,
             Time now);
  /// The visit was abandoned, because it is not wanted any more, another replica leads, or its
  /// token has met a rate limit. This is not a failure.
  void dropped(const Visit& visit);

  /// The number of the receiver's repositories in each state.
  [[nodiscard]] std::map<State, std::size_t> states(const std::string& receiver) const;

 private:
  struct Entry {
    bitbucket_rest::Repository repository;
    std::string host;   ///< scheme and authority of its server
    std::string place;  ///< equal for all receivers that want this repository
    Time due{};
    State state = State::kPending;
    State seen = State::kPending;  ///< by the last visit without an error, for whatever wish
    bool is_new = true;            ///< not visited for the current wish
    unsigned failures = 0;
    /// The last failure was not about the repository: a success elsewhere on its host wakes it, but
    /// only once in a pause, so not before this time.
    bool server_failed = false;
    Time wakes_from{};
    bool may_have_written = false;  ///< a write was not answered, and may still take effect
    std::string webhook{};          ///< its deliveries are asked for
    Time deliveries_due{};
    std::string unknown_webhook{};  ///< Bitbucket did not know it, or its deliveries
  };
  /// The token is rejected, or its limit is used up, until this time.
  struct Pause {
    Time until{};
    Time silent_until{};  ///< by a rate limit: visits in progress stop, too
    unsigned refusals = 0;
  };
  struct Receiver {
    Wish wish;
    Time served_everywhere{};
    std::map<std::string, Entry> entries;  ///< by the repository's name
    std::shared_ptr<Pause> pause;          ///< shared by all with these credentials
  };
  struct Host {
    std::size_t visits = 0;  ///< visits in progress
    Time free_at{};
  };

  [[nodiscard]] static Entry entry_of(const bitbucket_rest::Repository& repository, Time due);
  [[nodiscard]] std::shared_ptr<Pause> pause_of(const std::string& credentials);
  /// When the entry's next visit is due, of either kind.
  [[nodiscard]] static Time due_of(const Entry& entry);
  /// The earliest time for a visit that is due at that time, ignoring visits in progress.
  [[nodiscard]] Time ready_at(const Receiver& receiver, const Entry& entry, Time due) const;
  [[nodiscard]] bool waits_for_a_visit(const Entry& entry) const;
  void release(const Visit& visit, Time now);
  /// The visit's wish, if it is still wanted.
  [[nodiscard]] const Receiver* find(const Visit& visit) const;
  [[nodiscard]] Receiver* find(const Visit& visit);
  static void failed(Receiver& receiver, Entry& entry, const Outcome& outcome, Time now);
  static void pause(Pause& token, const bitbucket_rest::BitbucketError& error, Time now);
  void host_answered(const Visit& visit, Time now);
  [[nodiscard]] static Seconds pause_after(unsigned failures);

  std::function<double()> random_;
  std::map<std::string, Receiver> receivers_;
  std::map<std::string, Host> hosts_;  ///< those with visits, or with a recent request
  std::set<std::string> visited_;      ///< places with a visit in progress
  std::map<std::string, std::weak_ptr<Pause>> pauses_;  ///< by credentials
  std::map<std::string, std::uint64_t> turns_;          ///< by owner
  std::uint64_t turn_ = 0;
  std::optional<Time> began_;  ///< to lead
};

}  // namespace receiver::controllers
