#include "controllers/refresher.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "test/support/simulated_time.h"

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using clock::Steady;
using Kind = kube::ApiError::Kind;

Target project_warehouse(std::string name) {
  return {TargetKind::kWarehouse, {"project", std::move(name)}};
}

std::vector<Target> warehouses(const std::vector<std::string>& names) {
  std::vector<Target> targets;
  for (const auto& name : names) targets.push_back(project_warehouse(name));
  return targets;
}

kube::ApiResult<void> failed(Kind kind, unsigned status, std::string message) {
  const bool has_status = status != 0;  // from the API server itself
  return tl::unexpected(
      kube::ApiError{kind, status, "", std::move(message), std::nullopt, has_status});
}

asio::awaitable<void> pause(Steady::duration duration) {
  clock::Timer timer(co_await asio::this_coro::executor, duration);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

/// Replaces the API server; on one thread, as the refresher requires.
struct FakeApi {
  struct Started {
    Target target;
    std::string token;
    Steady::time_point at;
  };

  /// Answers to PATCHes of an object: the next of the script, then success.
  std::map<std::string, std::vector<kube::ApiResult<void>>> script;
  Steady::duration takes{0};
  bool held = false;  ///< no PATCH is answered
  std::vector<Started> started;
  std::size_t in_flight = 0;
  std::size_t most_in_flight = 0;

  asio::awaitable<kube::ApiResult<void>> patch(Target target, std::string token) {
    started.push_back({target, token, Steady::now()});
    most_in_flight = std::max(most_in_flight, ++in_flight);
    if (takes.count() > 0) co_await pause(takes);
    while (held) co_await pause(1ms);
    --in_flight;
    kube::ApiResult<void> result;
    if (auto& answers = script[target.key.name]; !answers.empty()) {
      result = answers.front();
      answers.erase(answers.begin());
    }
    co_return result;
  }

  Refresher::Patch as_patch() {
    return [this](Target target, std::string token) {
      return patch(std::move(target), std::move(token));
    };
  }
};

struct RefresherFixture {
  std::optional<test::SimulatedTime> time{std::in_place};
  asio::io_context callers;  // for tests that do not call on the refresher's own thread
  asio::io_context io;
  std::mutex lines_mutex;
  std::vector<std::string> lines;
  log::Logger logger =
      log::Logger::to_callback(log::Level::kInfo, log::Format::kConsole, [this](auto line) {
        const std::lock_guard lock(lines_mutex);
        lines.emplace_back(line);
      });
  FakeApi api;
  std::optional<Refresher> refresher;

  void make(RefresherOptions options = {}) {
    refresher.emplace(io.get_executor(), api.as_patch(), options, logger);
  }

  template <typename T>
  T run(asio::awaitable<T> work) {
    std::optional<T> result;
    asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& error, T value) {
      if (error) std::rethrow_exception(error);
      result = std::move(value);
    });
    run_until([&] { return result.has_value(); });
    return *result;
  }

  template <typename Condition>
  void run_until(Condition condition) {
    REQUIRE(time->run_until(io, condition));
  }

  RefreshOutcome refresh(const std::vector<std::string>& names, Steady::duration patience = 10s) {
    return run(refresher->refresh(warehouses(names), Steady::now() + patience));
  }

  [[nodiscard]] std::string log() const {
    std::string all;
    for (const auto& line : lines) all += line + "\n";
    return all;
  }
};

}  // namespace

TEST_CASE_METHOD(RefresherFixture, "all targets are patched, each with a token of its own") {
  make();
  const auto outcome = refresh({"a", "b", "c"});
  CHECK(outcome.applied == 3);
  CHECK(outcome.queued + outcome.refused == 0);
  CHECK_FALSE(outcome.overloaded);
  REQUIRE(api.started.size() == 3);
  CHECK(api.started[0].token < api.started[1].token);
  CHECK(api.started[1].token < api.started[2].token);
  CHECK(clock::parse_rfc3339(api.started[0].token));
  CHECK(refresher->counters().warehouses.applied == 3);
  CHECK(refresher->counters().objects_current == 0);
  CHECK(refresher->counters().patches_current == 0);
}

TEST_CASE("tokens increase even when the wall clock stands still or goes back") {
  TokenSource tokens;
  const auto noon = *clock::parse_rfc3339("2026-01-02T12:00:00Z");
  CHECK(tokens.next(noon) == "2026-01-02T12:00:00.000000000Z");
  CHECK(tokens.next(noon) == "2026-01-02T12:00:00.000000001Z");
  CHECK(tokens.next(noon - 1h) == "2026-01-02T12:00:00.000000002Z");
  CHECK(tokens.next(noon + 1s) == "2026-01-02T12:00:01.000000000Z");
}

TEST_CASE_METHOD(RefresherFixture,
                 "nothing to refresh is done at once, and a target named twice counts once") {
  make();
  CHECK(refresh({}).applied == 0);
  CHECK(refresh({"a", "b", "a"}).applied == 2);
  CHECK(api.started.size() == 2);
}

TEST_CASE_METHOD(RefresherFixture, "what is gone counts as applied, what is refused does not") {
  make();
  api.script["gone"] = {
      tl::unexpected(kube::ApiError{Kind::kNotFound, 404, "NotFound", "not found", std::nullopt})};
  api.script["bad"] = {failed(Kind::kInvalid, 422, "annotations are too long")};
  const auto outcome = refresh({"fine", "gone", "bad"});
  CHECK(outcome.applied == 2);
  CHECK(outcome.refused == 1);
  CHECK(outcome.queued == 0);
  REQUIRE(lines.size() == 1);
  CHECK_THAT(log(), Catch::Contains("project/bad") && Catch::Contains("annotations are too long") &&
                        Catch::Contains("422"));
  CHECK(refresher->counters().warehouses.gone == 1);
  CHECK(refresher->counters().warehouses.refused == 1);
}

TEST_CASE_METHOD(RefresherFixture, "a 403 that lasts names the missing permission") {
  make();
  for (int i = 0; i < 1000; ++i) {
    api.script["a"].push_back(
        failed(Kind::kForbidden, 403, "a is forbidden: User \"x\" cannot patch resource"));
  }
  const auto began = Steady::now();
  CHECK(refresh({"a"}, 30min).refused == 1);
  CHECK(Steady::now() - began >= 10min);
  CHECK(Steady::now() - began <= 10min + 30s);
  CHECK(api.started.size() > 1);
  CHECK_THAT(lines.back(),
             Catch::Contains("verb=patch") && Catch::Contains("warehouses.kargo.akuity.io") &&
                 Catch::Contains("namespace=project") && Catch::Contains("cannot patch"));
}

TEST_CASE_METHOD(RefresherFixture, "a 403 of an admission webhook is not told as a permission") {
  make();
  for (int i = 0; i < 1000; ++i) {
    api.script["a"].push_back(
        failed(Kind::kForbidden, 403, "admission webhook \"guard\" denied the request"));
  }
  CHECK(refresh({"a"}, 30min).refused == 1);
  CHECK_THAT(lines.back(), Catch::Contains("rejected by the API server") &&
                               Catch::Contains("denied the request") &&
                               !Catch::Contains("permission"));
}

TEST_CASE_METHOD(RefresherFixture,
                 "a failure is retried in time, and the log has one line about it") {
  make();
  api.script["a"] = {failed(Kind::kUnreachable, 0, "connection refused"),
                     failed(Kind::kServer, 500, "etcd is away"),
                     failed(Kind::kConflict, 409, "try again")};
  CHECK(refresh({"a", "b"}).applied == 2);
  CHECK(refresher->counters().warehouses.retried == 3);
  REQUIRE_FALSE(lines.empty());
  CHECK_THAT(lines.front(), Catch::Contains("project/a") && Catch::Contains("connection refused"));
  CHECK(lines.size() <= 3);
}

TEST_CASE_METHOD(RefresherFixture, "a retry that is due before all others is not late") {
  make();
  api.script["patient"] = {
      tl::unexpected(kube::ApiError{Kind::kThrottled, 429, "", "slow down", 10min})};
  CHECK(refresh({"patient"}, 20ms).queued == 1);
  api.script["a"] = {failed(Kind::kServer, 500, "etcd is away")};
  const auto began = Steady::now();
  CHECK(refresh({"a"}).applied == 1);
  CHECK(Steady::now() - began >= 100ms);
  CHECK(Steady::now() - began <= 200ms);
}

TEST_CASE_METHOD(RefresherFixture,
                 "an answer of the API server to another request ends waits for the server") {
  make({.first_backoff = 10min, .longest_backoff = 10min});
  api.script["a"] = {failed(Kind::kUnreachable, 0, "connection refused")};
  CHECK(refresh({"a"}, 20ms).queued == 1);
  refresher->server_is_back();
  CHECK(refresh({"a"}).applied == 1);
}

TEST_CASE_METHOD(RefresherFixture, "at the deadline the caller goes and the targets stay") {
  make();
  api.held = true;
  const auto began = Steady::now();
  const auto outcome = refresh({"a", "b"}, 20ms);
  CHECK(outcome.queued == 2);
  CHECK(outcome.applied == 0);
  CHECK_FALSE(outcome.overloaded);
  CHECK(Steady::now() - began == 20ms);
  api.held = false;
  CHECK(run(refresher->drain(Steady::now() + 10s)) == 0);
  CHECK(refresher->counters().warehouses.applied == 2);
}

TEST_CASE_METHOD(RefresherFixture, "a deadline that has passed already still queues") {
  make();
  api.held = true;
  const auto outcome = refresh({"a"}, -1s);
  CHECK(outcome.queued == 1);
  api.held = false;
  CHECK(run(refresher->drain(Steady::now() + 10s)) == 0);
  CHECK(api.started.size() == 1);
}

TEST_CASE_METHOD(RefresherFixture, "a caller that has gone is not woken at the end") {
  make();
  api.held = true;
  std::optional<RefreshOutcome> outcome;
  asio::co_spawn(callers, refresher->refresh(warehouses({"a"}), Steady::now() - 1s),
                 [&](const std::exception_ptr&, RefreshOutcome value) { outcome = value; });
  const auto poll = [](asio::io_context& context) {
    context.restart();
    return context.poll();
  };
  poll(callers);
  poll(io);
  poll(callers);
  REQUIRE(outcome);
  CHECK(outcome->queued == 1);
  poll(io);
  refresher.reset();
  poll(io);
  CHECK(poll(callers) == 0);
}

TEST_CASE_METHOD(RefresherFixture, "above the bound nothing is taken") {
  make({.objects_waiting = 2});
  const auto outcome = refresh({"a", "b", "c"});
  CHECK(outcome.overloaded);
  CHECK(outcome.applied + outcome.queued + outcome.refused == 0);
  CHECK(api.started.empty());
  CHECK(refresher->counters().overloaded == 1);
  CHECK(refresh({"a", "b"}).applied == 2);
}

TEST_CASE_METHOD(RefresherFixture,
                 "draining tries at once what backs off, and names what is lost") {
  make({.first_backoff = 10min, .longest_backoff = 10min});
  api.script["a"] = {failed(Kind::kServer, 500, "away")};
  api.script["lost"] = {failed(Kind::kServer, 500, "away"), failed(Kind::kServer, 500, "away")};
  CHECK(refresh({"a", "lost"}, 200ms).queued == 2);
  lines.clear();
  CHECK(run(refresher->drain(Steady::now() + 500ms)) == 1);
  CHECK(refresher->counters().warehouses.applied == 1);
  REQUIRE(lines.size() == 1);
  CHECK_THAT(log(), Catch::Contains("ERROR") && Catch::Contains("project/lost"));
}

TEST_CASE_METHOD(RefresherFixture,
                 "after a drain whoever still waits is told, and nothing more is sent") {
  make();
  api.held = true;
  std::optional<RefreshOutcome> outcome;
  asio::co_spawn(io, refresher->refresh(warehouses({"a"}), Steady::now() + 10min),
                 [&](const std::exception_ptr&, RefreshOutcome value) { outcome = value; });
  run_until([this] { return !api.started.empty(); });
  CHECK(run(refresher->drain(Steady::now() + 20ms)) == 1);

  run_until([&] { return outcome.has_value(); });
  CHECK(outcome->queued == 1);
  CHECK(refresh({"b"}).overloaded);
  api.held = false;
  time->run_for(io, 1min);
  CHECK(api.started.size() == 1);
}

TEST_CASE_METHOD(RefresherFixture, "a drain ends with the last PATCH, not at its deadline") {
  make();
  api.held = true;
  CHECK(refresh({"a", "b"}, 20ms).queued == 2);
  asio::post(io, [this] { api.held = false; });
  const auto began = Steady::now();
  CHECK(run(refresher->drain(began + 10s)) == 0);
  CHECK(Steady::now() - began <= 1ms);
}

TEST_CASE_METHOD(RefresherFixture,
                 "before connections are closed all calls return, and the targets stay queued") {
  make();
  api.held = true;
  std::optional<RefreshOutcome> outcome;
  const auto began = Steady::now();
  asio::co_spawn(io, refresher->refresh(warehouses({"a", "b"}), began + 10min),
                 [&](const std::exception_ptr&, RefreshOutcome value) { outcome = value; });
  run_until([this] { return !api.started.empty(); });

  refresher->answer_by(began + 20ms);
  run_until([&] { return outcome.has_value(); });
  CHECK(outcome->queued == 2);
  CHECK_FALSE(outcome->overloaded);
  CHECK(Steady::now() - began == 20ms);

  const auto later = refresh({"b", "c"}, 10s);
  CHECK(later.queued == 2);
  CHECK(Steady::now() - began == 20ms);
  api.held = false;
  CHECK(run(refresher->drain(Steady::now() + 10s)) == 0);
  CHECK(refresher->counters().warehouses.applied ==
        4);  // b was in flight when it was requested again
}

TEST_CASE_METHOD(RefresherFixture, "after a drain nothing is left that its thread would wait for") {
  make({.first_backoff = 10min, .longest_backoff = 10min});
  refresher->answer_by(Steady::now() + 10min);
  api.script["lost"] = {failed(Kind::kServer, 500, "away"), failed(Kind::kServer, 500, "away")};
  CHECK(refresh({"lost"}, 200ms).queued == 1);
  CHECK(run(refresher->drain(Steady::now() + 500ms)) == 1);
  io.restart();
  io.poll();
  CHECK(io.stopped());
}

TEST_CASE_METHOD(RefresherFixture, "with nothing queued draining ends at once") {
  make();
  const auto began = Steady::now();
  CHECK(run(refresher->drain(began + 10s)) == 0);
  CHECK(Steady::now() == began);
}

TEST_CASE_METHOD(RefresherFixture,
                 "a closed client ends the drain, and later deliveries are turned away") {
  make();
  api.script["a"] = {failed(Kind::kClosed, 0, "closed")};
  CHECK(refresh({"a"}, 10ms).queued == 1);
  CHECK(run(refresher->drain(Steady::now() + 10s)) == 1);
  CHECK(refresh({"b"}).overloaded);
}

TEST_CASE_METHOD(RefresherFixture, "a refresher that goes wakes those who wait") {
  make();
  api.takes = 30ms;
  std::optional<RefreshOutcome> outcome;
  asio::co_spawn(io, refresher->refresh(warehouses({"a"}), Steady::now() + 10min),
                 [&](const std::exception_ptr&, RefreshOutcome value) { outcome = value; });
  run_until([this] { return !api.started.empty(); });
  refresher.reset();
  run_until([&] { return outcome.has_value(); });
  CHECK(outcome->queued == 1);
}

TEST_CASE_METHOD(RefresherFixture, "a refresher that has gone takes nothing") {
  make();
  auto call = refresher->refresh(warehouses({"a"}), Steady::now() + 10s);
  refresher.reset();
  io.poll();
  const RefreshOutcome outcome = run(std::move(call));
  CHECK(outcome.overloaded);
  CHECK(outcome.queued == 0);
}

TEST_CASE("a call that waits keeps nothing of the refresher, whose context goes first") {
  asio::io_context callers;
  std::weak_ptr<int> kept;
  std::optional<RefreshOutcome> outcome;
  {
    asio::io_context io;
    const auto used = std::make_shared<int>();
    kept = used;
    Refresher refresher(
        io.get_executor(),
        [used](const Target&, const std::string&) -> asio::awaitable<kube::ApiResult<void>> {
          co_await pause(10min);
          co_return kube::ApiResult<void>{};
        },
        {}, log::Logger::to_stderr(log::Level::kError, log::Format::kConsole));
    asio::co_spawn(callers, refresher.refresh(warehouses({"a"}), Steady::now() + 10min),
                   [&](const std::exception_ptr&, RefreshOutcome value) { outcome = value; });
    callers.poll();
    io.poll();
  }
  CHECK(kept.expired());
  CHECK_FALSE(outcome);
}

TEST_CASE_METHOD(RefresherFixture, "targets that nobody has taken are never called queued") {
  make();
  std::optional<RefreshOutcome> outcome;
  const auto began = Steady::now();
  asio::co_spawn(callers, refresher->refresh(warehouses({"a"}), began + 2s),
                 [&](const std::exception_ptr&, RefreshOutcome value) { outcome = value; });
  // And io does not run.
  REQUIRE(time->run_until(callers, [&] { return outcome.has_value(); }));
  CHECK(Steady::now() - began == 2s + 1s);
  CHECK(outcome->overloaded);
  CHECK(outcome->queued == 0);
}

TEST_CASE_METHOD(RefresherFixture,
                 "callers on many threads: each is served by PATCHes after its call") {
  constexpr std::size_t kThreads = 3;
  constexpr int kCallersPerThread = 20;
  constexpr int kRounds = 15;
  time.reset();
  make({.patches_in_flight = 4, .first_backoff = 1ms, .longest_backoff = 5ms});
  api.takes = 300us;
  const std::vector<std::string> names{"a", "b", "c", "d", "e", "f"};
  for (const auto& name : names) {
    for (int i = 0; i < 10; ++i) {
      api.script[name].push_back(failed(Kind::kServer, 503, "busy"));
      api.script[name].emplace_back();
    }
  }

  struct Acknowledged {
    Steady::time_point called, answered;
    std::vector<Target> targets;
  };
  std::mutex mutex;
  std::vector<Acknowledged> acknowledged;

  auto guard = asio::make_work_guard(io);
  std::thread api_thread([&] { io.run(); });
  {
    std::vector<std::thread> threads;
    const auto caller = [&](int number) -> asio::awaitable<void> {
      for (int round = 0; round < kRounds; ++round) {
        const auto first = static_cast<std::size_t>(number + round) % names.size();
        const auto targets = warehouses({names[first], names[(first + 1) % names.size()]});
        const auto called = Steady::now();
        const RefreshOutcome outcome = co_await refresher->refresh(targets, called + 30s);
        const std::lock_guard lock(mutex);
        if (outcome.applied == targets.size()) {
          acknowledged.push_back({called, Steady::now(), targets});
        }
      }
    };
    for (int i = 0; i < static_cast<int>(kThreads) * kCallersPerThread; ++i) {
      asio::co_spawn(asio::make_strand(callers), caller(i), asio::detached);
    }
    for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back([&] { callers.run(); });
    for (auto& thread : threads) thread.join();
  }
  guard.reset();
  api_thread.join();

  CHECK(acknowledged.size() == kThreads * kCallersPerThread * kRounds);
  CHECK(api.most_in_flight <= 4);
  CHECK(refresher->counters().coalesced > 0);
  CHECK(refresher->counters().warehouses.retried == 60);
  CHECK(refresher->counters().objects_current == 0);
  for (const auto& delivery : acknowledged) {
    for (const Target& target : delivery.targets) {
      const bool applied =
          std::any_of(api.started.begin(), api.started.end(), [&](const FakeApi::Started& patch) {
            return patch.target == target && patch.at >= delivery.called &&
                   patch.at <= delivery.answered;
          });
      REQUIRE(applied);
    }
  }
}

}  // namespace receiver::controllers
