// Deliveries with the real listener: which answers keep the connection open for the next request.

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "http/client.h"
#include "http/server.h"
#include "test/unit/webhook/delivery_fixture.h"

namespace receiver::webhook {
namespace {

struct Listening : Fixture {
  std::optional<http::Server> server;
  std::optional<http::Client> client;

  Listening() {
    server.emplace(
        io, http::ServerOptions{.name = "test", .address = "127.0.0.1", .limits = limits()},
        [this](const http::RequestHead& request, http::BodyReader& body) {
          return deliveries->answer(request, body);
        },
        log::Logger::none());
    const auto port = server->start();
    REQUIRE(port);
    client.emplace(io.get_executor(),
                   http::ClientOptions{
                       .scheme = "http", .host = "127.0.0.1", .port = *port, .connections = 1});
  }
  ~Listening() {
    client->close();
    server.reset();
    io.restart();
    io.poll();
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  static http::ServerLimits limits() {
    http::ServerLimits limits;
    limits.body_bytes = kLimit;
    return limits;
  }

  http::Response request(const std::string& method, const std::string& path,
                         const std::string& event, const std::string& claim,
                         const std::string& body) {
    http::Request message{.method = method, .target = path, .headers = {}, .body = body};
    if (!event.empty()) message.headers.add("X-Event-Key", event);
    if (!claim.empty()) message.headers.add("X-Hub-Signature", claim);
    std::optional<http::Result<http::Response>> result;
    asio::co_spawn(io, client->send(std::move(message), Steady::now() + 10s),
                   [&](const std::exception_ptr& error, http::Result<http::Response> answer) {
                     if (error) std::rethrow_exception(error);
                     result = std::move(answer);
                   });
    io.restart();
    while (!result) REQUIRE(io.run_one() == 1);
    REQUIRE(result->has_value());
    return **result;
  }
};

}  // namespace

TEST_CASE_METHOD(Listening, "a connection ends with answers that leave a body unread, only there") {
  struct Row {
    std::string what;
    std::string method;
    std::string path;
    std::string event;
    std::string claim;
    std::string body;
    unsigned status;
    bool stays_open;
  };
  const std::string good = signature(kCloudPush);
  const std::vector<Row> rows{
      {"served", "POST", kPath, "repo:push", good, kCloudPush, 200, true},
      {"ping", "POST", kPath, "diagnostics:ping", "", R"({"test": true})", 200, true},
      {"ping without a body", "POST", kPath, "diagnostics:ping", "", "", 200, true},
      {"ignored", "POST", kPath, "repo:fork", good, kCloudPush, 200, true},
      {"not signed", "POST", kPath, "repo:push", "", kCloudPush, 401, true},
      {"badly signed", "POST", kPath, "repo:push", "sha256=1", kCloudPush, 401, true},
      {"signed by another", "POST", kPath, "repo:push", signature("x"), kCloudPush, 401, true},
      {"unknown", "POST", "/other", "repo:push", good, kCloudPush, 404, false},
      {"unknown without a body", "GET", "/other", "", "", "", 404, true},
      {"method", "PUT", kPath, "repo:push", good, kCloudPush, 405, false},
      {"method without a body", "GET", kPath, "", "", "", 405, true},
      {"too large", "POST", kPath, "repo:push", good, std::string(kLimit + 1, ' '), 413, false},
      {"healthy", "GET", "/healthz", "", "", "", 200, true},
      {"healthy, at the root", "GET", "/", "", "", "", 200, true},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    request("GET", "/healthz", "", "", "");  // on an open connection, whatever came before
    const auto accepted = server->counters().accepted.load();
    const auto answer = request(row.method, row.path, row.event, row.claim, row.body);
    CHECK(answer.status == row.status);
    CHECK(answer.headers.find("Content-Type") == "application/json");
    CHECK(answer.body.back() == '\n');
    const bool says_close = answer.headers.find("Connection") == "close";
    CHECK(says_close == !row.stays_open);
    request("GET", "/healthz", "", "", "");
    CHECK(server->counters().accepted - accepted == (row.stays_open ? 0 : 1));
  }
}

}  // namespace receiver::webhook
