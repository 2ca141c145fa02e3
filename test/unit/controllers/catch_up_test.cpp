#include "controllers/catch_up.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "test/support/simulated_time.h"

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;

Target warehouse(const std::string& name) {
  return {TargetKind::kWarehouse, {"team", name}};
}

struct CatchUpFixture {
  explicit CatchUpFixture(CatchUpOptions options = {}, RefresherOptions refresher_options = {})
      : api_server_answers(io, clock::Steady::time_point::max()),
        refresher(
            io.get_executor(),
            [this](Target target, std::string) -> boost::asio::awaitable<kube::ApiResult<void>> {
              patched.push_back(target.key.name);
              boost::system::error_code ignored;
              if (target.key.name == "hangs") {
                co_await api_server_answers.async_wait(
                    boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
              }
              catch_up.refreshed(target);
              co_return kube::ApiResult<void>{};
            },
            refresher_options, log::Logger::none()),
        catch_up(io.get_executor(), refresher,
                 {[this] { return complete; }, [this] { return targets; }}, options,
                 log::Logger::to_callback(
                     log::Level::kInfo, log::Format::kConsole,
                     [this](std::string_view line) { log.append(line).append("\n"); })) {}

  void run() {
    boost::asio::co_spawn(io, catch_up.run(), [this](const std::exception_ptr&) { ended = true; });
    run_until_ended();
  }
  void run_until_ended() {
    run_until([this] { return ended; });
  }
  template <typename Condition>
  void run_until(Condition condition) {
    REQUIRE(time.run_until(io, condition));
  }

  test::SimulatedTime time;
  std::string log;
  boost::asio::io_context io;
  bool complete = true;
  bool ended = false;
  std::vector<Target> targets;
  std::vector<std::string> patched;
  boost::asio::steady_timer api_server_answers;
  Refresher refresher;
  CatchUp catch_up;
};

}  // namespace

TEST_CASE("deliveries may be lost when the Lease expired, or lay free for a minute") {
  const clock::Wall::time_point now{std::chrono::hours(500'000)};
  struct Case {
    const char* what;
    kube::Acquisition acquisition;
    bool lost;
  };
  const std::vector<Case> cases = {
      {"no Lease yet", {false, false, false, std::nullopt}, false},
      {"given back just now", {true, true, false, now - std::chrono::seconds(5)}, false},
      {"given back long ago", {true, true, false, now - std::chrono::seconds(61)}, true},
      {"held and expired", {true, false, false, now - std::chrono::seconds(16)}, true},
      {"its own, lost for a while", {true, false, true, now - std::chrono::hours(1)}, false},
      {"a renewTime that cannot be read", {true, true, false, std::nullopt}, true},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    CHECK(deliveries_may_be_lost(c.acquisition, now) == c.lost);
  }
}

TEST_CASE("every object that a receiver reaches is refreshed once") {
  CatchUpFixture f;
  f.targets = {warehouse("a"), warehouse("b"), warehouse("a")};
  const auto begun = clock::Steady::now();
  f.run();
  CHECK(clock::Steady::now() - begun == 2 * 50ms);
  CHECK(f.patched == std::vector<std::string>{"a", "b"});
  CHECK(f.catch_up.counters().refreshed == 2);
}

TEST_CASE("an object refreshed meanwhile is skipped, which each run counts by itself") {
  CatchUpFixture f;
  f.targets = {warehouse("a"), warehouse("b")};
  for (unsigned run = 1; run <= 2; ++run) {
    f.ended = false;
    f.log.clear();
    boost::asio::co_spawn(f.io, f.catch_up.run(),
                          [&](const std::exception_ptr&) { f.ended = true; });
    f.run_until([&] { return f.catch_up.counters().refreshed == run; });
    f.catch_up.refreshed(warehouse("b"));
    f.run_until_ended();
    CHECK(f.catch_up.counters().skipped == run);
    CHECK_THAT(f.log,
               Catch::Contains("caught up refreshed=1 refreshed_meanwhile=1 left_to_polling=0\n"));
  }
  CHECK(f.patched == std::vector<std::string>{"a", "a"});
}

TEST_CASE("what the refresher has no room for is tried again, and not counted meanwhile") {
  CatchUpFixture f({}, {.objects_waiting = 1});
  boost::asio::co_spawn(f.io, f.refresher.refresh({warehouse("hangs")}, clock::Steady::now()),
                        [](const std::exception_ptr&, const RefreshOutcome&) {});
  f.run_until([&] { return !f.patched.empty(); });
  f.targets = {warehouse("a")};
  boost::asio::co_spawn(f.io, f.catch_up.run(), [&](const std::exception_ptr&) { f.ended = true; });
  f.run_until([&] { return f.catch_up.counters().runs > 0; });
  f.time.run_for(f.io, 5s);
  CHECK(f.catch_up.counters().refreshed == 0);

  f.api_server_answers.cancel();
  const auto begun = clock::Steady::now();
  f.run_until_ended();
  CHECK(clock::Steady::now() - begun <= 200ms + 50ms);
  CHECK(f.patched == std::vector<std::string>{"hangs", "a"});
  CHECK(f.catch_up.counters().refreshed == 1);
}

TEST_CASE("what never becomes known does not keep the rest from being refreshed") {
  CatchUpFixture f;
  f.targets = {warehouse("a")};
  f.complete = false;
  boost::asio::co_spawn(f.io, f.catch_up.run(), [&](const std::exception_ptr&) { f.ended = true; });
  f.time.run_for(f.io, 1min - 1ms);
  CHECK(f.patched.empty());
  f.time.run_for(f.io, 1ms);
  CHECK(f.patched == std::vector<std::string>{"a"});
  f.run_until_ended();
  CHECK(f.patched == std::vector<std::string>{"a"});
}

TEST_CASE("at its bound what is left is counted, and left to polling") {
  CatchUpOptions options;
  options.longest = 0ms;
  CatchUpFixture f(options);
  f.targets = {warehouse("a")};
  f.run();
  CHECK(f.patched.empty());
  CHECK(f.catch_up.counters().left == 1);
  CHECK_THAT(f.log, Catch::Contains("caught up") && Catch::Contains("left_to_polling=1"));
  f.catch_up.stop();
  CHECK_FALSE(f.catch_up.owed());
}

TEST_CASE("what a stopped replica has not caught up with is owed") {
  CatchUpOptions options;
  options.interval = 5000ms;
  CatchUpFixture f(options);
  f.targets = {warehouse("a"), warehouse("b")};

  SECTION("cut off") {
    boost::asio::co_spawn(f.io, f.catch_up.run(),
                          [&](const std::exception_ptr&) { f.ended = true; });
    f.run_until([&] { return f.catch_up.counters().refreshed > 0; });
    CHECK_FALSE(f.catch_up.owed());
    f.catch_up.stop();
    CHECK(f.catch_up.owed());
    f.run_until_ended();
    CHECK(f.catch_up.owed());
    CHECK(f.patched == std::vector<std::string>{"a"});
    CHECK(f.catch_up.counters().left == 0);
    CHECK_THAT(f.log, Catch::Contains("left_to_the_next_leader=1") && !Catch::Contains("polling"));
  }
  SECTION("waiting for what is not known yet") {
    f.complete = false;
    boost::asio::co_spawn(f.io, f.catch_up.run(),
                          [&](const std::exception_ptr&) { f.ended = true; });
    f.time.run_for(f.io, 10ms);
    f.catch_up.stop();
    f.run_until_ended();
    CHECK(f.catch_up.owed());
    CHECK(f.patched.empty());
  }
  SECTION("asked for afterwards") {
    f.catch_up.stop();
    CHECK_FALSE(f.catch_up.owed());
    f.run();
    CHECK(f.catch_up.owed());
    CHECK(f.patched.empty());
  }
}

}  // namespace receiver::controllers
