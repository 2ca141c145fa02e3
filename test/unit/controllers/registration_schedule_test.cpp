#include "controllers/registration_schedule.h"

#include <algorithm>
#include <map>
#include <set>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using bitbucket_rest::ApiFailure;
using bitbucket_rest::Moves;
using bitbucket_rest::Repository;
using Schedule = RegistrationSchedule;
using State = Schedule::State;
using Milliseconds = std::chrono::milliseconds;

const std::string kServer = "https://git.example.com";

Repository repository(const std::string& slug, const std::string& server = kServer) {
  return {bitbucket::Source::kDataCenter, server, "SHOP", slug};
}

/// The schedule, a clock, and visits that take no time.
class ScheduleWorld {
 public:
  void want(const std::vector<std::string>& slugs, const std::string& url = "url",
            const std::string& wish = "wish", const std::string& receiver = "demo/bb",
            Schedule::Seconds served = Schedule::kServed) {
    std::vector<Repository> repositories;
    for (const std::string& slug : slugs) repositories.push_back(repository(slug));
    want_all(receiver, repositories, {.text = wish + url, .url = url, .served = served});
  }
  /// The receiver's name decides its token and owner.
  void want_all(const std::string& receiver, const std::vector<Repository>& repositories,
                Schedule::Wish wish = {.text = "w", .url = "u"}) {
    if (wish.credentials.empty()) wish.credentials = token + " of " + receiver;
    wish.owner = receiver.substr(0, receiver.find('/'));
    schedule.want(receiver, wish, repositories, now);
  }
  /// `SECONDS RECEIVER SLUG` of each visit before that time is over, with `moves` where it may
  /// move; `SECONDS? SLUG` of those for deliveries.
  std::vector<std::string> run(std::chrono::seconds time) {
    std::vector<std::string> visits;
    const auto end = now + time;
    for (;;) {
      while (const auto visit = schedule.next(now)) {
        const double at = std::chrono::duration<double>(now - begun).count();
        if (!visit->deliveries_of.empty()) {
          visits.push_back(fmt::format("{:g}? {}", at, visit->repository.slug));
          schedule.asked(*visit, asking_fails, now);
          continue;
        }
        visits.push_back(fmt::format("{:g} {} {}{}", at, visit->receiver, visit->repository.slug,
                                     visit->moves == Moves::kAll ? " moves" : ""));
        schedule.ended(*visit, outcome_of(*visit), now);
      }
      const auto due = schedule.next_due();
      REQUIRE((!due || *due > now));  // otherwise it would loop for ever
      if (!due || *due >= end) break;
      now = *due;
    }
    now = end;
    return visits;
  }
  Schedule::Outcome outcome_of(const Schedule::Visit& visit) {
    const auto failure = failures.find(visit.repository.slug);
    if (failure != failures.end()) return {.state = State::kFailed, .error = failure->second};
    const bool waits = to_be_moved.contains(visit.repository.slug) && visit.moves == Moves::kNone;
    return {.state = waits ? State::kPending : State::kRegistered,
            .webhook = tells_of_deliveries && !waits ? webhook + visit.repository.slug : ""};
  }
  std::size_t count(State state, const std::string& receiver = "demo/bb") {
    return schedule.states(receiver)[state];
  }

  double random = 0;
  Schedule schedule{[this] { return random; }};
  const Schedule::Time begun = Schedule::Time() + 1h;
  Schedule::Time now = begun;
  std::map<std::string, bitbucket_rest::BitbucketError> failures;
  std::set<std::string> to_be_moved;
  std::string token = "token";
  bool tells_of_deliveries = false;
  std::string webhook = "webhook ";  ///< the beginning of their ids
  std::optional<bitbucket_rest::BitbucketError> asking_fails;
};

using Visits = std::vector<std::string>;

std::vector<std::string> numbers(int count, const std::string& before = "") {
  std::vector<std::string> slugs;
  for (int i = 0; i < count; ++i) slugs.push_back(before + std::to_string(i));
  return slugs;
}

std::ptrdiff_t count_of(const Visits& visits, const std::string& part) {
  return std::ranges::count_if(
      visits, [&](const std::string& visit) { return visit.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("what is wanted is looked at at once, twice a second, and then every six hours") {
  ScheduleWorld world;
  world.want({"a", "b", "c"});
  CHECK(world.run(6h) == Visits{"0 demo/bb a", "0.5 demo/bb b", "1 demo/bb c"});
  CHECK(world.count(State::kRegistered) == 3);
  CHECK(world.run(2s) ==
        Visits{"21600 demo/bb a moves", "21600.5 demo/bb b moves", "21601 demo/bb c moves"});
  // Up to a tenth later: never earlier, so that there is no more than one list in six hours.
  world.random = 0.999;
  CHECK(world.run(6h).size() == 3);
  CHECK(world.run(6h + 35min).empty());
  CHECK(world.run(1min).size() == 3);
}

TEST_CASE("two hundred repositories are looked at within two minutes") {
  ScheduleWorld world;
  world.want(numbers(200));
  CHECK(world.run(100s).size() == 200);
}

TEST_CASE("a webhook is moved once its URL was served for a minute") {
  ScheduleWorld world;
  world.to_be_moved = {"old"};
  world.want({"new", "old"});
  CHECK(world.run(2min) == Visits{"0 demo/bb new", "0.5 demo/bb old", "60 demo/bb old moves"});

  SECTION("after a rotation: what was right before is not looked at until then") {
    world.to_be_moved = {"new", "old"};
    world.want({"another", "new", "old"}, "url2");
    CHECK(world.run(2min) ==
          Visits{"120 demo/bb another", "180 demo/bb new moves", "180.5 demo/bb old moves"});
  }
  SECTION("later, if replicas may hear of it later") {
    world.to_be_moved = {"new", "old"};
    world.want({"new", "old"}, "url2", "wish", "demo/bb", Schedule::kServedUnwatched);
    CHECK(world.run(10min) == Visits{"480 demo/bb new moves", "480.5 demo/bb old moves"});
  }
  SECTION("another wish without another URL is looked at at once") {
    world.want({"new", "old"}, "url", "other events");
    CHECK(world.run(2min) == Visits{"120 demo/bb new moves", "120.5 demo/bb old moves"});
  }
  SECTION("the same wish, again and again, is none") {
    for (int i = 0; i < 10; ++i) world.want({"new", "old"});
    CHECK(world.run(2min).empty());
  }
}

TEST_CASE("what is new comes before the round, and receivers take turns") {
  ScheduleWorld world;
  std::vector<std::string> slugs{"a", "b", "c", "d"};
  world.want(slugs);
  (void)world.run(6h);
  slugs.emplace_back("new");
  world.want(slugs);
  CHECK(world.run(1s) == Visits{"21600 demo/bb new moves", "21600.5 demo/bb a moves"});

  ScheduleWorld shared;
  shared.want({"a1", "a2", "a3"}, "url", "wish", "a/bb");
  shared.want({"b1", "b2"}, "url", "wish", "b/bb");
  CHECK(shared.run(10s) ==
        Visits{"0 a/bb a1", "0.5 b/bb b1", "1 a/bb a2", "1.5 b/bb b2", "2 a/bb a3"});
}

TEST_CASE("hosts do not wait for one another, and slow answers do not hold up the rest") {
  ScheduleWorld world;
  world.want(numbers(20));
  world.want_all("demo/cloud", {repository("c", "https://another.example.com")});
  std::vector<Schedule::Visit> visits;
  for (std::size_t i = 0; i < Schedule::kVisitsOfHost; ++i) {
    const auto visit = world.schedule.next(world.now);
    REQUIRE(visit);
    visits.push_back(*visit);
    if (i == 0) CHECK(world.schedule.next(world.now)->repository.slug == "c");
    CHECK_FALSE(world.schedule.next(world.now + 499ms));
    world.now += 500ms;
  }
  // The bound of one host.
  CHECK_FALSE(world.schedule.next(world.now + 1h));
  CHECK_FALSE(world.schedule.next_due());
  world.schedule.ended(visits[3], {}, world.now);
  CHECK(world.schedule.next(world.now)->repository.slug == "16");  // by name
}

TEST_CASE(
    "requests of one host are half a second apart, whatever its context paths and receivers") {
  ScheduleWorld world;
  world.want_all("a/bb", {repository("a1", kServer + "/one"), repository("a2", kServer + "/two")});
  world.want_all("b/bb", {repository("b", kServer)});
  world.want_all("b/too", {repository("c", kServer)});
  CHECK(world.run(10s) == Visits{"0 a/bb a1", "0.5 b/bb b", "1 a/bb a2", "1.5 b/too c"});

  SECTION("those of one visit, too, counted from when they are sent") {
    world.want_all("a/bb", {repository("new", kServer + "/one")});
    world.want_all("b/bb", {repository("newer", kServer)});
    const auto visit = world.schedule.next(world.now);
    REQUIRE(visit);
    CHECK(world.schedule.take_turn(*visit, world.now + 100ms) == world.now + 500ms);
    CHECK(world.schedule.take_turn(*visit, world.now + 10s) == world.now + 10s);
    CHECK_FALSE(world.schedule.next(world.now + 10s + 499ms));
    CHECK(world.schedule.next(world.now + 10s + 500ms));
  }
}

TEST_CASE("a repository is visited for one receiver at a time") {
  ScheduleWorld world;
  world.want({"a"}, "url", "wish", "a/bb");
  world.want({"a"}, "url", "wish", "b/bb");
  const auto visit = world.schedule.next(world.now);
  REQUIRE(visit);
  world.now += 1s;
  CHECK_FALSE(world.schedule.next(world.now));
  SECTION("once the other has ended") {
    world.schedule.ended(*visit, {}, world.now);
    CHECK(world.run(1s) == Visits{"1 b/bb a"});
  }
  SECTION("though it is wanted otherwise meanwhile: what is under way may still write") {
    world.want({"a"}, "url2", "wish", "a/bb");
    CHECK_FALSE(world.schedule.may_send(*visit, world.now));
    CHECK_FALSE(world.schedule.next(world.now));
    world.schedule.dropped(*visit);
    CHECK(world.run(2s) == Visits{"1 b/bb a", "1.5 a/bb a"});
  }
}

TEST_CASE("a visit that is given up is no failure") {
  ScheduleWorld world;
  world.want({"a"});
  world.schedule.dropped(*world.schedule.next(world.now));
  CHECK(world.count(State::kPending) == 1);
  CHECK(world.run(10s) == Visits{"0.5 demo/bb a"});
}

TEST_CASE("owners take turns, however many receivers and repositories they have") {
  ScheduleWorld world;
  for (const char* receiver : {"large/1", "large/2", "large/3"}) {
    world.want(numbers(1000, receiver), "url", "wish", receiver);
  }
  world.want({"a", "b", "c"}, "url", "wish", "small/bb");
  CHECK(count_of(world.run(3s), "small/bb") == 3);
}

TEST_CASE("what is overdue waits no longer for what is new", "[single-threaded]") {
  ScheduleWorld world;
  world.tells_of_deliveries = true;
  world.want({"a"}, "url", "wish", "small/bb");
  (void)world.run(6h - 1s);
  world.want(numbers(1500), "url", "wish", "large/bb");
  const Visits visits = world.run(11min);
  CHECK(count_of(visits, "small/bb a") == 1);
  CHECK(count_of(visits, "? a") == 1);
  CHECK(visits.size() > 1250);
}

TEST_CASE("who begins to lead looks at all at once, and again when nobody else writes any more") {
  ScheduleWorld world;
  world.want({"a", "b"});
  (void)world.run(1h);
  world.schedule.begin(world.now);
  CHECK(world.count(State::kPending) == 2);
  CHECK(world.run(2min) == Visits{"3600 demo/bb a moves", "3600.5 demo/bb b moves",
                                  "3660 demo/bb a moves", "3660.5 demo/bb b moves"});
  CHECK(world.run(6h - 2min).empty());
  world.schedule.begin(world.now);
  world.want({"a", "b", "new"});  // it need not wait for them
  CHECK(world.run(1s) == Visits{"25200 demo/bb new moves", "25200.5 demo/bb a moves"});
}

TEST_CASE("what may still come to be written is looked for later, and then once more") {
  ScheduleWorld world;
  world.want({"a"});
  auto visit = world.schedule.next(world.now);
  world.schedule.ended(*visit,
                       {.state = State::kFailed,
                        .error = bitbucket_rest::BitbucketError{.kind = ApiFailure::kTimeout},
                        .may_have_written = true},
                       world.now);
  world.want({"a", "b"});  // it succeeds, and does not wake the other
  CHECK(world.run(10min) == Visits{"0.5 demo/bb b", "60 demo/bb a moves", "120 demo/bb a moves"});
}

TEST_CASE("a repository that fails is tried again after a minute, and ever more rarely") {
  ScheduleWorld world;
  world.want({"bad", "good"});
  world.failures["bad"] = {.kind = ApiFailure::kForbidden};
  Visits bad;
  for (const std::string& visit : world.run(4h)) {
    if (visit.find(" bad") != std::string::npos) bad.push_back(visit);
  }
  CHECK(bad == Visits{"0 demo/bb bad", "60 demo/bb bad moves", "180 demo/bb bad moves",
                      "420 demo/bb bad moves", "900 demo/bb bad moves", "1860 demo/bb bad moves",
                      "3780 demo/bb bad moves", "7380 demo/bb bad moves",
                      "10980 demo/bb bad moves"});
  CHECK(world.count(State::kFailed) == 1);
  CHECK(world.count(State::kRegistered) == 1);
  world.failures.clear();
  (void)world.run(1h);
  CHECK(world.count(State::kRegistered) == 2);

  // As long as Bitbucket said, but at most an hour.
  for (const auto& [told, waits] :
       std::vector<std::pair<std::chrono::seconds, int>>{{5s, 60}, {90s, 90}, {24h, 3600}}) {
    ScheduleWorld patient;
    patient.want({"bad"});
    patient.failures["bad"] = {.kind = ApiFailure::kServer, .retry_after = told};
    CHECK(patient.run(70min).at(1) == fmt::format("{} demo/bb bad moves", waits));
  }
}

TEST_CASE("a token that is refused or used up is not shown again meanwhile") {
  for (const ApiFailure kind : {ApiFailure::kUnauthorized, ApiFailure::kRateLimited}) {
    ScheduleWorld world;
    world.want({"a", "b"});
    world.want_all("demo/other", {repository("c")});
    world.failures["a"] = world.failures["b"] = {.kind = kind};
    // One question of this token at a time, and the other goes on.
    CHECK(world.run(5min) ==
          Visits{"0 demo/bb a", "0.5 demo/other c", "60 demo/bb b moves", "180 demo/bb a moves"});
    // Another token may be better.
    world.failures.clear();
    world.token = "another";
    world.want({"a", "b"}, "url", "another token");
    CHECK(world.run(1min) == Visits{"300 demo/bb a moves", "300.5 demo/bb b moves"});
  }
  ScheduleWorld told;
  told.want({"a"});
  told.failures["a"] = {.kind = ApiFailure::kRateLimited, .retry_after = 7s};
  CHECK(told.run(10s) == Visits{"0 demo/bb a", "7 demo/bb a"});
  told.failures["a"] = {.kind = ApiFailure::kRateLimited, .retry_after = 24h};
  CHECK(told.run(70min) == Visits{"14 demo/bb a", "3614 demo/bb a moves"});
}

TEST_CASE("visits in progress send nothing more after a rate limit, and end otherwise") {
  for (const ApiFailure kind : {ApiFailure::kUnauthorized, ApiFailure::kRateLimited}) {
    const bool ends = kind == ApiFailure::kUnauthorized;
    ScheduleWorld world;
    world.want({"a", "b"});
    world.want_all("demo/other", {repository("c")});
    std::vector<Schedule::Visit> visits;
    for (int i = 0; i < 3; ++i) {
      visits.push_back(world.schedule.next(world.now).value());
      world.now += 500ms;
    }
    world.schedule.ended(
        visits[0],
        {.state = State::kFailed,
         .error = bitbucket_rest::BitbucketError{.kind = kind, .retry_after = 60s}},
        world.now);
    CHECK(visits[1].repository.slug == "b");
    CHECK(world.schedule.may_send(visits[1], world.now) == ends);
    CHECK(world.schedule.may_send(visits[1], world.now + 59s) == ends);
    CHECK(world.schedule.may_send(visits[1], world.now + 60s));
    CHECK(world.schedule.may_send(visits[2], world.now));  // another token
  }
}

TEST_CASE("a success ends what failures before it have cost") {
  SECTION("of the repository") {
    ScheduleWorld world;
    world.want({"bad"});
    world.failures["bad"] = {.kind = ApiFailure::kForbidden};
    CHECK(world.run(4min).size() == 3);
    world.failures.clear();
    CHECK(world.run(6h).size() == 1);  // at 420 s
    world.failures["bad"] = {.kind = ApiFailure::kForbidden};
    CHECK(world.run(5min) == Visits{"22020 demo/bb bad moves", "22080 demo/bb bad moves"});
  }
  SECTION("of the token") {
    ScheduleWorld world;
    world.want({"a"});
    world.failures["a"] = {.kind = ApiFailure::kUnauthorized};
    CHECK(world.run(4min).size() == 3);
    world.failures.clear();
    CHECK(world.run(6h).size() == 1);
    world.failures["a"] = {.kind = ApiFailure::kUnauthorized};
    CHECK(world.run(5min) == Visits{"22020 demo/bb a moves", "22080 demo/bb a moves"});
  }
  SECTION("of the token, by an answer about deliveries") {
    ScheduleWorld world;
    world.tells_of_deliveries = true;
    world.want({"a"});
    (void)world.run(2s);
    world.asking_fails = {.kind = ApiFailure::kUnauthorized};
    CHECK(world.run(5min) == Visits{"300.5? a"});
    world.asking_fails.reset();
    CHECK(world.run(5min) == Visits{"600.5? a"});
    world.asking_fails = {.kind = ApiFailure::kUnauthorized};
    CHECK(world.run(5min) == Visits{"900.5? a"});
    world.want({"a", "b"});
    CHECK(world.run(1min).at(0) == "960.5 demo/bb b moves");
  }
}

TEST_CASE("once a Bitbucket answers again, nothing that waited for it waits any longer") {
  ScheduleWorld world;
  world.want({"a", "b", "c"});
  for (const char* slug : {"a", "b", "c"}) {
    world.failures[slug] = {.kind = ApiFailure::kUnreachable};
  }
  (void)world.run(64min);  // the next retries would be in an hour
  world.failures.clear();
  world.want({"a", "b", "c", "new"});
  CHECK(world.run(2min) == Visits{"3840 demo/bb new moves", "3840.5 demo/bb a moves",
                                  "3841 demo/bb b moves", "3841.5 demo/bb c moves"});
}

TEST_CASE("what fails whenever it is tried is woken once in a pause, however well others do") {
  ScheduleWorld world;
  world.tells_of_deliveries = true;
  world.want(numbers(300));
  (void)world.run(5min);  // from now on something succeeds in each second
  auto slugs = numbers(300);
  slugs.emplace_back("bad");
  world.failures["bad"] = {.kind = ApiFailure::kTimeout};
  world.want(slugs);
  const auto tries = count_of(world.run(10min), "demo/bb bad");
  CHECK(tries >= 4);
  CHECK(tries <= 6);
}

TEST_CASE("a token that one repository refuses is shown to the others") {
  ScheduleWorld world;
  world.want({"bad", "good"});
  world.failures["bad"] = {.kind = ApiFailure::kUnauthorized};
  const Visits visits = world.run(2h);
  CHECK(count_of(visits, "good") == 1);
  CHECK(count_of(visits, "bad") <= 7);
}

TEST_CASE("receivers of one token wait together") {
  ScheduleWorld world;
  world.failures["a"] = {.kind = ApiFailure::kRateLimited, .retry_after = 60s};
  world.want_all("a/bb", {repository("a")}, {.text = "w", .url = "u", .credentials = "shared"});
  world.want_all("b/bb", {repository("b")}, {.text = "w", .url = "u", .credentials = "shared"});
  world.want_all("c/bb", {repository("c")}, {.text = "w", .url = "u", .credentials = "another"});
  CHECK(world.run(30s) == Visits{"0 a/bb a", "0.5 c/bb c"});
  // Another wish does not end the pause.
  world.want_all("b/bb", {repository("b")}, {.text = "w2", .url = "u", .credentials = "shared"});
  CHECK(world.run(29s).empty());
  CHECK(count_of(world.run(10s), "b/bb b") == 1);
}

TEST_CASE("a Bitbucket that answers says nothing about another") {
  ScheduleWorld world;
  const Repository away = repository("away", "https://another.example.com");
  world.want_all("demo/other", {away});
  world.failures["away"] = {.kind = ApiFailure::kUnreachable};
  (void)world.run(4min);  // the next retry is at 420 s
  world.want({"a"});
  CHECK(world.run(4min) == Visits{"240 demo/bb a", "420 demo/other away moves"});
}

TEST_CASE("the end of a visit for what is not wanted any more says nothing") {
  ScheduleWorld world;
  world.want({"a"});
  const auto visit = world.schedule.next(world.now);
  REQUIRE(visit);
  SECTION("another wish") {
    world.want({"a"}, "url", "other events");
    world.schedule.ended(*visit, {}, world.now);
    CHECK(world.count(State::kPending) == 1);
    CHECK(world.run(10s) == Visits{"0.5 demo/bb a"});
  }
  SECTION("another repository") {
    world.want({"b"});
    world.schedule.ended(*visit, {}, world.now);
    CHECK(world.run(10s) == Visits{"0.5 demo/bb b"});
  }
  SECTION("no receiver") {
    world.schedule.forget("demo/bb");
    world.schedule.ended(*visit, {}, world.now);
    CHECK(world.run(24h).empty());
  }
}

TEST_CASE("failed deliveries are asked for every five minutes, once a second, after all else",
          "[single-threaded]") {
  ScheduleWorld world;
  world.tells_of_deliveries = true;
  world.want({"a", "b"});
  CHECK(world.run(5min) == Visits{"0 demo/bb a", "0.5 demo/bb b", "1? a", "2? b"});
  CHECK(world.run(1s).empty());
  CHECK(world.run(5min) == Visits{"301? a", "302? b"});
  world.want({"a", "b", "c"});
  CHECK(world.run(10s) == Visits{"601 demo/bb c moves", "601.5? a", "602.5? c", "603.5? b"});

  SECTION("a round takes as long as it takes") {
    ScheduleWorld large;
    large.tells_of_deliveries = true;
    large.want(numbers(600));
    CHECK(large.run(5min).size() == 600);
    CHECK(large.run(20min).size() == 20 * 60);
  }
  SECTION("of a webhook that waits for its move nobody asks") {
    world.to_be_moved = {"a", "b", "c"};
    world.want({"a", "b", "c"}, "url2");
    CHECK(world.run(59s).empty());
    CHECK(world.run(10s).size() == 6);
  }
  SECTION("one that Bitbucket does not know is looked at once, and asked for in each round") {
    world.asking_fails = {.kind = ApiFailure::kNotFound};
    const Visits visits = world.run(1h);
    CHECK(count_of(visits, "demo/bb") == 3);
    CHECK(count_of(visits, "? a") == 12);
  }
  SECTION("one that is created again is asked for by its new id, at once") {
    world.asking_fails = {.kind = ApiFailure::kNotFound};
    world.webhook = "another webhook ";
    const Visits visits = world.run(5min);
    CHECK(count_of(visits, "? a") == 2);
    CHECK(count_of(visits, "demo/bb a") == 2);  // it does not know that one either
    CHECK(count_of(world.run(1h), "demo/bb a") == 0);
  }
  SECTION("a token that is refused is not shown again meanwhile") {
    world.asking_fails = {.kind = ApiFailure::kUnauthorized};
    CHECK(world.run(7min) == Visits{"901.5? a", "961.5? c"});
  }
  SECTION("any other failure waits for the round") {
    world.asking_fails = {.kind = ApiFailure::kServer};
    CHECK(world.run(5min).size() == 3);
    CHECK(world.run(5min).size() == 3);
  }
  SECTION("what is not wanted any more") {
    const auto visit = world.schedule.next(world.now + 5min);
    REQUIRE(visit);
    CHECK(visit->deliveries_of == "webhook a");
    world.schedule.forget("demo/bb");
    CHECK_FALSE(world.schedule.asked(*visit, {}, world.now));
  }
}

TEST_CASE("a webhook that is left to people is looked at in the round") {
  ScheduleWorld world;
  world.want({"a"});
  const auto visit = world.schedule.next(world.now);
  world.schedule.ended(*visit, {.state = State::kSkipped}, world.now);
  CHECK(world.count(State::kSkipped) == 1);
  CHECK(world.run(7h) == Visits{"21600 demo/bb a moves"});
}

TEST_CASE("how a webhook was seen last is known through failures and other wishes") {
  ScheduleWorld world;
  world.want({"a"});
  const auto seen_before = [&](const Schedule::Outcome& outcome) {
    world.now += 7h;
    const auto visit = world.schedule.next(world.now);
    REQUIRE(visit);
    return world.schedule.ended(*visit, outcome, world.now);
  };
  const Schedule::Outcome fails{
      .state = State::kFailed,
      .error = bitbucket_rest::BitbucketError{.kind = ApiFailure::kForbidden}};
  CHECK(seen_before({.state = State::kSkipped}) == State::kPending);
  CHECK(seen_before(fails) == State::kSkipped);
  world.want({"a"}, "url", "another token");
  CHECK(world.count(State::kPending) == 1);
  CHECK(seen_before({.state = State::kSkipped}) == State::kSkipped);
  CHECK(seen_before({.state = State::kRegistered}) == State::kSkipped);
  CHECK(seen_before({.state = State::kSkipped}) == State::kRegistered);
  world.schedule.begin(world.now);  // another leader may have seen it otherwise
  CHECK(seen_before({.state = State::kSkipped}) == State::kPending);
}

}  // namespace receiver::controllers
