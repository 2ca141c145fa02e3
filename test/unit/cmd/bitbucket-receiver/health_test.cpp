#include "cmd/bitbucket-receiver/health.h"

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

namespace receiver {
namespace {

class NoBody final : public http::BodyReader {
 public:
  boost::asio::awaitable<tl::expected<std::string_view, http::BodyError>> next() override {
    co_return std::string_view();
  }
};

http::Response ask(const http::Handler& handler, const std::string& method,
                   const std::string& target) {
  http::RequestHead head;
  head.method = method;
  head.target = target;
  NoBody body;
  http::Response response;
  boost::asio::io_context io;
  boost::asio::co_spawn(io, handler(head, body),
                        [&response](std::exception_ptr failure, http::Response answered) {
                          if (failure) std::rethrow_exception(failure);
                          response = std::move(answered);
                        });
  io.run();
  return response;
}

/// The same checks for live and ready.
http::Handler handler_of(const std::vector<HealthCheck>& checks) {
  return health_handler({.liveness = [checks] { return checks; },
                         .readiness = [checks] { return checks; },
                         .metrics = [] { return std::string("a_total 1\n"); }});
}

const HealthCheck kSynced{.name = "warehouses", .ok = true, .why = ""};
const HealthCheck kRefused{
    .name = "promotions", .ok = true, .why = "not permitted: list promotions"};
const HealthCheck kUnread{.name = "secrets", .ok = false, .why = "not read yet"};

}  // namespace

TEST_CASE("/metrics is Prometheus' text format") {
  const auto response = ask(handler_of({}), "GET", "/metrics");
  CHECK(response.status == 200);
  CHECK(response.body == "a_total 1\n");
  CHECK(response.headers.find("content-type") == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE("a kind holds up readiness until it is listed, or is refused") {
  using Settled = kube::ReflectorStatus::Settled;
  kube::ReflectorStatus status;
  HealthCheck check = kind_check("warehouses", status);
  CHECK(check.name == "warehouses");
  CHECK_FALSE(check.ok);
  CHECK(check.why == "not listed yet");
  status.settled = Settled::kSynced;
  check = kind_check("warehouses", status);
  CHECK(check.ok);
  CHECK(check.why.empty());
  status.settled = Settled::kRefused;
  status.refusal = "not permitted: list warehouses";
  check = kind_check("warehouses", status);
  CHECK(check.ok);
  CHECK(check.why == "not permitted: list warehouses");
}

TEST_CASE("/livez does not depend on readiness, nor /readyz on liveness") {
  bool live = true;
  const auto handler =
      health_handler({.liveness =
                          [&live] {
                            return std::vector<HealthCheck>{{"threads", live, "stuck"}};
                          },
                      .readiness =
                          [&live] {
                            return std::vector<HealthCheck>{{"secrets", !live, "unread"}};
                          },
                      .metrics = [] { return std::string(); }});
  CHECK(ask(handler, "GET", "/livez").status == 200);
  CHECK(ask(handler, "GET", "/readyz").status == 503);
  CHECK(ask(handler, "GET", "/livez").headers.find("content-type") == "text/plain; charset=utf-8");
  live = false;
  CHECK(ask(handler, "GET", "/livez").status == 503);
  CHECK(ask(handler, "GET", "/readyz").status == 200);
}

TEST_CASE("/livez and /readyz are 200 only if every check is ok") {
  struct Case {
    std::string target;
    std::vector<HealthCheck> checks;
    unsigned status;
    std::string body;
  };
  const auto [target, checks, status, body] = GENERATE(values<Case>({
      {"/readyz", {}, 200, "ready\n"},
      {"/readyz", {kSynced, kRefused}, 200, "ready\n"},
      {"/readyz?verbose",
       {kSynced, kRefused},
       200,
       "[+]warehouses ok\n[+]promotions ok: not permitted: list promotions\nready\n"},
      {"/readyz?a=b&verbose=1", {kSynced}, 200, "[+]warehouses ok\nready\n"},
      {"/readyz?verbosely", {kSynced}, 200, "ready\n"},
      {"/readyz?", {kSynced}, 200, "ready\n"},
      {"/readyz",
       {kSynced, kUnread},
       503,
       "[+]warehouses ok\n[-]secrets: not read yet\nnot ready\n"},
      {"/readyz?verbose", {kUnread}, 503, "[-]secrets: not read yet\nnot ready\n"},
      {"/livez", {kSynced}, 200, "live\n"},
      {"/livez?verbose", {kSynced}, 200, "[+]warehouses ok\nlive\n"},
      {"/livez", {kUnread}, 503, "[-]secrets: not read yet\nnot live\n"},
  }));
  const auto response = ask(handler_of(checks), "GET", target);
  CAPTURE(target);
  CHECK(response.status == status);
  CHECK(response.body == body);
}

TEST_CASE("readiness is checked for every request") {
  bool shutting_down = false;
  const auto handler =
      health_handler({.liveness = [] { return std::vector<HealthCheck>(); },
                      .readiness =
                          [&shutting_down] {
                            return std::vector<HealthCheck>{
                                {.name = "serving", .ok = !shutting_down, .why = "shutting down"}};
                          },
                      .metrics = [] { return std::string(); }});
  CHECK(ask(handler, "GET", "/readyz").status == 200);
  shutting_down = true;
  const auto response = ask(handler, "GET", "/readyz");
  CHECK(response.status == 503);
  CHECK(response.body == "[-]serving: shutting down\nnot ready\n");
}

TEST_CASE("a reason stays on its line") {
  const auto response =
      ask(handler_of({{.name = "a", .ok = false, .why = "one\ntwo"}}), "GET", "/readyz");
  CHECK(response.body == "[-]a: one two\nnot ready\n");
}

TEST_CASE("other paths and methods are refused") {
  struct Case {
    std::string method, target;
    unsigned status;
  };
  const auto [method, target, status] = GENERATE(values<Case>({
      {"GET", "/", 404},
      {"GET", "/metrics/", 404},
      {"GET", "/readyz2", 404},
      {"POST", "/elsewhere", 404},
      {"POST", "/metrics", 405},
      {"DELETE", "/livez", 405},
      {"PUT", "/readyz", 405},
      {"HEAD", "/readyz", 200},
      {"HEAD", "/metrics", 200},
  }));
  const auto response = ask(handler_of({kSynced}), method, target);
  CAPTURE(method, target);
  CHECK(response.status == status);
  CHECK(response.headers.find("Allow").has_value() == (status == 405));
}

}  // namespace receiver
