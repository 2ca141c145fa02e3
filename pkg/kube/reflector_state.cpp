#include "kube/reflector_state.h"

#include <utility>

namespace receiver::kube::reflecting {
namespace {

using Kind = ApiError::Kind;

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

Action action_of(const Listing& listing) {
  return ReadPage{listing.from_cache, listing.continue_token};
}
Action action_of(const Watching& watching) {
  return OpenWatch{watching.version};
}

template <typename Phase>
Step go_to(State state, Phase phase) {
  Action action = action_of(phase);
  state.phase = std::move(phase);
  return {std::move(state), std::move(action)};
}

template <typename Phase>
Step rest_then(State state, Phase phase, const std::optional<std::chrono::milliseconds>& at_least) {
  state.phase = Resting{std::move(phase)};
  return {std::move(state), Rest{at_least.value_or(std::chrono::milliseconds(0))}};
}

Step end(State state) {
  state.phase = Stopped{};
  return {std::move(state), End{}};
}

/// A list that owes nothing to any version or cache.
Listing list_anew() {
  return {.from_cache = false, .continue_token = {}, .version = {}};
}

// Listing -------------------------------------------------------------------------------------

Step page_read(State state, Listing listing, ListPage page) {
  state.refusals = 0;
  // Pages show one moment, that of the first. Where a server breaks this, the oldest version is the
  // safe one to watch from: what is then told twice does no harm.
  if (listing.version.empty()) listing.version = std::move(page.resource_version);
  if (!page.continue_token.empty()) {
    // There is more.
    listing.continue_token = std::move(page.continue_token);
    return go_to(std::move(state), std::move(listing));
  }
  // The list is whole: from here on only changes matter.
  state.synced = true;
  return go_to(std::move(state), Watching{.version = std::move(listing.version), .stuck = 0});
}

Step list_failed(State state, Listing listing, const ApiError& error) {
  switch (error.kind) {
    case Kind::kClosed:
      // The client is gone for good.
      return end(std::move(state));
    case Kind::kGone:
      // The moment that the pages showed is no longer held. A list anew waits, or one that always
      // takes longer than the server remembers would be read without a pause.
      return rest_then(std::move(state), list_anew(), error.retry_after);
    case Kind::kInvalid:
      // Perhaps the token is what it does not like: without it, it may.
      return rest_then(std::move(state), list_anew(), error.retry_after);
    case Kind::kForbidden:
    case Kind::kNotFound:
      // A permission or a kind may come at any time.
      ++state.refusals;
      return rest_then(std::move(state), std::move(listing), error.retry_after);
    case Kind::kUnreachable:
    case Kind::kUnauthorized:
    case Kind::kThrottled:
    case Kind::kServer:
    case Kind::kMalformed:
    case Kind::kConflict:
      // The same page once more: an overloaded server is not asked for all of them again.
      return rest_then(std::move(state), std::move(listing), error.retry_after);
  }
  return rest_then(std::move(state), std::move(listing), error.retry_after);
}

// Watching ------------------------------------------------------------------------------------

Step event_read(State state, Watching watching, std::string version) {
  // The watch can be resumed from here. An event without a version moves nothing.
  if (!version.empty()) watching = {.version = std::move(version), .stuck = 0};
  state.phase = std::move(watching);
  return {std::move(state), ReadOn{}};
}

Step stream_ended(State state, Watching watching, bool lived) {
  // Watches end all the time: at their timeout, with a connection, with an API server.
  if (lived) return go_to(std::move(state), std::move(watching));
  // One that ends as it begins would be opened in a loop.
  return rest_then(std::move(state), std::move(watching), std::nullopt);
}

Step watch_failed(State state, Watching watching, const ApiError& error) {
  switch (error.kind) {
    case Kind::kClosed:
      // The client is gone for good.
      return end(std::move(state));
    case Kind::kGone:
      // What happened since the version is forgotten: only a list can tell. After a wait, since
      // many watches go stale together.
      return rest_then(std::move(state), list_anew(), error.retry_after);
    case Kind::kUnreachable:
    case Kind::kThrottled:
      // A server that is down or busy will go on from the version; lists would be the last straw.
      return rest_then(std::move(state), std::move(watching), error.retry_after);
    case Kind::kUnauthorized:
    case Kind::kForbidden:
      // A list would be refused as well. What is there goes on being served.
      return rest_then(std::move(state), std::move(watching), error.retry_after);
    case Kind::kNotFound:
    case Kind::kInvalid:
    case Kind::kServer:
    case Kind::kMalformed:
    case Kind::kConflict:
      // It may pass. If not, something after this version cannot be told, or the kind was replaced.
      if (++watching.stuck >= kMaxStuck) {
        return rest_then(std::move(state), list_anew(), error.retry_after);
      }
      return rest_then(std::move(state), std::move(watching), error.retry_after);
  }
  return rest_then(std::move(state), std::move(watching), error.retry_after);
}

}  // namespace

bool refused(const State& state) {
  return !state.synced && state.refusals >= kBelievedRefusals;
}

Step begin() {
  return go_to(State{}, Listing{});
}

Step step(State state, Input input) {
  // One who is stopped stays so; one who is asked to stop does, wherever it is.
  if (std::holds_alternative<StopAsked>(input) || std::holds_alternative<Stopped>(state.phase)) {
    return end(std::move(state));
  }
  auto phase = std::move(state.phase);
  const auto transition = Overloaded{
      [&](Listing& listing, PageRead& read) {
        return page_read(std::move(state), std::move(listing), std::move(read.page));
      },
      [&](Listing& listing, Failed& failed) {
        return list_failed(std::move(state), std::move(listing), failed.error);
      },
      [&](Watching& watching, EventRead& read) {
        return event_read(std::move(state), std::move(watching), std::move(read.version));
      },
      [&](Watching& watching, StreamEnded& ended) {
        return stream_ended(std::move(state), std::move(watching), ended.lived);
      },
      [&](Watching& watching, Failed& failed) {
        return watch_failed(std::move(state), std::move(watching), failed.error);
      },
      [&](Resting& resting, Rested&) {
        // On with what was put off.
        return std::visit([&](auto& then) { return go_to(std::move(state), std::move(then)); },
                          resting.then);
      },
      // The shell acts as it is told, so the rest cannot happen; it changes nothing.
      [&](Listing& listing, auto&) { return go_to(std::move(state), std::move(listing)); },
      [&](Watching& watching, auto&) { return go_to(std::move(state), std::move(watching)); },
      [&](Resting& resting, auto&) {
        state.phase = std::move(resting);
        return Step{std::move(state), Rest{}};
      },
      [&](Stopped&, auto&) { return end(std::move(state)); },
  };
  return std::visit(transition, phase, input);
}

}  // namespace receiver::kube::reflecting
