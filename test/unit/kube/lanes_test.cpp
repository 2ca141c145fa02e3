#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "clock/timer.h"
#include "kube/rest.h"
#include "test/support/fake_api_server.h"
#include "test/support/simulated_time.h"

namespace receiver::kube {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::FakeApiServer;
using Exchange = FakeApiServer::ExchangePtr;

/// A client whose requests are counted as they end.
struct LanesFixture {
  asio::io_context context;
  FakeApiServer server{context, [this](const Exchange& exchange) { script(exchange); }};
  std::function<void(const Exchange&)> script;
  std::unique_ptr<RestClient> rest;
  std::size_t lists_done = 0;
  std::size_t lists_failed = 0;

  explicit LanesFixture(RestOptions options = {}) : rest(server.client(context, options)) {}

  static bool is_list(const Exchange& exchange) { return exchange->target().starts_with("/lists"); }

  /// Reads a list to its end.
  void begin_list(Lane lane, std::chrono::milliseconds timeout = 30s) {
    const auto read = [](LanesFixture& test, Lane in,
                         std::chrono::milliseconds patience) -> asio::awaitable<void> {
      auto stream = co_await test.rest->open("/lists", in, patience);
      bool failed = !stream;
      while (!failed) {
        const auto piece = co_await (*stream)->next(30s);
        failed = !piece;
        if (!piece || piece->empty()) break;
      }
      ++(failed ? test.lists_failed : test.lists_done);
    };
    asio::co_spawn(context, read(*this, lane, timeout), asio::detached);
  }

  /// Whether it succeeds within 10 s.
  bool succeeds(asio::awaitable<ApiResult<std::string>> request) {
    std::optional<bool> good;
    asio::co_spawn(context, std::move(request),
                   [&](const std::exception_ptr&, const ApiResult<std::string>& result) {
                     good = result.has_value();
                   });
    run_until([&] { return good.has_value(); });
    return good.value_or(false);
  }

  bool run_until(const std::function<bool()>& condition, std::chrono::milliseconds limit = 10s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition() && std::chrono::steady_clock::now() < deadline) context.run_one_for(20ms);
    return condition();
  }

  [[nodiscard]] std::size_t lists_seen() const {
    const auto& all = server.exchanges();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_list));
  }
};

}  // namespace

TEST_CASE("hanging lists leave PATCHes, the Lease and everything else alone") {
  LanesFixture test;
  test.script = [](const Exchange& exchange) {
    if (!LanesFixture::is_list(exchange)) exchange->answer(200, "{}");
  };
  for (int i = 0; i < 100; ++i) test.begin_list(Lane::kNamespaceLists);
  for (int i = 0; i < 10; ++i) test.begin_list(Lane::kLists);
  REQUIRE(test.run_until([&] { return test.lists_seen() == 8; }));
  RestClient& rest = *test.rest;
  const auto timeout = RestClient::kTimeout;
  CHECK(test.succeeds(rest.merge_patch("/warehouse", "{}")));
  CHECK(test.succeeds(rest.put("/lease", "{}", timeout, Lane::kLease)));
  CHECK(test.succeeds(rest.post("/event", "{}", timeout, Lane::kEvents)));
  CHECK(test.succeeds(rest.merge_patch("/status", "{}", timeout, Lane::kStatuses)));
  CHECK(test.succeeds(rest.get("/secret")));
  CHECK(test.lists_seen() == 8);  // no more than eight of all lists are in flight
  test.rest->close();
  CHECK(test.run_until([&] { return test.lists_failed == 110; }));
}

TEST_CASE("lists of namespaces that hang leave those of whole kinds alone") {
  LanesFixture test;
  test.script = [](const Exchange& exchange) {
    if (!LanesFixture::is_list(exchange)) exchange->answer(200, "{}");
  };
  for (int i = 0; i < 100; ++i) test.begin_list(Lane::kNamespaceLists);
  REQUIRE(test.run_until([&] { return test.lists_seen() == 6; }));
  const auto list_of_kind = [](RestClient& rest) -> asio::awaitable<ApiResult<std::string>> {
    auto stream = co_await rest.open("/warehouses", Lane::kLists);
    if (!stream) co_return tl::unexpected(stream.error());
    co_return std::string("good");
  };
  CHECK(test.succeeds(list_of_kind(*test.rest)));
}

TEST_CASE(
    "two thousand slow lists do not delay a PATCH, and none of them fails for having waited") {
  test::SimulatedTime time;
  LanesFixture test;
  constexpr auto kList = 100ms;
  constexpr auto kTimeout = 1s;
  test.script = [&](const Exchange& exchange) {
    if (!LanesFixture::is_list(exchange)) return exchange->answer(200, "{}");
    auto timer = std::make_shared<clock::Timer>(test.context, kList);
    timer->async_wait([timer, exchange](const auto&) { exchange->answer(200, "[]"); });
  };
  constexpr std::size_t kLists = 2'000;
  for (std::size_t i = 0; i < kLists; ++i) test.begin_list(Lane::kNamespaceLists, kTimeout);
  const auto start = clock::Steady::now();
  REQUIRE(time.run_until(test.context, [&] { return test.lists_done > 0; }));
  for (int i = 0; i < 20; ++i) REQUIRE(test.succeeds(test.rest->merge_patch("/warehouse", "{}")));
  CHECK(test.lists_done < kLists / 2);
  CHECK(
      time.run_until(test.context, [&] { return test.lists_done + test.lists_failed == kLists; }));
  CHECK(test.lists_failed == 0);
  CHECK(clock::Steady::now() - start > 10 * kTimeout);
}

TEST_CASE("at the throttle the lanes take turns: lists that wait there hold up no PATCH") {
  RestOptions options;
  options.queries_per_second = 50;
  options.burst = 1;
  LanesFixture test(options);
  test.script = [](const Exchange& exchange) { exchange->answer(200, "[]"); };
  for (int i = 0; i < 50; ++i) test.begin_list(Lane::kNamespaceLists);
  for (int i = 0; i < 50; ++i) test.begin_list(Lane::kLists);
  REQUIRE(test.run_until([&] { return test.lists_seen() == 2; }));
  REQUIRE(test.succeeds(test.rest->merge_patch("/warehouse", "{}")));
  // One of each lane was before it, and those that were sent while its answer came.
  CHECK(test.lists_seen() <= 8);
}

TEST_CASE("a list holds its place until it is read to its end") {
  LanesFixture test;
  std::vector<Exchange> begun;
  test.script = [&](const Exchange& exchange) {
    exchange->begin();
    begun.push_back(exchange);
  };
  for (int i = 0; i < 3; ++i) test.begin_list(Lane::kLists);
  REQUIRE(test.run_until([&] { return begun.size() == 2; }));
  CHECK_FALSE(test.run_until([&] { return begun.size() > 2; }, 50ms));
  begun[0]->end();
  CHECK(test.run_until([&] { return begun.size() == 3; }));
  CHECK(test.lists_done == 1);
}

TEST_CASE("a stream that is not read to its end gives its place back when it goes") {
  LanesFixture test;
  test.script = [](const Exchange& exchange) { exchange->begin(); };
  for (int i = 0; i < 3; ++i) {
    const auto open_and_go = [](RestClient& rest) -> asio::awaitable<ApiResult<std::string>> {
      auto one = co_await rest.open("/lists", Lane::kLists);
      auto other = co_await rest.open("/lists", Lane::kLists);
      if (!one || !other) co_return tl::unexpected(make_error(ApiError::Kind::kClosed, "no"));
      co_return std::string("good");
    };
    CHECK(test.succeeds(open_and_go(*test.rest)));
  }
}

}  // namespace receiver::kube
