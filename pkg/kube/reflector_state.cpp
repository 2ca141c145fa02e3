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

/// A list from the beginning, from storage, without a version.
Listing list_anew() {
  return {.from_cache = false, .continue_token = {}, .version = {}};
}

// Listing -------------------------------------------------------------------------------------

Step page_read(State state, Listing listing, ListPage page) {
  state.refusals = 0;
  // All pages show one version, that of the first page. If a server violates this, the oldest
  // version is safe to watch from: repeated events do no harm.
  if (listing.version.empty()) listing.version = std::move(page.resource_version);
  if (!page.continue_token.empty()) {
    // There are more pages.
    listing.continue_token = std::move(page.continue_token);
    return go_to(std::move(state), std::move(listing));
  }
  // The list is complete: from now on only changes matter.
  state.synced = true;
  return go_to(std::move(state), Watching{.version = std::move(listing.version), .stuck = 0});
}

Step list_failed(State state, Listing listing, const ApiError& error) {
  switch (error.kind) {
    case Kind::kClosed:
      // The client is closed.
      return end(std::move(state));
    case Kind::kGone:
      // The server no longer has the version of the pages. The new list waits; otherwise a list
      // that always takes longer than the server remembers would be read without a pause.
      return rest_then(std::move(state), list_anew(), error.retry_after);
    case Kind::kInvalid:
      // The server may reject the token. A list without it may succeed.
      return rest_then(std::move(state), list_anew(), error.retry_after);
    case Kind::kForbidden:
    case Kind::kNotFound:
      // A permission or a kind may appear at any time.
      ++state.refusals;
      return rest_then(std::move(state), std::move(listing), error.retry_after);
    case Kind::kUnreachable:
    case Kind::kUnauthorized:
    case Kind::kThrottled:
    case Kind::kServer:
    case Kind::kMalformed:
    case Kind::kConflict:
      // Retry the same page: an overloaded server need not send all of them again.
      return rest_then(std::move(state), std::move(listing), error.retry_after);
  }
  return rest_then(std::move(state), std::move(listing), error.retry_after);
}

// Watching ------------------------------------------------------------------------------------

Step event_read(State state, Watching watching, std::string version) {
  // The watch can resume from here. An event without a version changes nothing.
  if (!version.empty()) watching = {.version = std::move(version), .stuck = 0};
  state.phase = std::move(watching);
  return {std::move(state), ReadOn{}};
}

Step stream_ended(State state, Watching watching, bool lived) {
  // Watches end all the time: at their timeout, with a connection, with an API server.
  if (lived) return go_to(std::move(state), std::move(watching));
  // A watch that ends immediately would be reopened in a loop.
  return rest_then(std::move(state), std::move(watching), std::nullopt);
}

Step watch_failed(State state, Watching watching, const ApiError& error) {
  switch (error.kind) {
    case Kind::kClosed:
      // The client is closed.
      return end(std::move(state));
    case Kind::kGone:
      // The server has lost the events since the version, so a list is needed. It waits, because
      // many watches expire together.
      return rest_then(std::move(state), list_anew(), error.retry_after);
    case Kind::kUnreachable:
    case Kind::kThrottled:
      // A server that is down or busy continues from the version later. Lists would overload it.
      return rest_then(std::move(state), std::move(watching), error.retry_after);
    case Kind::kUnauthorized:
    case Kind::kForbidden:
      // A list would be rejected as well. The known set is still served.
      return rest_then(std::move(state), std::move(watching), error.retry_after);
    case Kind::kNotFound:
    case Kind::kInvalid:
    case Kind::kServer:
    case Kind::kMalformed:
    case Kind::kConflict:
      // The error may be transient. If not, something after this version cannot be sent, or the
      // kind was replaced.
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
  // A stopped reflector stays stopped, and one that is asked to stop stops, in any state.
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
        // Continue with the postponed state.
        return std::visit([&](auto& then) { return go_to(std::move(state), std::move(then)); },
                          resting.then);
      },
      // The shell does what the state machine says, so the other inputs cannot happen; they change
      // nothing.
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
