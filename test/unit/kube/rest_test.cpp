#include "kube/rest.h"

#include <functional>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "clock/clock.h"
#include "test/support/fake_api_server.h"
#include "test/support/temporary_directory.h"

namespace receiver::kube {

using test::ApiRequest;
using test::FakeApiServer;
using test::TemporaryDirectory;

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Catch::Contains;
using Kind = ApiError::Kind;
using clock::Steady;
using namespace std::chrono_literals;

std::string answer(int status, const std::string& body, const std::string& headers = {}) {
  return fmt::format("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n{}", status, headers,
                     body.size(), body);
}

/// The text that is sent for a request; empty: none.
using Script = std::function<std::string(const ApiRequest& request)>;

/// A client of a scripted server, and what a test checks.
struct RestFixture {
  explicit RestFixture(Script script)
      : server(context, FakeApiServer::Script([script = std::move(script)](const auto& exchange) {
                 exchange->write(script(exchange->request()));
               })) {
    config.scheme = "http";
    config.host = "127.0.0.1";
    config.port = server.port();
    options.user_agent = "tester/1 (linux/amd64) abc";
  }

  RestClient& client() {
    if (!client_) {
      auto created = RestClient::create(
          context.get_executor(), config, options, log::Logger::none(),
          [this](std::string_view method, unsigned status, std::chrono::nanoseconds took) {
            CHECK(took >= 0ns);
            observed.push_back(fmt::format("{} {}", method, status));
          });
      REQUIRE(created);
      client_ = std::move(*created);
    }
    return *client_;
  }

  template <typename T>
  T await(asio::awaitable<T> work) {
    std::optional<T> result;
    asio::co_spawn(
        context,
        [](asio::awaitable<T> inner, std::optional<T>& out) -> asio::awaitable<void> {
          out.emplace(co_await std::move(inner));
        }(std::move(work), result),
        asio::detached);
    while (!result) context.run_one();
    return std::move(*result);
  }

  asio::io_context context;
  FakeApiServer server;
  Config config;
  RestOptions options;
  std::vector<std::string> observed;
  std::unique_ptr<RestClient> client_;
};

std::string status_object(const std::string& reason, const std::string& message) {
  return fmt::format(R"({{"kind":"Status","reason":"{}","message":"{}"}})", reason, message);
}

}  // namespace

TEST_CASE("a request carries who asks, what it accepts, and the token") {
  RestFixture test([](const ApiRequest&) { return answer(200, "{}"); });
  test.config.base_path = "/k8s/c1";
  test.config.token = crypto::SecretString(std::string("abc"));
  const auto result = test.await(test.client().get("/api/v1/secrets?limit=1"));
  REQUIRE(result);
  CHECK(*result == "{}");
  const ApiRequest& request = test.server.requests().at(0);
  CHECK(request.method == "GET");
  CHECK(request.target == "/k8s/c1/api/v1/secrets?limit=1");
  CHECK(request.header("Authorization") == "Bearer abc");
  CHECK(request.header("User-Agent") == "tester/1 (linux/amd64) abc");
  CHECK(request.header("Accept") == "application/json");
  CHECK(request.header("Content-Type").empty());
  CHECK(test.observed == std::vector<std::string>{"GET 200"});
}

TEST_CASE("a request says on whose behalf it is made") {
  RestFixture test([](const ApiRequest&) { return answer(200, "{}"); });
  test.config.impersonation = {{"Impersonate-User", "jane"}, {"Impersonate-Group", "devs"}};
  REQUIRE(test.await(test.client().get("/x")));
  REQUIRE(test.await(test.client().open("/x", Lane::kWatches)));
  for (const ApiRequest& request : test.server.requests()) {
    CHECK(request.header("Impersonate-User") == "jane");
    CHECK(request.header("Impersonate-Group") == "devs");
  }
}

TEST_CASE("all requests can be given one time limit, and be looked on at") {
  RestFixture test([](const ApiRequest& request) {
    return request.target.find("/hangs") == std::string::npos ? answer(200, "{}") : std::string();
  });
  test.config.base_path = "/k8s";
  test.config.token = crypto::SecretString(std::string("abc"));
  test.options.timeout = 100ms;
  std::vector<std::string> told;
  test.options.trace = [&told](std::string_view method, std::string_view target, unsigned status,
                               std::chrono::nanoseconds took) {
    CHECK(took >= 0ns);
    told.push_back(fmt::format("{} {} {}", method, target, status));
  };
  RestClient& client = test.client();
  const auto start = Steady::now();
  CHECK(test.await(client.get("/x?limit=1")));
  CHECK_FALSE(test.await(client.get("/hangs")));
  CHECK_FALSE(test.await(client.open("/hangs", Lane::kLists, 1h)));
  CHECK(Steady::now() - start < 10s);
  CHECK(told ==
        std::vector<std::string>{"GET /k8s/x?limit=1 200", "GET /k8s/hangs 0", "GET /k8s/hangs 0"});
}

TEST_CASE("each verb has its method, content type and body") {
  RestFixture test([](const ApiRequest&) { return answer(201, "done"); });
  struct Row {
    const char* method;
    const char* content_type;
    asio::awaitable<ApiResult<std::string>> call;
  };
  RestClient& client = test.client();
  std::vector<Row> rows;
  rows.push_back({"POST", "application/json", client.post("/x", "{1}")});
  rows.push_back({"PUT", "application/json", client.put("/x", "{1}")});
  rows.push_back({"PATCH", "application/merge-patch+json", client.merge_patch("/x", "{1}")});
  for (Row& row : rows) {
    const auto result = test.await(std::move(row.call));
    REQUIRE(result);
    CHECK(*result == "done");
    const ApiRequest& request = test.server.requests().back();
    CHECK(request.method == row.method);
    CHECK(request.target == "/x");
    CHECK(request.header("Content-Type") == row.content_type);
    CHECK(request.body == "{1}");
    CHECK(request.header("Authorization").empty());
  }
  CHECK(test.server.requests().back().header("Accept") ==
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json");
}

TEST_CASE("a caller's own headers stay") {
  RestFixture test([](const ApiRequest&) { return answer(200, ""); });
  http::Request request;
  request.method = "DELETE";
  request.target = "/x";
  request.headers.add("Accept", "text/plain");
  REQUIRE(test.await(test.client().send(request, 5s)));
  CHECK(test.server.requests().at(0).method == "DELETE");
  CHECK(test.server.requests().at(0).header("Accept") == "text/plain");
}

TEST_CASE("an answer other than 2xx becomes a typed error") {
  struct Row {
    int status;
    Kind kind;
  };
  const auto row = GENERATE(values<Row>({{302, Kind::kMalformed},
                                         {400, Kind::kInvalid},
                                         {401, Kind::kUnauthorized},
                                         {403, Kind::kForbidden},
                                         {404, Kind::kNotFound},
                                         {409, Kind::kConflict},
                                         {410, Kind::kGone},
                                         {422, Kind::kInvalid},
                                         {429, Kind::kThrottled},
                                         {500, Kind::kServer},
                                         {503, Kind::kServer}}));
  RestFixture test([&](const ApiRequest&) {
    return answer(row.status, status_object("Why", "because"),
                  "Retry-After: 7\r\nLocation: http://127.0.0.1:1/\r\n");
  });
  const auto check = [&](const ApiError& error) {
    CHECK(error.kind == row.kind);
    CHECK(error.status == static_cast<unsigned>(row.status));
    CHECK(error.reason == "Why");
    CHECK(error.message == "because");
    CHECK(error.retry_after == 7s);
  };
  const auto result = test.await(test.client().get("/x"));
  REQUIRE_FALSE(result);
  check(result.error());
  for (const Lane lane : {Lane::kLists, Lane::kWatches}) {
    const auto stream = test.await(test.client().open("/x", lane));
    REQUIRE_FALSE(stream);
    check(stream.error());
  }
  CHECK(test.server.requests().size() == 3);  // a missing token is not renewed
}

TEST_CASE("an endless error body is not read to its end") {
  RestFixture test([](const ApiRequest&) {
    return "HTTP/1.1 500 X\r\nContent-Length: 1000000\r\n\r\n" + std::string(200'000, 'x');
  });
  const auto stream = test.await(test.client().open("/x", Lane::kWatches));
  REQUIRE_FALSE(stream);
  CHECK(stream.error().kind == Kind::kServer);
  CHECK(stream.error().message == "500 Internal Server Error");
}

TEST_CASE("an error body that never comes costs the time of the request only") {
  RestFixture test(
      [](const ApiRequest&) { return "HTTP/1.1 403 X\r\nContent-Length: 10\r\n\r\n"; });
  const auto start = Steady::now();
  const auto stream = test.await(test.client().open("/x", Lane::kWatches, 1s));
  REQUIRE_FALSE(stream);
  CHECK(stream.error().kind == Kind::kForbidden);
  CHECK(Steady::now() - start < 20s);
}

TEST_CASE("a list or watch is handed on as it arrives") {
  RestFixture test([](const ApiRequest&) { return answer(200, "some bytes"); });
  test.config.token = crypto::SecretString(std::string("abc"));
  auto stream = test.await(test.client().open("/x?watch=1", Lane::kWatches));
  REQUIRE(stream);
  std::string body;
  for (;;) {
    const auto piece = test.await((*stream)->next(5s));
    REQUIRE(piece);
    if (piece->empty()) break;
    body += *piece;
  }
  CHECK(body == "some bytes");
  CHECK(test.server.requests().at(0).header("Authorization") == "Bearer abc");
  CHECK(test.observed == std::vector<std::string>{"GET 200"});
}

TEST_CASE("a 401 has the token file read again, and the request sent once more") {
  const TemporaryDirectory directory;
  directory.write("token", "old");
  RestFixture test([&](const ApiRequest& request) {
    if (request.header("Authorization") == "Bearer new") return answer(200, "welcome");
    directory.write("token", "new");
    return answer(401, status_object("Unauthorized", "who?"));
  });
  test.config.token_file = directory.path("token");

  SECTION("a request") {
    const auto result = test.await(test.client().merge_patch("/x", "{}"));
    REQUIRE(result);
    CHECK(*result == "welcome");
    CHECK(test.server.requests().at(1).body == "{}");
    CHECK(test.observed == std::vector<std::string>{"PATCH 401", "PATCH 200"});
  }
  SECTION("a watch") {
    CHECK(test.await(test.client().open("/x", Lane::kWatches)));
    CHECK(test.observed == std::vector<std::string>{"GET 401", "GET 200"});
  }
  // The new token stays.
  REQUIRE(test.await(test.client().get("/x")));
  CHECK(test.server.requests().size() == 3);
}

TEST_CASE("a token that is refused twice is an error") {
  const TemporaryDirectory directory;
  RestFixture test(
      [&](const ApiRequest&) { return answer(401, status_object("Unauthorized", "who?")); });
  test.config.token_file = directory.write("token", "old");
  const auto result = test.await(test.client().get("/x"));
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == Kind::kUnauthorized);
  CHECK(result.error().message == "who?");
  CHECK(test.server.requests().size() == 2);
}

TEST_CASE("a plugin that fails is the error of the request") {
  RestFixture test([](const ApiRequest&) { return answer(200, "{}"); });
  test.config.exec.emplace();
  test.config.exec->command = "no-such-plugin-anywhere";
  const auto result = test.await(test.client().get("/x"));
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == Kind::kUnauthorized);
  CHECK_THAT(result.error().message, Contains("no-such-plugin-anywhere"));
  CHECK(test.server.requests().empty());
}

TEST_CASE("a server that is not there, or does not answer, is unreachable") {
  RestFixture test([](const ApiRequest&) { return std::string(); });
  SECTION("does not answer") {
    const auto start = Steady::now();
    const auto result = test.await(test.client().get("/x", 100ms));
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == Kind::kUnreachable);
    CHECK(Steady::now() - start < 20s);
  }
  SECTION("is not there") {
    asio::io_context other;
    tcp::acceptor free_port(other, {asio::ip::address_v4::loopback(), 0});
    test.config.port = free_port.local_endpoint().port();
    free_port.close();
    const auto result = test.await(test.client().get("/x"));
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == Kind::kUnreachable);
    CHECK_THAT(result.error().message, Contains(fmt::format("127.0.0.1:{}", test.config.port)));
  }
  CHECK(test.observed == std::vector<std::string>{"GET 0"});
}

TEST_CASE("closing ends requests in flight and refuses later ones") {
  RestFixture test([](const ApiRequest&) { return std::string(); });
  RestClient& client = test.client();
  asio::steady_timer timer(test.context, 50ms);
  timer.async_wait([&](const boost::system::error_code&) { client.close(); });
  const auto in_flight = test.await(client.get("/x"));
  REQUIRE_FALSE(in_flight);
  CHECK(in_flight.error().kind == Kind::kClosed);
  const auto later = test.await(client.get("/x"));
  REQUIRE_FALSE(later);
  CHECK(later.error().kind == Kind::kClosed);
  const auto stream = test.await(client.open("/x", Lane::kWatches));
  REQUIRE_FALSE(stream);
  CHECK(stream.error().kind == Kind::kClosed);
}

TEST_CASE("a client may go while a request is about to begin") {
  RestFixture test([](const ApiRequest&) { return std::string(); });
  auto request = test.client().get("/x");
  test.client_.reset();
  const auto result = test.await(std::move(request));
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == Kind::kClosed);
}

TEST_CASE("a throttled client paces its requests, but not its watches") {
  RestFixture test([](const ApiRequest&) { return answer(200, "{}"); });
  test.options.queries_per_second = 2;
  test.options.burst = 1;
  RestClient& client = test.client();
  const auto start = Steady::now();
  for (int i = 0; i < 3; ++i) REQUIRE(test.await(client.get("/x")));
  CHECK(Steady::now() - start >= 2 * 500ms);
  // Waiting for its turn does not count towards a request's timeout.
  CHECK(test.await(client.get("/x", 200ms)));
  for (int i = 0; i < 5; ++i) REQUIRE(test.await(client.open("/x", Lane::kWatches)));
  CHECK(test.server.requests().size() == 9);
}

TEST_CASE("the Lease does not wait for the throttle") {
  RestFixture test([](const ApiRequest&) { return answer(200, "{}"); });
  test.options.queries_per_second = 0.01;
  RestClient& client = test.client();
  REQUIRE(test.await(client.get("/x")));
  CHECK(test.await(client.get("/x", RestClient::kTimeout, Lane::kLease)));
  CHECK(test.await(client.put("/x", "{}", RestClient::kTimeout, Lane::kLease)));
  CHECK(test.await(client.post("/x", "{}", RestClient::kTimeout, Lane::kLease)));
}

TEST_CASE("closing wakes those who wait for the throttle") {
  RestFixture test([](const ApiRequest&) { return answer(200, "{}"); });
  test.options.queries_per_second = 0.01;
  RestClient& client = test.client();
  REQUIRE(test.await(client.get("/x")));
  asio::steady_timer timer(test.context, 50ms);
  timer.async_wait([&](const boost::system::error_code&) { client.close(); });
  const auto start = Steady::now();
  const auto waiting = test.await(client.get("/x", 1h));
  REQUIRE_FALSE(waiting);
  CHECK(waiting.error().kind == Kind::kClosed);
  CHECK(Steady::now() - start < 50s);  // half of what the throttle needs
}

}  // namespace receiver::kube
