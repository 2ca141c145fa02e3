#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "clock/clock.h"
#include "kube/object_key.h"

namespace receiver::kube {

/// The object an Event is about.
struct ObjectReference {
  std::string api_version;
  std::string kind;
  ObjectKey key;
  std::string uid;
  std::string resource_version;

  friend auto operator<=>(const ObjectReference&, const ObjectReference&) = default;
};

enum class EventType { kNormal, kWarning };

/// Something to report about an object. Equal occurrences become one Event with a count.
struct Occurrence {
  ObjectReference regarding;
  EventType type = EventType::kNormal;
  std::string reason;  ///< for machines: "SecretNotFound"
  std::string action;  ///< what was being done
  std::string note;    ///< for people

  friend auto operator<=>(const Occurrence&, const Occurrence&) = default;
};

/// Decides which Events to create, and when to update which series: as client-go does, but a series
/// is updated every minute instead of every thirty. Waiting writes take turns by object: a hundred
/// Events about one object do not delay another's. Pure.
class EventSeries {
 public:
  using Time = clock::Steady::time_point;

  /// An Event without another occurrence for this long has ended: the next occurrence creates a new
  /// Event.
  static constexpr std::chrono::minutes kFinish{6};
  /// How often a growing series is written.
  static constexpr std::chrono::minutes kRefresh{1};
  /// Limit of remembered Events. Beyond it, the one with the oldest last occurrence is forgotten.
  static constexpr std::size_t kMaxEvents = 1024;

  struct Options {
    std::string controller;
    std::string instance;
    std::string default_namespace;
    std::size_t queue = 256;  ///< waiting writes, of all objects
  };
  explicit EventSeries(Options options);

  /// False if an Event was dropped for lack of room: this one, or the newest of the object with the
  /// most waiting Events.
  bool observe(Occurrence occurrence, clock::Wall::time_point now, Time steady);

  struct Write {
    enum class Method { kCreate, kPatch };
    Method method;
    std::string ns;
    std::string name;
    std::string body;
  };
  /// The next waiting write, if any. Call settle() for it before the next one.
  [[nodiscard]] std::optional<Write> next();

  enum class Result {
    kDone,
    kGone,    ///< patched, but the API server no longer has the Event: it is created again
    kFailed,  ///< dropped
  };
  void settle(Result result, Time steady);

  /// Forgets everything except the write in progress, which is the last one of its Event.
  void clear();

  /// Queues writes that are due, and forgets Events that have ended.
  void advance(Time steady);
  [[nodiscard]] bool waiting() const { return waiting_count_ > 0; }
  /// When advance() must be called next.
  [[nodiscard]] std::optional<Time> next_due() const;
  [[nodiscard]] std::size_t size() const { return events_.size(); }

 private:
  struct Event {
    std::string name;
    std::string resource_version;  ///< of the object, at the first occurrence
    clock::Wall::time_point first;
    clock::Wall::time_point last;
    Time last_seen;
    Time last_written;
    std::int64_t count = 1;
    std::int64_t written =
        0;              ///< the count that the API server knows; 0: it does not know the Event
    bool busy = false;  ///< waiting or being written
  };
  /// Keyed by what makes occurrences equal: everything except the version of the object.
  using Events = std::map<Occurrence, Event>;

  [[nodiscard]] Time due(const Event& event) const;
  [[nodiscard]] bool make_room();
  /// Whether the queue has room for another Event about the object. If necessary, the newest Event
  /// of an object with more waiting Events is dropped.
  struct Room {
    bool found, dropped;
  };
  [[nodiscard]] Room make_room_in_queue(const ObjectReference& regarding);
  void wait(Events::iterator event);
  [[nodiscard]] std::string new_name(const std::string& object, clock::Wall::time_point now);
  [[nodiscard]] std::string namespace_of(const ObjectReference& regarding) const;
  [[nodiscard]] std::string create_body(const Occurrence& occurrence, const Event& event) const;

  Options options_;
  Events events_;
  /// By object; no queue is empty.
  std::map<ObjectReference, std::deque<Events::iterator>> waiting_;
  std::size_t waiting_count_ = 0;
  ObjectReference served_last_;
  std::optional<Events::iterator> writing_;
  std::int64_t writing_count_ = 0;
  std::int64_t last_stamp_ = 0;
};

}  // namespace receiver::kube
