#include "kube/recovery.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "kube/reflector.h"
#include "test/support/fake_api_server.h"
#include "test/support/simulated_time.h"

namespace receiver::kube {
namespace {

using namespace std::chrono_literals;
using test::FakeApiServer;
using Exchange = FakeApiServer::ExchangePtr;

/// Accepts everything from a reflector.
struct NoSink : ObjectSink {
  void begin_replace() override {}
  tl::expected<void, std::string> add_listed(const ObjectMeta& /*meta*/,
                                             const rapidjson::Value& /*object*/) override {
    return {};
  }
  void keep_listed(const ObjectKey& /*key*/) override {}
  void end_replace() override {}
  void abort_replace() override {}
  tl::expected<void, std::string> upsert(const ObjectMeta& /*meta*/,
                                         const rapidjson::Value& /*object*/) override {
    return {};
  }
  void remove(const ObjectKey& /*key*/) override {}
};

/// A reflector whose first wait after a failure lasts 20 s, or as set by the test.
struct RecoveryFixture {
  test::SimulatedTime time;
  boost::asio::io_context context;
  FakeApiServer server{context, [this](const Exchange& exchange) { script(exchange); }};
  std::unique_ptr<RestClient> rest = server.client(context);
  NoSink sink;
  Reflector reflector;
  std::function<void(const Exchange&)> watched;  ///< answers a watch; empty: the watch begins
  std::size_t watches = 0;

  explicit RecoveryFixture(std::string ns, std::chrono::milliseconds first = 20s)
      : reflector(*rest,
                  {.resource = {"fruit.example", "v1", "fruits"},
                   .ns = std::move(ns),
                   .label_selector = {},
                   .field_selector = {},
                   .projection = {"/colour"},
                   .times = {.backoff = {.first = first, .longest = 30s, .health = 1h}}},
                  sink, log::Logger::none()) {
    boost::asio::co_spawn(context, reflector.run(), boost::asio::detached);
  }

  void script(const Exchange& exchange) {
    if (exchange->is_watch()) {
      ++watches;
      return watched ? watched(exchange) : exchange->begin();
    }
    exchange->answer(200, R"({"metadata":{"resourceVersion":"1"},"items":[]})");
  }

  bool run_until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    return time.run_until(context, condition, limit);
  }
  void some_request_succeeds() {
    bool good = false;
    boost::asio::co_spawn(context, rest->get("/anything"),
                          [&](const std::exception_ptr&, const ApiResult<std::string>& answer) {
                            good = answer.has_value();
                          });
    REQUIRE(run_until([&] { return good; }, 5s));
  }
  [[nodiscard]] bool rests_after(std::uint64_t failures) {
    return run_until([&] { return reflector.status().failures == failures; }, 5s);
  }
};

}  // namespace

TEST_CASE(
    "after an outage the first success of any request brings the watch back within a second") {
  RecoveryFixture test(GENERATE("", "shop"));
  SECTION("the API server was gone") {
    REQUIRE(test.run_until([&] { return test.watches == 1; }, 5s));
    test.server.shut_down();
    REQUIRE(test.rests_after(1));
    test.server.start_again();
  }
  SECTION("a load balancer had no API server") {
    test.watched = [](const Exchange& exchange) {
      exchange->answer(503, "<html>", "Retry-After: 30\r\n");
    };
    REQUIRE(test.rests_after(1));
    test.watched = {};
  }
  const auto before = test.watches;
  CHECK_FALSE(test.run_until([&] { return test.watches > before; }, 19s));
  test.some_request_succeeds();
  CHECK(test.run_until([&] { return test.watches > before; }, 600ms));
}

TEST_CASE("what the API server itself refuses is not asked again sooner because of others") {
  RecoveryFixture test("");
  test.watched = [](const Exchange& exchange) {
    exchange->answer(500, R"({"kind":"Status","message":"etcd has no leader"})");
  };
  REQUIRE(test.rests_after(1));
  test.some_request_succeeds();
  CHECK_FALSE(test.run_until([&] { return test.watches > 1; }, 19s));
}

TEST_CASE("a server that answers again after an outage is asked soon, though it refuses at first") {
  RecoveryFixture test("", 20ms);
  test.watched = [](const Exchange& exchange) { exchange->answer(503, "<html>"); };
  REQUIRE(test.rests_after(6));  // the next rest would last 1.3 s
  SECTION("its caches are cold") {
    test.watched = [](const Exchange& exchange) {
      exchange->answer(403, R"({"kind":"Status","message":"caches are cold"})");
    };
  }
  SECTION("it has forgotten the version") {
    test.watched = [](const Exchange& exchange) {
      exchange->begin();
      exchange->piece(R"({"type":"ERROR","object":{"kind":"Status","code":410}})");
    };
  }
  REQUIRE(test.rests_after(7));
  test.watched = {};
  const auto refused = test.watches;
  CHECK(test.run_until([&] { return test.watches > refused; }, 500ms));
}

TEST_CASE("a watch that fails on while all else succeeds is woken once per step") {
  RecoveryFixture test("");
  test.watched = [](const Exchange& exchange) { exchange->answer(503, "<html>"); };
  REQUIRE(test.rests_after(1));
  for (int i = 0; i < 25; ++i) {
    test.some_request_succeeds();
    test.time.run_for(test.context, 100ms);
  }
  // The first step, that it started again with, and none after: the next is the longest.
  CHECK(test.watches <= 3);
  CHECK(test.watches >= 2);
}

TEST_CASE("a success while a watch is being opened does not start its backoff again") {
  RecoveryFixture test("", 1s);
  test.watched = [](const Exchange& exchange) { exchange->answer(503, "<html>"); };
  REQUIRE(test.rests_after(1));
  Exchange opening;
  test.watched = [&](const Exchange& exchange) { opening = exchange; };
  REQUIRE(test.run_until([&] { return opening != nullptr; }, 2s));
  test.some_request_succeeds();
  opening->answer(503, "<html>");
  REQUIRE(test.rests_after(2));  // for twice the first time
  CHECK_FALSE(test.run_until([&] { return test.watches > 2; }, 1900ms));
}

TEST_CASE("many come back at 50 a second, and none later than without being woken") {
  Recovery recovery;
  const Recovery::TimePoint now{1000s};
  for (int i = 0; i < 100; ++i) CHECK(recovery.turn(now, now + 30s) == now + i * 20ms);
  CHECK_FALSE(recovery.turn(now, now + 1s));
  CHECK(recovery.turn(now, now + 30s) == now + 2s);
}

TEST_CASE("a success is told to everybody who waits, until they do not any more") {
  Recovery recovery;
  int first = 0;
  int second = 0;
  const Recovery::Waiting waits(recovery, [&] { ++first; });
  {
    const Recovery::Waiting waits_too(recovery, [&] { ++second; });
    recovery.succeeded();
  }
  recovery.succeeded();
  CHECK(first == 2);
  CHECK(second == 1);
}

}  // namespace receiver::kube
