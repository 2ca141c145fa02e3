#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "kube/error.h"
#include "kube/list_reader.h"

/// The reflector as a state machine: what it does next, from where it is and what has happened.
/// Pure; the clock, the dice, the sockets and the sink are the caller's. Internal to the room.
namespace receiver::kube::reflecting {

// Where it is ---------------------------------------------------------------------------------

/// A page of the collection is read.
struct Listing {
  /// The API server may answer from its cache, which costs it next to nothing; otherwise the list
  /// is as new as the storage.
  bool from_cache = true;
  std::string continue_token;  ///< empty: the first page
  std::string version;         ///< of the first page, once it is read
  bool operator==(const Listing&) const = default;
};
/// Changes are read as they happen.
struct Watching {
  std::string version;  ///< the last one seen
  int stuck = 0;        ///< failures that the server answered with since the version last moved
  bool operator==(const Watching&) const = default;
};
/// Something failed; it goes on after a while.
struct Resting {
  std::variant<Listing, Watching> then;
  bool operator==(const Resting&) const = default;
};
struct Stopped {
  bool operator==(const Stopped&) const = default;
};

struct State {
  std::variant<Listing, Watching, Resting, Stopped> phase;
  bool synced = false;  ///< a whole list was seen
  int refusals = 0;     ///< lists answered with 403 or 404 since the last good page
  bool operator==(const State&) const = default;
};

/// So many refusals are believed. Fewer may be an API server that has just started: until its
/// caches are warm it answers 403 to everyone and 404 for kinds that it has.
inline constexpr int kBelievedRefusals = 3;
[[nodiscard]] bool refused(const State& state);

/// So often is a watch that is answered with errors tried again before the collection is listed
/// anew.
inline constexpr int kMaxStuck = 3;

// What has happened ---------------------------------------------------------------------------

/// The rest is over.
struct Rested {};
/// A page of the list was read to its end.
struct PageRead {
  ListPage page;
};
/// An event of the watch, a bookmark too, was read.
struct EventRead {
  std::string version;  ///< empty if it could not be read
};
/// The watch's stream ended, broke or fell silent.
struct StreamEnded {
  bool lived;  ///< it brought something or lasted a while
};
/// A request was refused or did not reach the server, an answer was none, or an event said so.
struct Failed {
  ApiError error;
};
struct StopAsked {};

using Input = std::variant<Rested, PageRead, EventRead, StreamEnded, Failed, StopAsked>;

// What to do next -----------------------------------------------------------------------------

/// Read a page; without a continue token a new list begins.
struct ReadPage {
  bool from_cache;
  std::string continue_token;
  bool operator==(const ReadPage&) const = default;
};
struct OpenWatch {
  std::string version;
  bool operator==(const OpenWatch&) const = default;
};
/// Go on reading the watch.
struct ReadOn {
  bool operator==(const ReadOn&) const = default;
};
/// Wait for the backoff's time, and not for less than the server asked for.
struct Rest {
  std::chrono::milliseconds at_least{0};
  bool operator==(const Rest&) const = default;
};
struct End {
  bool operator==(const End&) const = default;
};

using Action = std::variant<ReadPage, OpenWatch, ReadOn, Rest, End>;

struct Step {
  State state;
  Action action;
};

[[nodiscard]] Step begin();
/// An input that cannot happen in the state changes nothing.
[[nodiscard]] Step step(State state, Input input);

}  // namespace receiver::kube::reflecting
