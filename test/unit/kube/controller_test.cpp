#include "kube/controller.h"

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "test/support/simulated_time.h"

namespace receiver::kube {

using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

constexpr ReconcileResult kDone{};
constexpr ReconcileResult kRetry{.outcome = ReconcileResult::Outcome::kRetry, .requeue_after = {}};

asio::awaitable<void> pause(std::chrono::milliseconds time) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  clock::Timer timer(executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

/// A controller on its own io_context, whose reconciles call a function of the test.
class ControllerFixture {
 public:
  using Body = std::function<ReconcileResult(const ObjectKey&)>;

  explicit ControllerFixture(int workers, Body body, std::chrono::milliseconds work = 0ms)
      : body_(std::move(body)),
        controller(
            context.get_executor(), "test", workers,
            [this, work](ObjectKey key) -> asio::awaitable<ReconcileResult> {
              return reconcile(std::move(key), work);
            },
            log::Logger::to_callback(
                log::Level::kInfo, log::Format::kConsole,
                [this](std::string_view line) { log.append(line).append("\n"); }),
            [this](const Reconciled& one) { reconciled.push_back(one); }) {}

  /// Runs until the controller has stopped.
  void run() {
    bool ended = false;
    asio::co_spawn(context, controller.run(), [&](const std::exception_ptr&) { ended = true; });
    REQUIRE(time.run_until(context, [&] { return ended; }));
  }

 private:
  asio::awaitable<ReconcileResult> reconcile(ObjectKey key, std::chrono::milliseconds work) {
    started.push_back(key.name);
    if (during_first) std::exchange(during_first, nullptr)();
    most_at_once = std::max(most_at_once, ++at_once);
    most_for_one_key = std::max(most_for_one_key, ++by_key_[key.name]);
    if (work > 0ms) co_await pause(work);
    --at_once;
    --by_key_[key.name];
    co_return body_(key);
  }

  Body body_;
  std::map<std::string, int> by_key_;

 public:
  test::SimulatedTime time;
  asio::io_context context;
  std::string log;
  std::vector<std::string> started;
  std::vector<Reconciled> reconciled;
  int at_once = 0;
  int most_at_once = 0;
  int most_for_one_key = 0;
  std::function<void()> during_first;  ///< called while the first reconcile is in progress
  Controller controller;
};

}  // namespace

TEST_CASE("every key is reconciled, by at most as many workers as there are") {
  int left = 20;
  ControllerFixture* fixture = nullptr;
  ControllerFixture test(
      3,
      [&](const ObjectKey&) {
        if (--left == 0) fixture->controller.stop();
        return kDone;
      },
      1ms);
  fixture = &test;
  for (int i = 0; i < 20; ++i) test.controller.enqueue({"ns", std::to_string(i)});
  test.run();
  CHECK(test.started.size() == 20);
  CHECK(test.most_at_once == 3);
}

TEST_CASE("one key never has two workers, and what is added meanwhile is not lost") {
  ControllerFixture* fixture = nullptr;
  ControllerFixture test(
      4,
      [&](const ObjectKey&) {
        if (fixture->started.size() == 2) fixture->controller.stop();
        return kDone;
      },
      20ms);
  fixture = &test;
  test.controller.enqueue({"ns", "a"});
  test.during_first = [&] {
    test.controller.enqueue({"ns", "a"});
    test.controller.enqueue({"ns", "a"});
  };
  test.run();
  CHECK(test.started.size() == 2);
  CHECK(test.most_for_one_key == 1);
}

TEST_CASE("a reconcile that asks for it is retried with backoff until it succeeds") {
  ControllerFixture* fixture = nullptr;
  ControllerFixture test(1, [&](const ObjectKey&) {
    if (fixture->started.size() < 4) return kRetry;
    fixture->controller.stop();
    return kDone;
  });
  fixture = &test;
  const auto begin = clock::Steady::now();
  test.controller.enqueue({"ns", "a"});
  test.run();
  CHECK(test.started.size() == 4);
  CHECK(clock::Steady::now() - begin == 5ms + 10ms + 20ms);
  CHECK(test.controller.queue().retries() == 3);
  CHECK(test.controller.queue().failing() == 0);
}

TEST_CASE("a reconcile that keeps failing is retried as often as it is wanted again anyway") {
  ControllerFixture* fixture = nullptr;
  ControllerFixture test(1, [&](const ObjectKey&) {
    if (fixture->started.size() == 20) fixture->controller.stop();
    return ReconcileResult{.outcome = ReconcileResult::Outcome::kRetry, .requeue_after = 10ms};
  });
  fixture = &test;
  const auto begin = clock::Steady::now();
  test.controller.enqueue({"ns", "a"});
  test.run();
  CHECK(test.started.size() == 20);
  CHECK(clock::Steady::now() - begin == 5ms + 18 * 10ms);
}

TEST_CASE("a reconcile that was asked for patience is retried no sooner") {
  ControllerFixture* fixture = nullptr;
  ControllerFixture test(1, [&](const ObjectKey&) {
    if (fixture->started.size() == 2) fixture->controller.stop();
    return ReconcileResult{
        .outcome = ReconcileResult::Outcome::kRetry, .requeue_after = 10ms, .retry_after = 100ms};
  });
  fixture = &test;
  const auto begin = clock::Steady::now();
  test.controller.enqueue({"ns", "a"});
  test.run();
  CHECK(clock::Steady::now() - begin == 100ms);
}

TEST_CASE("a reconcile that throws is logged with its object and retried, and others go on") {
  ControllerFixture* fixture = nullptr;
  ControllerFixture test(1, [&](const ObjectKey& key) -> ReconcileResult {
    if (key.name == "bad" && fixture->started.size() == 1) throw std::runtime_error("no such luck");
    if (fixture->started.size() == 3) fixture->controller.stop();
    return kDone;
  });
  fixture = &test;
  test.controller.enqueue({"ns", "bad"});
  test.controller.enqueue({"ns", "good"});
  test.run();
  CHECK(test.started == std::vector<std::string>{"bad", "good", "bad"});
  CHECK_THAT(test.log, Catch::Contains("object=ns/bad") && Catch::Contains("no such luck"));
}

TEST_CASE("a reconcile may ask to be called again later") {
  ControllerFixture* fixture = nullptr;
  ControllerFixture test(1, [&](const ObjectKey&) {
    if (fixture->started.size() == 2) fixture->controller.stop();
    return ReconcileResult{.outcome = ReconcileResult::Outcome::kDone, .requeue_after = 30ms};
  });
  fixture = &test;
  const auto begin = clock::Steady::now();
  test.controller.enqueue({"ns", "a"});
  test.run();
  CHECK(clock::Steady::now() - begin == 30ms);
}

TEST_CASE("a key added with a delay is reconciled after it, and before a longer one") {
  ControllerFixture* fixture = nullptr;
  ControllerFixture test(2, [&](const ObjectKey&) {
    if (fixture->started.size() == 2) fixture->controller.stop();
    return kDone;
  });
  fixture = &test;
  const auto begin = clock::Steady::now();
  test.controller.enqueue_after({"ns", "late"}, 40ms);
  test.controller.enqueue_after({"ns", "soon"}, 20ms);
  test.run();
  CHECK(test.started == std::vector<std::string>{"soon", "late"});
  CHECK(clock::Steady::now() - begin == 40ms);
}

TEST_CASE("stopping waits for the reconciles in progress and begins no other") {
  bool finished = false;
  ControllerFixture test(
      1,
      [&](const ObjectKey&) {
        finished = true;
        return kDone;
      },
      30ms);
  test.controller.enqueue({"ns", "a"});
  test.controller.enqueue({"ns", "b"});
  test.during_first = [&] {
    test.controller.stop();
    test.controller.enqueue({"ns", "c"});
  };
  test.run();
  CHECK(finished);
  CHECK(test.started == std::vector<std::string>{"a"});
}

TEST_CASE("every reconcile that has ended is observed, with its result and times") {
  ControllerFixture* fixture = nullptr;
  ControllerFixture test(
      1,
      [&](const ObjectKey&) {
        if (fixture->started.size() == 1) return kRetry;
        if (fixture->started.size() == 2) {
          return ReconcileResult{.outcome = {}, .requeue_after = 1h};
        }
        fixture->controller.stop();
        return kDone;
      },
      5ms);
  fixture = &test;
  test.controller.enqueue({"ns", "a"});
  test.controller.enqueue_after({"ns", "b"}, 30ms);
  test.run();
  REQUIRE(test.reconciled.size() == 3);
  CHECK(test.reconciled[0].result == "error");
  CHECK(test.reconciled[1].result == "requeue_after");
  CHECK(test.reconciled[2].result == "success");
  for (const Reconciled& one : test.reconciled) CHECK(one.worked == 5ms);
  CHECK(test.reconciled[0].waited == 0ms);
}

TEST_CASE("an idle controller does nothing but wait") {
  ControllerFixture test(2, [](const ObjectKey&) { return kDone; });
  asio::co_spawn(test.context, test.controller.run(), asio::detached);
  while (test.context.poll() > 0) continue;  // until it waits
  CHECK(test.context.run_for(20ms) == 0);
  test.controller.stop();
  test.context.restart();
  test.context.run_for(1s);
}

}  // namespace receiver::kube
