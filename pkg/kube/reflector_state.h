#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "kube/error.h"
#include "kube/list_reader.h"

/// The reflector as a state machine: its next action, from its state and what has happened. Pure;
/// the caller has the clock, the random numbers, the sockets and the sink. Internal to the room.
namespace receiver::kube::reflecting {

// Where it is ---------------------------------------------------------------------------------

/// Reading a page of the collection.
struct Listing {
  /// The API server may answer from its cache, which is cheap. Otherwise the list comes from
  /// storage.
  bool from_cache = true;
  std::string continue_token;  ///< empty: the first page
  std::string version;         ///< of the first page, once it has been read
  bool operator==(const Listing&) const = default;
};
/// Reading changes as they happen.
struct Watching {
  std::string version;  ///< the last one seen
  int stuck = 0;        ///< errors from the server since the version last changed
  bool operator==(const Watching&) const = default;
};
/// Waiting after a failure.
struct Resting {
  std::variant<Listing, Watching> then;
  bool operator==(const Resting&) const = default;
};
struct Stopped {
  bool operator==(const Stopped&) const = default;
};

struct State {
  std::variant<Listing, Watching, Resting, Stopped> phase;
  bool synced = false;  ///< a complete list was read
  int refusals = 0;     ///< lists answered with 403 or 404 since the last good page
  bool operator==(const State&) const = default;
};

/// Number of rejections before the state becomes kRefused. Fewer may come from an API server that
/// has just started: until its caches are filled it answers 403 to everyone and 404 for kinds that
/// it has.
inline constexpr int kBelievedRefusals = 3;
[[nodiscard]] bool refused(const State& state);

/// Number of errors after which a watch is replaced by a new list.
inline constexpr int kMaxStuck = 3;

// What has happened ---------------------------------------------------------------------------

/// The wait is over.
struct Rested {};
/// A page of the list was read to its end.
struct PageRead {
  ListPage page;
};
/// An event of the watch, or a bookmark, was read.
struct EventRead {
  std::string version;  ///< empty if it could not be read
};
/// The watch's stream ended, was lost or fell silent.
struct StreamEnded {
  bool lived;  ///< it had an event, or lasted for a while
};
/// A request was rejected or did not reach the server, an answer was invalid, or an event contained
/// an error.
struct Failed {
  ApiError error;
};
struct StopAsked {};

using Input = std::variant<Rested, PageRead, EventRead, StreamEnded, Failed, StopAsked>;

// What to do next -----------------------------------------------------------------------------

/// Read a page. Without a continue token a new list begins.
struct ReadPage {
  bool from_cache;
  std::string continue_token;
  bool operator==(const ReadPage&) const = default;
};
struct OpenWatch {
  std::string version;
  bool operator==(const OpenWatch&) const = default;
};
/// Continue to read the watch.
struct ReadOn {
  bool operator==(const ReadOn&) const = default;
};
/// Wait for the backoff, but at least as long as the server requested.
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
