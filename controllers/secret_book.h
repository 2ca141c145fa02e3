#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/secret.h"
#include "clock/clock.h"
#include "controllers/derive.h"
#include "kube/error.h"
#include "kube/object_key.h"

namespace receiver::controllers {

enum class SecretAccess {
  kNamespaced,  ///< one watch per namespace with a reference
  kCluster,     ///< one watch of all Secrets labelled kargo.akuity.io/cred-type: generic
};

/// What is known about the Secrets that receivers name, which of them to watch or read, and when.
/// Pure: its inputs are events, its outputs are actions; time is a parameter.
///
/// A **source** is a collection that one watch follows: the Secrets of a namespace, or under
/// kCluster all labeled ones, with the name "". Secrets that no watch covers are read one by one:
/// names that came after the list; unlabeled ones under kCluster; and all of a source that has
/// failed three times, for any reason, because a single Secret can often be read if the collection
/// cannot.
class SecretBook {
 public:
  using Time = clock::Steady::time_point;
  using Milliseconds = std::chrono::milliseconds;
  /// Identifies a read.
  using Ticket = std::uint64_t;

  /// Limits of single reads at the same time, of all and of one namespace, so that one without an
  /// answer does not delay others; further reads wait.
  static constexpr std::size_t kReadsAtOnce = 8, kReadsOfANamespace = 2;
  /// A list or a read counts as tried after this number of failures: nothing waits for it any
  /// longer.
  static constexpr int kTries = 3;
  /// The pause after a read's first failure; each later one is twice as long, up to the round.
  /// Short, because readiness and the status wait for the first three attempts.
  static constexpr Milliseconds kFirstPause{500};
  /// A read without an answer gives its place to the next after this time.
  static constexpr Milliseconds kReadTimeout{10'000};
  /// Nothing waits longer for the first reads of a Secret, however many others are before it.
  static constexpr Milliseconds kPatience = kTries * kReadTimeout;
  /// How often Secrets without a watch are read again.
  static constexpr Milliseconds kRound{300'000};

  explicit SecretBook(SecretAccess access) : access_(access) {}

  // What to do -----------------------------------------------------------------------------------

  struct OpenWatch {
    std::string source;
  };
  struct CloseWatch {
    std::string source;
  };
  /// Pass the answer to answered().
  struct ReadOne {
    kube::ObjectKey key;
    Ticket ticket;
  };
  /// The result of lookup() for the namespace may have changed.
  struct Changed {
    std::string ns;
  };
  /// For the log: from now on, this source's receivers depend on single reads.
  struct SourceFails {
    std::string source, why;
  };
  using Action = std::variant<OpenWatch, CloseWatch, ReadOne, Changed, SourceFails>;
  using Actions = std::vector<Action>;

  // What has happened ----------------------------------------------------------------------------

  /// Replaces the names that receivers refer to in `ns`.
  [[nodiscard]] Actions referenced(const std::string& ns, const std::set<std::string>& names,
                                   Time now);
  /// All owners are known, so that one list can contain all that they name. kCluster waits for it.
  [[nodiscard]] Actions owners_settled();
  /// Requests the Secrets of `ns` that no watch covers, before their round.
  [[nodiscard]] Actions asked(const std::string& ns, Time now);

  /// A list begins: Secrets that it does not contain do not exist.
  void list_began(const std::string& source);
  [[nodiscard]] Actions list_ended(const std::string& source, Time now);
  /// From a list or a watch. A Secret that no receiver names is not kept.
  [[nodiscard]] Actions upserted(const kube::ObjectKey& key, api::Secret secret);
  [[nodiscard]] Actions removed(const kube::ObjectKey& key, Time now);
  /// The Secret exists, but its data cannot be read.
  [[nodiscard]] Actions unreadable(const kube::ObjectKey& key, std::string why, Time now);
  /// A list or watch failed; it will be retried.
  [[nodiscard]] Actions failed(const std::string& source, std::string why, Time now);
  /// The list was rejected for good; it will be retried.
  [[nodiscard]] Actions refused(const std::string& source, std::string why, Time now);
  /// A list or watch succeeded again.
  void recovered(const std::string& source);

  [[nodiscard]] Actions answered(Ticket ticket, kube::ApiResult<api::Secret> answer, Time now);
  /// Call at next_due().
  [[nodiscard]] Actions due(Time now);
  /// Forgets everything.
  void clear();

  // What is known --------------------------------------------------------------------------------

  [[nodiscard]] bool names(const kube::ObjectKey& key) const;
  [[nodiscard]] SecretState lookup(const std::string& ns, std::string_view name) const;
  /// Each source has been tried, and each named Secret is known or was tried.
  [[nodiscard]] bool settled(Time now) const;
  /// For people: the first source that cannot be watched, and the number of others; empty if there
  /// is none.
  [[nodiscard]] std::string trouble() const;
  /// When to call due(); nothing if only another event can cause an action.
  [[nodiscard]] std::optional<Time> next_due() const;

 private:
  using Known = SecretState::Known;

  struct Entry {
    /// The last result, which a failure does not change. Until there is one: kNotRead, or kRefused
    /// or kUnreadable from single reads.
    Known known = Known::kNotRead;
    std::string why;
    api::Secret secret;
    /// The source reports its changes while it works: not for a Secret without the label under
    /// kCluster, nor for one that a list missed and that must be read first.
    bool in_watch = false;
    std::uint64_t told = 0;          ///< when a list or watch last reported it; 0: never
    std::uint64_t own = 0;           ///< when it was named, or a single read last found out
    Ticket ticket = 0;               ///< of the read whose answer counts; 0: none
    int failures = 0;                ///< failed reads in a row
    std::optional<Time> due;         ///< of the next read; also in queue_
    std::optional<Time> waits_from;  ///< when its first read was due
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  struct Source {
    enum class Phase {
      kUntried,
      kFailing,  ///< never listed completely; tried, and not rejected
      kRefused,  ///< never listed completely, and rejected
      kFollowed  ///< listed completely once: since then the watch reports changes
    };
    Phase phase = Phase::kUntried;
    std::string why;               ///< for kFailing and kRefused
    int failures = 0;              ///< since the last finished list; once kFollowed, in a row
    std::uint64_t list_began = 0;  ///< the stamp of the last list's beginning; 0: there was none
    bool listing = false;          ///< that list has neither ended nor failed

    /// Whether its events are up to date.
    [[nodiscard]] bool speaks() const { return phase == Phase::kFollowed && failures < kTries; }
  };

  /// The source that covers a namespace.
  [[nodiscard]] std::string source_name(const std::string& ns) const {
    return access_ == SecretAccess::kNamespaced ? ns : std::string();
  }
  /// Null if none is open.
  [[nodiscard]] const Source* source_of(const std::string& ns) const;
  /// Whether the source reports a change of the entry.
  [[nodiscard]] bool covered(const Source* source, const Entry& entry) const;
  /// Whether Secrets that its watch does not cover may be read singly. Not if all are rejected at
  /// once: that is reported once, and cannot be fixed Secret by Secret.
  [[nodiscard]] bool reads_singly(const Source* source) const;
  [[nodiscard]] Entry* find(const kube::ObjectKey& key);
  /// `visit(ns, entries)` for each namespace that the source covers.
  template <typename Visit>
  void for_each_of(const std::string& source, Visit visit);

  /// Its last result is from a single read since the source's last list began: that list may be
  /// older.
  static bool newer_than_list(const Source& source, const Entry& entry) {
    return entry.own > source.list_began && entry.told <= source.list_began;
  }
  /// A watch reported it: reads in flight are older.
  void spoken_of(const kube::ObjectKey& key, Entry& entry);
  /// A watch has no such Secret (any more). True if that changes the known state.
  bool absent(const kube::ObjectKey& key, Entry& entry, Time now);
  /// True if that changes the known state.
  static bool set(Entry& entry, Known known, std::string why, api::Secret secret);
  bool take(const kube::ObjectKey& key, Entry& entry, kube::ApiResult<api::Secret> answer,
            Time now);
  bool take_failure(const kube::ObjectKey& key, Entry& entry, const kube::ApiError& error,
                    Time now);
  Actions fall_back(const std::string& source, Source::Phase phase, std::string why, Time now);

  void schedule(const kube::ObjectKey& key, Entry& entry, Time due);
  void unschedule(const kube::ObjectKey& key, Entry& entry);
  /// Whether the namespace has a free place among its own.
  [[nodiscard]] bool may_read(const std::string& ns) const;
  /// Adds the reads that may begin.
  void start_reads(Actions& actions, Time now);
  [[nodiscard]] Milliseconds pause_after(int failures) const;

  const SecretAccess access_;
  bool owners_settled_ = false;
  std::uint64_t stamp_ = 0;  ///< orders names, list beginnings and reports
  Ticket last_ticket_ = 0;
  std::map<std::string, Entries> entries_;  ///< by namespace
  std::map<std::string, Source> sources_;
  std::set<std::pair<Time, kube::ObjectKey>> queue_;  ///< of waiting reads
  std::map<Ticket, kube::ObjectKey> reading_;
};

}  // namespace receiver::controllers
