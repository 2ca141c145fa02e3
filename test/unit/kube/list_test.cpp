#include "kube/list.h"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "test/support/fake_api_server.h"

namespace receiver::kube {
namespace {

using namespace std::chrono_literals;
using test::FakeApiServer;

std::string page(const std::string& items, const std::string& token = {}) {
  return R"({"metadata":{"resourceVersion":"7","continue":")" + token + R"("},"items":[)" + items +
         "]}";
}

std::string fruit(const std::string& name, const std::string& colour) {
  return R"({"metadata":{"name":")" + name +
         R"(","namespace":"ns","uid":"u","resourceVersion":"1"},"colour":")" + colour + "\"}";
}

/// One list against a server that the test scripts.
struct ListFixture {
  boost::asio::io_context context;
  FakeApiServer server;
  std::unique_ptr<RestClient> rest = server.client(context);
  std::map<std::string, std::string> colours;

  explicit ListFixture(FakeApiServer::Script script) : server(context, std::move(script)) {}

  ApiResult<void> list() {
    std::function<void(const ObjectMeta&, const rapidjson::Value&)> note =
        [this](const ObjectMeta& meta, const rapidjson::Value& object) {
          colours[meta.key.str()] = json::string_at(object, "/colour");
        };
    std::optional<ApiResult<void>> result;
    boost::asio::co_spawn(context,
                          read_list(*rest,
                                    {.resource = {"fruit.example", "v1", "fruits"},
                                     .ns = "ns",
                                     .label_selector = {},
                                     .field_selector = {},
                                     .projection = {"/colour"},
                                     .times = {}},
                                    std::move(note)),
                          [&](const std::exception_ptr& thrown, ApiResult<void> listed) {
                            if (thrown) std::rethrow_exception(thrown);
                            result.emplace(std::move(listed));
                          });
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!result && std::chrono::steady_clock::now() < deadline) context.run_one_for(20ms);
    REQUIRE(result);
    return std::move(*result);
  }
};

}  // namespace

TEST_CASE("a collection is listed page by page, and not watched") {
  ListFixture test([](const FakeApiServer::ExchangePtr& exchange) {
    const bool second = exchange->target().find("continue=t%26") != std::string::npos;
    exchange->answer(200, second ? page(fruit("pear", "green"))
                                 : page(fruit("apple", "red") + "," + R"({"metadata":7})", "t&"));
  });
  REQUIRE(test.list());
  CHECK(test.colours ==
        std::map<std::string, std::string>{{"ns/apple", "red"}, {"ns/pear", "green"}});
  REQUIRE(test.server.exchanges().size() == 2);
  CHECK(test.server.exchanges()[0]->target() ==
        "/apis/fruit.example/v1/namespaces/ns/fruits?limit=500");
}

TEST_CASE("a list that fails on its way says why") {
  bool broken = false;
  ListFixture test([&](const FakeApiServer::ExchangePtr& exchange) {
    if (exchange->target().find("continue") == std::string::npos) {
      return exchange->answer(200, page(fruit("apple", "red"), "t"));
    }
    if (broken) {
      exchange->answer(200, "[]");
    } else {
      exchange->answer(403, R"({"kind":"Status","code":403,"message":"fruits is forbidden"})");
    }
  });
  const auto forbidden = test.list();
  REQUIRE_FALSE(forbidden);
  CHECK(forbidden.error().kind == ApiError::Kind::kForbidden);
  CHECK(forbidden.error().message == "fruits is forbidden");

  broken = true;
  const auto malformed = test.list();
  REQUIRE_FALSE(malformed);
  CHECK(malformed.error().kind == ApiError::Kind::kMalformed);
}

}  // namespace receiver::kube
