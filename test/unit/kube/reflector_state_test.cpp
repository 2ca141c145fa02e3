#include "kube/reflector_state.h"

#include <string>

#include <catch2/catch.hpp>

namespace receiver::kube::reflecting {
namespace {

using namespace std::chrono_literals;
using Kind = ApiError::Kind;

Failed failed(Kind kind, std::optional<std::chrono::milliseconds> retry_after = {}) {
  return {ApiError{
      .kind = kind, .status = 0, .reason = {}, .message = "m", .retry_after = retry_after}};
}
PageRead page(std::string version, std::string token = {}) {
  return {ListPage{std::move(version), std::move(token)}};
}

State listing(bool from_cache = true, std::string token = {}, std::string version = {}) {
  State state;
  state.phase = Listing{from_cache, std::move(token), std::move(version)};
  return state;
}
State watching(std::string version, int stuck = 0) {
  State state;
  state.phase = Watching{std::move(version), stuck};
  state.synced = true;
  return state;
}

Step rested(Step resting) {
  REQUIRE(std::holds_alternative<Rest>(resting.action));
  return step(std::move(resting.state), Rested{});
}

const Kind kAllKinds[] = {
    Kind::kUnreachable, Kind::kUnauthorized, Kind::kForbidden, Kind::kNotFound, Kind::kConflict,
    Kind::kGone,        Kind::kInvalid,      Kind::kThrottled, Kind::kServer,   Kind::kMalformed};

}  // namespace

TEST_CASE("a reflector begins with a list from the API server's cache") {
  const Step first = begin();
  CHECK(first.action == Action(ReadPage{true, ""}));
  CHECK_FALSE(first.state.synced);
}

TEST_CASE("a list in pages ends in a watch from the version of its first page") {
  Step next = step(begin().state, page("10", "t1"));
  CHECK(next.action == Action(ReadPage{true, "t1"}));
  CHECK_FALSE(next.state.synced);
  next = step(next.state, page("11", "t2"));
  CHECK(next.action == Action(ReadPage{true, "t2"}));
  next = step(next.state, page("11"));
  CHECK(next.action == Action(OpenWatch{"10"}));
  CHECK(next.state == watching("10"));
}

TEST_CASE("a watch is resumed from the last version seen, bookmarks included") {
  Step next = step(watching("10", 2), EventRead{"15"});
  CHECK(next.action == Action(ReadOn{}));
  CHECK(next.state == watching("15"));
  next = step(next.state, EventRead{""});
  CHECK(next.state == watching("15"));
  next = step(next.state, StreamEnded{true});
  CHECK(next.action == Action(OpenWatch{"15"}));
}

TEST_CASE("a watch that ended is opened again: at once if it lived, else after a rest") {
  CHECK(step(watching("10"), StreamEnded{true}).action == Action(OpenWatch{"10"}));
  const Step resting = step(watching("10"), StreamEnded{false});
  CHECK(rested(resting).action == Action(OpenWatch{"10"}));
}

TEST_CASE("how a watch goes on after a failure") {
  struct Case {
    Kind kind;
    Action then;  ///< after the wait
  };
  const ReadPage from_storage{false, ""};
  const OpenWatch resume{"10"};
  for (const auto& [kind, then] : std::initializer_list<Case>{
           {Kind::kGone, from_storage},
           {Kind::kThrottled, resume},
           {Kind::kUnreachable, resume},
           {Kind::kUnauthorized, resume},
           {Kind::kForbidden, resume},
           {Kind::kNotFound, resume},
           {Kind::kServer, resume},
           {Kind::kMalformed, resume},
           {Kind::kInvalid, resume},
           {Kind::kConflict, resume},
       }) {
    INFO("kind " << static_cast<int>(kind));
    const Step next = rested(step(watching("10"), failed(kind)));
    CHECK(next.action == then);
    CHECK(next.state.synced);
  }
}

TEST_CASE("a watch that is answered with errors again and again gives way to a list") {
  for (const Kind kind : {Kind::kServer, Kind::kMalformed, Kind::kInvalid, Kind::kNotFound}) {
    Step next{watching("10"), ReadOn{}};
    for (int i = 1; i < kMaxStuck; ++i) {
      next = rested(step(next.state, failed(kind)));
      CHECK(next.action == Action(OpenWatch{"10"}));
    }
    SECTION("if the version does not move") {
      CHECK(rested(step(next.state, failed(kind))).action == Action(ReadPage{false, ""}));
    }
    SECTION("but not if it moved meanwhile") {
      next = step(next.state, EventRead{"11"});
      CHECK(rested(step(next.state, failed(kind))).action == Action(OpenWatch{"11"}));
    }
  }
}

TEST_CASE("however often a busy or absent server refuses a watch, nothing is listed") {
  for (const Kind kind :
       {Kind::kThrottled, Kind::kUnreachable, Kind::kForbidden, Kind::kUnauthorized}) {
    Step next{watching("10"), ReadOn{}};
    for (int i = 0; i < 100; ++i) next = rested(step(next.state, failed(kind)));
    CHECK(next.action == Action(OpenWatch{"10"}));
    CHECK(next.state == watching("10"));
  }
}

TEST_CASE("how a list goes on after a failure") {
  struct Case {
    Kind kind;
    Action first_page, later_page;  ///< after the wait
  };
  const ReadPage first{true, ""}, later{true, "t"}, from_storage{false, ""};
  for (const auto& [kind, first_page, later_page] : std::initializer_list<Case>{
           {Kind::kGone, from_storage, from_storage},
           {Kind::kInvalid, from_storage, from_storage},
           {Kind::kUnreachable, first, later},
           {Kind::kThrottled, first, later},
           {Kind::kServer, first, later},
           {Kind::kMalformed, first, later},
           {Kind::kUnauthorized, first, later},
           {Kind::kForbidden, first, later},
           {Kind::kNotFound, first, later},
           {Kind::kConflict, first, later},
       }) {
    INFO("kind " << static_cast<int>(kind));
    CHECK(rested(step(listing(), failed(kind))).action == first_page);
    CHECK(rested(step(listing(true, "t", "9"), failed(kind))).action == later_page);
  }
}

TEST_CASE("a list that starts again depends on nothing of the one before") {
  Step next = rested(step(listing(true, "t", "9"), failed(Kind::kGone)));
  next = step(next.state, page("20"));
  CHECK(next.action == Action(OpenWatch{"20"}));
}

TEST_CASE("a rest is not shorter than the server asked for") {
  for (const Kind kind : kAllKinds) {
    CHECK(step(listing(), failed(kind, 7s)).action == Action(Rest{7s}));
    CHECK(step(watching("1"), failed(kind, 7s)).action == Action(Rest{7s}));
    CHECK(step(watching("1"), failed(kind)).action == Action(Rest{0ms}));
  }
}

TEST_CASE("refusals of a list are believed when they repeat, and not after one success") {
  for (const Kind kind : {Kind::kForbidden, Kind::kNotFound}) {
    Step next = begin();
    for (int i = 1; i < kBelievedRefusals; ++i) {
      next = rested(step(next.state, failed(kind)));
      CHECK_FALSE(refused(next.state));
    }
    next = rested(step(next.state, failed(kind)));
    CHECK(refused(next.state));
    // Another failure meanwhile does not change that.
    next = rested(step(next.state, failed(Kind::kServer)));
    CHECK(refused(next.state));
    next = step(next.state, page("5"));
    CHECK_FALSE(refused(next.state));
    CHECK(next.state == watching("5"));
  }
}

TEST_CASE("what was synced stays so whatever is refused later") {
  Step next = rested(step(watching("5"), failed(Kind::kGone)));
  for (int i = 0; i < 10; ++i) {
    next = rested(step(next.state, failed(Kind::kForbidden)));
    CHECK(next.state.synced);
    CHECK_FALSE(refused(next.state));
    CHECK(next.action == Action(ReadPage{false, ""}));
  }
}

TEST_CASE("it ends when asked to, wherever it is, and when the client is closed") {
  const State resting = step(watching("5"), StreamEnded{false}).state;
  for (const State& state : {listing(), watching("5"), resting}) {
    CHECK(step(state, StopAsked{}).action == Action(End{}));
  }
  for (const State& state : {listing(), watching("5")}) {
    const Step end = step(state, failed(Kind::kClosed));
    CHECK(end.action == Action(End{}));
    CHECK(step(end.state, Rested{}).action == Action(End{}));
    CHECK(step(end.state, page("1")).action == Action(End{}));
  }
}

TEST_CASE("an input that does not fit the state changes nothing") {
  const State resting = step(watching("5"), StreamEnded{false}).state;
  CHECK(step(listing(), EventRead{"1"}).state == listing());
  CHECK(step(watching("5"), page("9")).state == watching("5"));
  CHECK(step(watching("5"), Rested{}).state == watching("5"));
  CHECK(step(resting, page("9")).state == resting);
  CHECK(step(resting, failed(Kind::kGone)).state == resting);
}

}  // namespace receiver::kube::reflecting
