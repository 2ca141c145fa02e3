#include "kube/events.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "clock/clock.h"
#include "test/support/fake_api_server.h"
#include "test/support/simulated_time.h"

namespace receiver::kube {

using namespace std::chrono_literals;
using test::ApiAnswer;
using test::ApiRequest;
using test::FakeApiServer;
using test::refusal;
namespace asio = boost::asio;

namespace {

constexpr std::string_view kEvents = "/apis/events.k8s.io/v1/namespaces/demo/events";

/// A recorder and the API server that it writes to.
class EventsFixture {
 public:
  explicit EventsFixture(FakeApiServer::Handler handler, double per_second = 1000)
      : server(context,
               [this, inner = std::move(handler)](const ApiRequest& request) {
                 times.push_back(clock::Steady::now());
                 return inner(request);
               }),
        client_(server.client(context)),
        recorder(
            *client_,
            {.controller = "example.com/receiver",
             .instance = "pod-1",
             .per_second = per_second,
             .may_write = [this] { return may_write; }},
            log::Logger::to_callback(log::Level::kInfo, log::Format::kConsole,
                                     [this](std::string_view line) { log.emplace_back(line); })) {}

  void start() {
    asio::co_spawn(context, recorder.run(), [this](const std::exception_ptr& failure) {
      CHECK_FALSE(failure);
      ended = true;
    });
  }

  void emit(std::string name, std::string note = "it is missing") {
    recorder.emit({.api_version = "v1",
                   .kind = "Thing",
                   .key = {"demo", std::move(name)},
                   .uid = "u-1",
                   .resource_version = "7"},
                  EventType::kWarning, "Missing", "Look", std::move(note));
  }

  bool run_until(const std::function<bool()>& condition) {
    return time.run_until(context, condition);
  }
  void run_for(std::chrono::milliseconds span) { time.run_for(context, span); }

  test::SimulatedTime time;
  asio::io_context context;
  std::vector<clock::Steady::time_point> times;  ///< for requests
  FakeApiServer server;
  std::vector<std::string> log;
  bool ended = false;
  bool may_write = true;

 private:
  std::unique_ptr<RestClient> client_;

 public:
  EventRecorder recorder;
};

ApiAnswer created(const ApiRequest&) {
  return {201};
}

}  // namespace

TEST_CASE("an Event is created, and its repetition patched") {
  EventsFixture test(created);
  test.start();
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 1; }));
  test.run_for(20ms);
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 2; }));
  const auto& requests = test.server.requests();
  CHECK(requests[0].method == "POST");
  CHECK(requests[0].target == kEvents);
  CHECK(requests[1].method == "PATCH");
  CHECK_THAT(requests[1].target, Catch::StartsWith(std::string(kEvents) + "/a."));
  CHECK_THAT(requests[1].body, Catch::StartsWith(R"({"series":{"count":2,)"));
}

TEST_CASE("what is emitted before the recorder runs is sent when it does") {
  EventsFixture test(created);
  test.emit("a");
  test.start();
  CHECK(test.run_until([&] { return test.server.requests().size() == 1; }));
}

TEST_CASE("writes keep their distance") {
  EventsFixture test(created, 50);
  for (int i = 0; i < 6; ++i) test.emit(std::to_string(i));
  test.start();
  REQUIRE(test.run_until([&] { return test.times.size() == 6; }));
  for (std::size_t i = 1; i < 6; ++i) CHECK(test.times[i] - test.times[i - 1] == 20ms);
}

TEST_CASE("a missing permission drops Events with one line in the log") {
  EventsFixture test([](const ApiRequest&) { return test::missing_permission(); });
  test.start();
  for (int i = 0; i < 3; ++i) test.emit(std::to_string(i));
  REQUIRE(test.run_until([&] { return test.recorder.dropped() == 3; }));
  CHECK(test.server.requests().size() == 3);
  REQUIRE(test.log.size() == 1);
  CHECK_THAT(test.log[0], Catch::Contains("grant create and patch on events.events.k8s.io") &&
                              Catch::Contains("namespace demo"));

  test.run_for(59s);
  test.emit("later");
  REQUIRE(test.run_until([&] { return test.recorder.dropped() == 4; }));
  CHECK(test.log.size() == 1);
  test.run_for(1s);
  test.emit("a minute later");
  REQUIRE(test.run_until([&] { return test.recorder.dropped() == 5; }));
  CHECK(test.log.size() == 2);
}

TEST_CASE("a passing failure is tried again") {
  int failures = 1;
  EventsFixture test(
      [&](const ApiRequest&) { return failures-- > 0 ? refusal(503, "Down") : ApiAnswer{201}; });
  test.start();
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 2; }));
  test.run_for(20ms);
  const auto& requests = test.server.requests();
  CHECK(requests[0].body ==
        requests[1].body);  // the same name: an attempt that did arrive is not reported twice
  CHECK(test.times[1] - test.times[0] == 1s);
  CHECK(test.recorder.dropped() == 0);
}

TEST_CASE("a failure that lasts is given up after five tries, each twice as late as the last") {
  ApiAnswer answer = refusal(503, "Down");
  auto waits = std::vector{1s, 2s, 4s, 8s};
  SECTION("by itself") {}
  SECTION("the API server asks for more patience than there is") {
    answer = {503, R"({"kind":"Status","code":503,"details":{"retryAfterSeconds":60}})"};
    waits.assign(4, 30s);
  }
  EventsFixture test([&](const ApiRequest&) { return answer; });
  test.start();
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.recorder.dropped() == 1; }));
  REQUIRE(test.times.size() == 5);
  for (std::size_t i = 0; i < 4; ++i) CHECK(test.times[i + 1] - test.times[i] == waits[i]);
  test.run_for(5min);
  CHECK(test.times.size() == 5);
}

TEST_CASE("an Event that exists is one whose answer was lost") {
  EventsFixture test([](const ApiRequest& request) {
    return request.method == "POST" ? refusal(409, "AlreadyExists") : ApiAnswer{};
  });
  test.start();
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 1; }));
  test.run_for(20ms);
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 2; }));
  CHECK(test.server.requests()[1].method == "PATCH");
  CHECK(test.recorder.dropped() == 0);
}

TEST_CASE("an Event that the API server has forgotten is created again") {
  EventsFixture test([](const ApiRequest& request) {
    return request.method == "PATCH" ? refusal(404, "NotFound") : ApiAnswer{201};
  });
  test.start();
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 1; }));
  test.run_for(20ms);
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 3; }));
  CHECK(test.server.requests()[2].method == "POST");
  CHECK_THAT(test.server.requests()[2].body, Catch::Contains(R"("series":{"count":2,)"));
}

TEST_CASE("beyond 256 waiting Events the newest are dropped and counted") {
  EventsFixture test(created);
  for (int i = 0; i < 300; ++i) test.emit(std::to_string(i));
  CHECK(test.recorder.dropped() == 44);
  CHECK(test.log.size() == 1);
}

TEST_CASE("whoever may not write for a while says afterwards what has waited") {
  EventsFixture test(created, 20);
  test.start();
  for (int i = 0; i < 5; ++i) test.emit(std::to_string(i));
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 1; }));
  test.may_write = false;
  test.run_for(1min);
  CHECK(test.server.requests().size() == 1);
  test.may_write = true;
  const auto again = clock::Steady::now();
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 2; }));
  CHECK(clock::Steady::now() - again <= 2s);
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 5; }));
  CHECK(test.recorder.dropped() == 0);
}

TEST_CASE("whoever is told that it may not write any more drops what waits, without counting it") {
  EventsFixture test(created, 20);
  test.start();
  for (int i = 0; i < 5; ++i) test.emit(std::to_string(i));
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 1; }));
  if (GENERATE(true, false)) test.may_write = false;
  test.recorder.clear();
  test.run_for(5s);
  test.may_write = true;
  test.run_for(5s);
  CHECK(test.server.requests().size() == 1);
  CHECK(test.recorder.dropped() == 0);
  test.emit("another");
  CHECK(test.run_until([&] { return test.server.requests().size() == 2; }));
}

TEST_CASE("a replica that may no longer write does not create a forgotten Event again") {
  EventRecorder* recorder = nullptr;
  EventsFixture test([&](const ApiRequest& request) {
    if (request.method != "PATCH") return ApiAnswer{201};
    recorder->clear();
    return refusal(404, "NotFound");
  });
  recorder = &test.recorder;
  test.start();
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 1; }));
  test.run_for(20ms);
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 2; }));
  test.run_for(50ms);
  CHECK(test.server.requests().size() == 2);
}

TEST_CASE("whoever may not write any more does not try again what failed") {
  EventsFixture test([](const ApiRequest&) { return refusal(503, "Down"); });
  test.start();
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 1; }));
  SECTION("it finds out before the next try") {
    test.may_write = false;
  }
  SECTION("it is told, before the answer or after it") {
    if (GENERATE(true, false)) test.run_for(20ms);
    test.recorder.clear();
  }
  test.run_for(1min);
  CHECK(test.server.requests().size() == 1);
}

TEST_CASE("the recorder ends when it is stopped, also while it waits to try again") {
  EventsFixture test([](const ApiRequest&) { return refusal(503, "Down"); });
  test.start();
  test.emit("a");
  REQUIRE(test.run_until([&] { return test.server.requests().size() == 1; }));
  test.run_for(20ms);
  test.recorder.stop();
  const auto stopped = clock::Steady::now();
  REQUIRE(test.run_until([&] { return test.ended; }));
  CHECK(clock::Steady::now() == stopped);
  CHECK(test.server.requests().size() == 1);
}

}  // namespace receiver::kube
