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
  kNamespaced,  ///< a watch per namespace with a reference
  kCluster,     ///< one watch of all Secrets labelled kargo.akuity.io/cred-type: generic
};

/// What is known of the Secrets that receivers name, which of them are to be watched or read, and
/// when. Pure: it is told what has happened and answers with what to do; time is a parameter.
///
/// A **source** is a collection that one watch follows: the Secrets of a namespace, or under
/// kCluster all labelled ones, whose name is "". What no watch covers is read one by one: names
/// that came after the list; unlabelled ones under kCluster; and all of a source that has failed
/// three times, whatever the reason, since one Secret can often be read where all cannot.
class SecretBook {
 public:
  using Time = clock::Steady::time_point;
  using Milliseconds = std::chrono::milliseconds;
  /// Of a read.
  using Ticket = std::uint64_t;

  /// Secrets that are read one by one at a time, of all and of one namespace, so that one which
  /// does not answer holds up no other; the rest waits.
  static constexpr std::size_t kReadsAtOnce = 8, kReadsOfANamespace = 2;
  /// A list or a read that has failed so often has been tried: nobody waits for it any longer.
  static constexpr int kTries = 3;
  /// The pause after the first of the failures of a read; each later one is twice as long, up to
  /// the round. Short, since readiness and the status wait for the first three.
  static constexpr Milliseconds kFirstPause{500};
  /// A read that is not answered gives up its place to the next.
  static constexpr Milliseconds kReadTimeout{10'000};
  /// Nobody waits longer for the first reads of a Secret, however many others are before it.
  static constexpr Milliseconds kPatience = kTries * kReadTimeout;
  /// How often what no watch covers is read again.
  static constexpr Milliseconds kRound{300'000};

  explicit SecretBook(SecretAccess access) : access_(access) {}

  // What to do -----------------------------------------------------------------------------------

  struct OpenWatch {
    std::string source;
  };
  struct CloseWatch {
    std::string source;
  };
  /// The answer goes to answered().
  struct ReadOne {
    kube::ObjectKey key;
    Ticket ticket;
  };
  /// What lookup() answers for the namespace may have changed.
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

  /// The names that receivers refer to in `ns`, in place of those before.
  [[nodiscard]] Actions referenced(const std::string& ns, const std::set<std::string>& names,
                                   Time now);
  /// All owners are known, so that one list can bring what they name. Until then kCluster waits.
  [[nodiscard]] Actions owners_settled();
  /// Somebody asks for what no watch covers in `ns`, before its round.
  [[nodiscard]] Actions asked(const std::string& ns, Time now);

  /// A list begins: those that it does not name before it ends are not there.
  void list_began(const std::string& source);
  [[nodiscard]] Actions list_ended(const std::string& source, Time now);
  /// Listed, or told by the watch. One that nobody names is not kept.
  [[nodiscard]] Actions upserted(const kube::ObjectKey& key, api::Secret secret);
  [[nodiscard]] Actions removed(const kube::ObjectKey& key, Time now);
  /// It is there, but what was told of it makes no sense.
  [[nodiscard]] Actions unreadable(const kube::ObjectKey& key, std::string why, Time now);
  /// A list or watch failed; the next one is on its way.
  [[nodiscard]] Actions failed(const std::string& source, std::string why, Time now);
  /// The list is not permitted, which is believed; the next one is on its way.
  [[nodiscard]] Actions refused(const std::string& source, std::string why, Time now);
  /// A list or watch goes well again.
  void recovered(const std::string& source);

  [[nodiscard]] Actions answered(Ticket ticket, kube::ApiResult<api::Secret> answer, Time now);
  /// It is next_due().
  [[nodiscard]] Actions due(Time now);
  /// Nothing is wanted any more, nor kept.
  void clear();

  // What is known --------------------------------------------------------------------------------

  [[nodiscard]] bool names(const kube::ObjectKey& key) const;
  [[nodiscard]] SecretState lookup(const std::string& ns, std::string_view name) const;
  /// Each source has been tried, and each named Secret is known or was tried as well.
  [[nodiscard]] bool settled(Time now) const;
  /// For people: the first of the sources that cannot be followed, and how many there are; empty if
  /// there is none.
  [[nodiscard]] std::string trouble() const;
  /// When due() has something to do; nothing if that takes another event.
  [[nodiscard]] std::optional<Time> next_due() const;

 private:
  using Known = SecretState::Known;

  struct Entry {
    /// What was read last, which a failure does not change. Until something is read: kNotRead, or
    /// kRefused or kUnreadable by reads of its own.
    Known known = Known::kNotRead;
    std::string why;
    api::Secret secret;
    /// Its source tells what changes of it, while it speaks: not of one without the label under
    /// kCluster, nor of one that a list has passed over and that is to be read first.
    bool in_watch = false;
    std::uint64_t told = 0;          ///< when a list or watch last spoke of it; 0: never
    std::uint64_t own = 0;           ///< when it was named, or a read of its own last found out
    Ticket ticket = 0;               ///< of the read whose answer counts; 0: none
    int failures = 0;                ///< of reads in a row
    std::optional<Time> due;         ///< of the next read; the same is in queue_
    std::optional<Time> waits_from;  ///< when its first read was due
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  struct Source {
    enum class Phase {
      kUntried,
      kFailing,  ///< never listed whole; tried, and not refused
      kRefused,  ///< never listed whole
      kFollowed  ///< listed whole once: since then the watch tells what changes
    };
    Phase phase = Phase::kUntried;
    std::string why;               ///< of kFailing, kRefused
    int failures = 0;              ///< since the last list that ended; once kFollowed, in a row
    std::uint64_t list_began = 0;  ///< the stamp of the last one's beginning; 0: there was none
    bool listing = false;          ///< that one has neither ended nor failed

    /// What it tells is up to date.
    [[nodiscard]] bool speaks() const { return phase == Phase::kFollowed && failures < kTries; }
  };

  /// Of the source that covers a namespace.
  [[nodiscard]] std::string source_name(const std::string& ns) const {
    return access_ == SecretAccess::kNamespaced ? ns : std::string();
  }
  /// Null if none is open.
  [[nodiscard]] const Source* source_of(const std::string& ns) const;
  /// A change of the entry is told by its source.
  [[nodiscard]] bool covered(const Source* source, const Entry& entry) const;
  /// What its watch does not cover may be read; not where all are refused at once, which is told
  /// once and cannot be mended Secret by Secret.
  [[nodiscard]] bool reads_singly(const Source* source) const;
  [[nodiscard]] Entry* find(const kube::ObjectKey& key);
  /// `visit(ns, entries)` for each namespace that the source covers.
  template <typename Visit>
  void for_each_of(const std::string& source, Visit visit);

  /// Its last word is its own, since the source's last list began: that list may be older.
  static bool newer_than_list(const Source& source, const Entry& entry) {
    return entry.own > source.list_began && entry.told <= source.list_began;
  }
  /// A watch has spoken of it: what is asked meanwhile is older.
  void spoken_of(const kube::ObjectKey& key, Entry& entry);
  /// A watch has no such Secret (any more). True if that changes what is known.
  bool absent(const kube::ObjectKey& key, Entry& entry, Time now);
  /// True if that changes what is known.
  static bool set(Entry& entry, Known known, std::string why, api::Secret secret);
  bool take(const kube::ObjectKey& key, Entry& entry, kube::ApiResult<api::Secret> answer,
            Time now);
  bool take_failure(const kube::ObjectKey& key, Entry& entry, const kube::ApiError& error,
                    Time now);
  Actions fall_back(const std::string& source, Source::Phase phase, std::string why, Time now);

  void schedule(const kube::ObjectKey& key, Entry& entry, Time due);
  void unschedule(const kube::ObjectKey& key, Entry& entry);
  /// The namespace has a place left, of those that are its own at most.
  [[nodiscard]] bool may_read(const std::string& ns) const;
  /// Adds the reads that may begin.
  void start_reads(Actions& actions, Time now);
  [[nodiscard]] Milliseconds pause_after(int failures) const;

  const SecretAccess access_;
  bool owners_settled_ = false;
  std::uint64_t stamp_ = 0;  ///< the order of what is named, begun and told
  Ticket last_ticket_ = 0;
  std::map<std::string, Entries> entries_;  ///< by namespace
  std::map<std::string, Source> sources_;
  std::set<std::pair<Time, kube::ObjectKey>> queue_;  ///< of reads
  std::map<Ticket, kube::ObjectKey> reading_;
};

}  // namespace receiver::controllers
