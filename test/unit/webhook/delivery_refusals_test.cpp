#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/gzip.h"
#include "test/unit/webhook/delivery_fixture.h"
#include "webhook/delivery.h"

namespace receiver::webhook {

using test::gzipped;

// The header: nothing of the body is read.

TEST_CASE_METHOD(Fixture, "an unknown path is answered 404 before any of the body is read") {
  for (const std::string path : {"/x", "/webhooks/bitbucket/5e8", "/webhooks/bitbucket/5e8f/"}) {
    for (const std::string method : {"POST", "GET"}) {
      head.target = path;
      head.method = method;
      check(deliver("repo:push", kCloudPush), 404, "{}");
      CHECK_FALSE(touched);
    }
  }
  CHECK(deliveries->counters().of(Outcome::kUnknownPath) == 6);
}

TEST_CASE_METHOD(Fixture, "an unknown path is answered 503 while it may yet become known") {
  head.target = "/webhooks/bitbucket/other";
  routes.replace({"pears", "pears"}, {}, true);
  const auto response = deliver("repo:push", kCloudPush);
  check(response, 503, error("receivers are not known yet"));
  CHECK(response.headers.find("Retry-After") == "1");
  CHECK_FALSE(touched);
  CHECK(deliveries->counters().of(Outcome::kNotReady) == 1);
  CHECK(deliveries->counters().of(Outcome::kUnknownPath) == 0);

  SECTION("a known one is served meanwhile") {
    head.target = kPath;
    CHECK(deliver("repo:push", kCloudPush).status == 200);
  }
  SECTION("until the last Secret was read") {
    routes.replace({"pears", "pears"}, {}, false);
    CHECK(deliver("repo:push", kCloudPush).status == 404);
  }
}

TEST_CASE_METHOD(Fixture, "a query does not make a path another one") {
  head.target = kPath + "?a=b";
  CHECK(deliver("repo:push", kCloudPush).status == 200);
}

TEST_CASE_METHOD(Fixture, "a path whose base an Ingress strips is served, and says so to a check") {
  add_warehouses({"w"});
  struct Row {
    std::string path;
    std::string form;
  };
  for (const auto& [path, form] : {Row{kPath, "full"}, Row{kPath + "?from=test", "full"},
                                   Row{"/bitbucket/5e8f", "stripped"}}) {
    INFO(path);
    head.target = path;
    head.method = "POST";
    head.headers = {};
    const auto served = deliver("repo:push", kCloudPush);
    check(served, 200, msg("refreshed 1 warehouse(s)"));
    CHECK_FALSE(served.headers.find("X-Receiver-Path"));

    head.headers = {{"X-Event-Key", "diagnostics:ping"}};
    CHECK(send("").headers.find("X-Receiver-Path") == form);
    head.method = "GET";
    CHECK(send("").headers.find("X-Receiver-Path") == form);
  }
}

TEST_CASE_METHOD(Fixture, "methods other than POST are answered 405") {
  for (const std::string method : {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post"}) {
    INFO(method);
    head.method = method;
    const auto response = send(kCloudPush);
    check(response, 405, error("method not allowed"));
    CHECK(response.headers.find("Allow") == "POST");
    CHECK_FALSE(touched);
  }
  CHECK(deliveries->counters().of(Outcome::kWrongMethod) == 7);
}

TEST_CASE_METHOD(Fixture, "a Content-Length above the limit is answered 413 unread") {
  head.content_length = kLimit + 1;
  SECTION("of a delivery") {
    head.headers.add("X-Event-Key", "repo:push");
  }
  SECTION("of a ping") {
    head.headers.add("X-Event-Key", "diagnostics:ping");
  }
  const auto response = send(kCloudPush);
  check(response, 413, error("content exceeds limit of 65536 bytes"));
  CHECK(response.close);
  CHECK_FALSE(touched);
  CHECK(deliveries->counters().of(Outcome::kTooLarge) == 1);
}

TEST_CASE_METHOD(Fixture, "a body of exactly the limit is read") {
  const std::string body = kCloudPush + std::string(kLimit - kCloudPush.size(), ' ');
  head.content_length = body.size();
  CHECK(deliver("repo:push", body).status == 200);
}

TEST_CASE_METHOD(Fixture, "health is answered on the same port, at both paths that are probed") {
  routes.replace({"pears", "pears"}, {}, true);
  for (const std::string path : {"/healthz", "/", "/?probe"}) {
    INFO(path);
    head.target = path;
    for (const std::string method : {"GET", "HEAD"}) {
      head.method = method;
      check(send(""), 200, R"({"status":"ok"})");
    }
    head.method = "POST";
    const auto response = send("{}");
    CHECK(response.status == 405);
    CHECK(response.headers.find("Allow") == "GET, HEAD");
  }
}

TEST_CASE_METHOD(Fixture, "while it shuts down, health is 503 and deliveries are still served") {
  add_warehouses({"w"});
  deliveries->shutting_down();
  check(deliver("repo:push", kCloudPush), 200, msg("refreshed 1 warehouse(s)"));
  for (const std::string path : {"/healthz", "/"}) {
    for (const std::string method : {"GET", "HEAD"}) {
      head.target = path;
      head.method = method;
      check(send(""), 503, error("shutting down"));
    }
  }
}

// The body and its signature.

TEST_CASE_METHOD(Fixture, "a body that cannot be read is answered by why, whoever sent it") {
  struct Row {
    http::BodyError error;
    unsigned status;
    std::string body;
  };
  const std::vector<Row> rows{
      {http::BodyError::kTooLarge, 413, error("content exceeds limit of 65536 bytes")},
      {http::BodyError::kNoRoom, 503, error("overloaded")},
      {http::BodyError::kTooSlow, 408, error("request body not received in time")},
      {http::BodyError::kMalformed, 400, error("malformed request body")},
  };
  add_warehouses({"w"});
  const std::vector<http::Headers> senders{
      {{"X-Event-Key", "repo:push"}, {"X-Hub-Signature", signature(kCloudPush)}},
      {{"X-Event-Key", "repo:push"}, {"X-Hub-Signature", "sha256=12"}},
      {{"X-Event-Key", "repo:push"}},
      {{"X-Event-Key", "diagnostics:ping"}},
  };
  for (const Row& row : rows) {
    for (const http::Headers& sender : senders) {
      INFO(row.status << " to " << sender.fields().back().second);
      head.headers = sender;
      body_error = row.error;
      const auto response = send(kCloudPush);
      check(response, row.status, row.body);
      CHECK(response.close);
      CHECK(response.headers.find("Retry-After").has_value() == (row.status == 503));
    }
  }
  CHECK(deliveries->counters().of(Outcome::kTooLarge) == 4);
  CHECK(deliveries->counters().of(Outcome::kOverloaded) == 4);
  // One line per second; the first of them has the details.
  const std::string told = log("WARN");
  for (const char* part :
       {"answered 413", "event=repo:push", "project=apples", "receiver=receiver-of-apples"}) {
    INFO(told);
    CHECK(told.find(part) != std::string::npos);
  }
  CHECK(std::ranges::count(told, '\n') == 1);
  CHECK(deliveries->counters().of(Outcome::kPing) == 0);
  CHECK(take_patched().empty());
}

TEST_CASE("the log says why a body is refused, and the outcome if the body arrived") {
  struct Row {
    http::BodyError error;
    const char* words;
    const char* outcome;
  };
  const std::vector<Row> rows{
      {http::BodyError::kTooLarge, "answered 413: the delivery is larger than MAX_BODY_BYTES",
       "too_large"},
      {http::BodyError::kNoRoom,
       "answered 503: the bodies of other deliveries fill MAX_BODIES_BYTES", "overloaded"},
      {http::BodyError::kTooSlow, "answered 408: the delivery did not arrive within BODY_TIMEOUT",
       "\"\""},
      {http::BodyError::kMalformed, "answered 400: the delivery's chunks are malformed", "\"\""},
      {http::BodyError::kPeerClosed,
       "the sender closed the connection before its delivery was complete", "\"\""},
  };
  for (const Row& row : rows) {
    Fixture f;
    f.body_error = row.error;
    f.deliver("repo:push", kCloudPush);
    CHECK_THAT(f.log("WARN"), Catch::Contains(std::string(row.words) + " delivery=") &&
                                  Catch::Contains(std::string(" outcome=") + row.outcome + " "));
  }
}

TEST_CASE("the log says why a sender is refused, and what to do") {
  struct Row {
    http::Headers headers;
    const char* words;
    const char* outcome;
  };
  const std::vector<Row> rows{
      {{{"X-Event-Key", "repo:push"}},
       "answered 401: the delivery is not signed; set the receiver's secret in the webhook in "
       "Bitbucket delivery=",
       " outcome=missing_signature "},
      {{{"X-Event-Key", "repo:push"}, {"X-Hub-Signature", signature(kCloudPush, "another key")}},
       "answered 401: the delivery is signed with another secret; set this receiver's secret in "
       "the webhook in Bitbucket delivery=",
       " outcome=bad_signature "},
  };
  for (const Row& row : rows) {
    Fixture f;
    f.head.headers = row.headers;
    f.send(kCloudPush);
    CHECK_THAT(f.log("WARN"), Catch::Contains(row.words) && Catch::Contains(row.outcome));
  }
}

TEST_CASE_METHOD(Fixture, "a ping is answered though it is not signed, and does nothing") {
  add_warehouses({"w"});
  head.headers.add("x-event-key", "diagnostics:ping");
  for (const std::string& body : {std::string(), std::string(R"({"test": true})"), kCloudPush}) {
    check(send(body), 200, msg("ping received"));
    CHECK(read_to_end);
  }
  CHECK(deliveries->counters().of(Outcome::kPing) == 3);
  CHECK_THAT(log("INFO"), Catch::Contains("ping delivery=") && Catch::Contains(" outcome=ping "));
  CHECK(take_patched().empty());
}

TEST_CASE_METHOD(Fixture, "without a signature: 401, the body read and dropped") {
  add_warehouses({"w"});
  head.headers.add("X-Event-Key", "repo:push");
  const auto response = send(kCloudPush);
  check(response, 401, error("missing signature"));
  CHECK(read_to_end);
  CHECK_FALSE(response.close);
  CHECK(deliveries->counters().of(Outcome::kMissingSignature) == 1);
  CHECK(take_patched().empty());
}

TEST_CASE_METHOD(Fixture, "a signature that is not the body's under the key: 401") {
  add_warehouses({"w"});
  head.headers.add("X-Event-Key", "repo:push");
  const std::string good = signature(kCloudPush);
  const std::vector<std::string> bad{
      "",
      "sha256=",
      "sha256",
      "sha256=zz",
      good.substr(0, good.size() - 1),
      good + "0",
      " " + good,
      good.substr(7),
      "sha1=" + good.substr(7),
      "SHA256=" + good.substr(7),
      "sha512=" + good.substr(7),
      signature(kCloudPush, "another key"),
      signature(kCloudPush, ""),
      signature(kCloudPush + " "),
      signature(kCloudPush, kKey, HashAlgorithm::kSha512).substr(0, 71),
  };
  for (const std::string& value : bad) {
    INFO(value);
    head.headers = {{"X-Event-Key", "repo:push"}, {"X-Hub-Signature", value}};
    const auto response = send(kCloudPush);
    check(response, 401, error("unauthorized"));
    CHECK(read_to_end);
    CHECK_FALSE(response.close);
  }
  CHECK(deliveries->counters().of(Outcome::kBadSignature) == bad.size());
  CHECK(take_patched().empty());
}

TEST_CASE_METHOD(Fixture, "the result of an authentication is reported for each receiver") {
  add_route("pears", "another key of sixteen bytes");
  head.headers.add("X-Event-Key", "repo:push");
  send(kCloudPush);
  std::sort(authentications.begin(), authentications.end());
  CHECK(authentications == Names{"apples/receiver-of-apples missing_signature",
                                 "pears/receiver-of-pears missing_signature"});

  authentications.clear();
  head.headers.add("X-Hub-Signature", signature(kCloudPush, "no key of theirs"));
  send(kCloudPush);
  std::sort(authentications.begin(), authentications.end());
  CHECK(authentications ==
        Names{"apples/receiver-of-apples bad_signature", "pears/receiver-of-pears bad_signature"});

  authentications.clear();
  head.headers = {{"X-Event-Key", "repo:push"}, {"X-Hub-Signature", signature(kCloudPush)}};
  send(kCloudPush);
  // One of their keys is enough.
  CHECK(authentications == Names{"apples/receiver-of-apples accepted"});
}

TEST_CASE_METHOD(Fixture, "a signature is accepted in both algorithms, hex case, any pieces") {
  add_warehouses({"w"});
  std::string upper = signature(kCloudPush);
  for (std::size_t i = 7; i < upper.size(); ++i) {
    if (upper[i] >= 'a') upper[i] = static_cast<char>(upper[i] - 'a' + 'A');
  }
  for (const std::string& value :
       {signature(kCloudPush), upper, signature(kCloudPush, kKey, HashAlgorithm::kSha512)}) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{63}, std::size_t{100'000}}) {
      piece_bytes = bytes;
      head.headers = {{"x-event-key", "repo:push"}, {"x-hub-signature", value}};
      check(send(kCloudPush), 200, msg("refreshed 1 warehouse(s)"));
    }
  }
}

TEST_CASE_METHOD(Fixture, "no part of the answer or the log tells a key, path or signature") {
  add_warehouses({"w"});
  deliver("repo:push", kCloudPush);
  head.headers = {{"X-Hub-Signature", signature("other")}};
  send(kCloudPush);
  head.headers = {};
  send(kCloudPush);
  head.target = kPath + "/other";
  send(kCloudPush);
  CHECK(lines.size() >= 3);
  for (const std::string& line : lines) {
    CHECK(line.find(kKey) == std::string::npos);
    CHECK(line.find("5e8f") == std::string::npos);
    CHECK(line.find(signature(kCloudPush).substr(7)) == std::string::npos);
  }
}

TEST_CASE_METHOD(Fixture, "each receiver that shares a path serves what its own key signs") {
  add_route("pears", kKey);
  add_route("plums", "another key, as long as that");
  add_warehouses({"w"}, "apples");
  add_warehouses({"w"}, "pears");
  add_warehouses({"w"}, "plums");

  SECTION("two with one key: both") {
    check(deliver("repo:push", kCloudPush), 200, msg("refreshed 2 warehouse(s)"));
    CHECK(take_patched() == Names{"apples/w", "pears/w"});
  }
  SECTION("the third alone") {
    head.headers = {{"X-Event-Key", "repo:push"},
                    {"X-Hub-Signature", signature(kCloudPush, "another key, as long as that")}};
    check(send(kCloudPush), 200, msg("refreshed 1 warehouse(s)"));
    CHECK(take_patched() == Names{"plums/w"});
  }
  SECTION("one that covers every namespace beside one that does not: each object once") {
    add_route("", kKey);
    check(deliver("repo:push", kCloudPush), 200, msg("refreshed 3 warehouse(s)"));
    CHECK(take_patched() == Names{"apples/w", "pears/w", "plums/w"});
    CHECK(log("INFO").find("project=") != std::string::npos);
  }
}

TEST_CASE_METHOD(Fixture, "a delivery that the previous secret signs is served and counted") {
  add_route("apples", kKey, true);
  CHECK(deliver("repo:push", kCloudPush).status == 200);
  CHECK(deliveries->counters().previous_secret == 1);
  add_route("apples", kKey, false);
  CHECK(deliver("repo:push", kCloudPush).status == 200);
  CHECK(deliveries->counters().previous_secret == 1);
}

// Compressed by a proxy.

TEST_CASE_METHOD(Fixture, "a compressed body is taken whether it was signed before or after") {
  add_warehouses({"w"});
  const std::string compressed = gzipped(kCloudPush);
  for (const std::string& signed_text : {kCloudPush, compressed}) {
    for (const std::string coding : {"gzip", "GZIP"}) {
      head.headers = {{"X-Event-Key", "repo:push"},
                      {"Content-Encoding", coding},
                      {"X-Hub-Signature", signature(signed_text)}};
      check(send(compressed), 200, msg("refreshed 1 warehouse(s)"));
    }
  }
  SECTION("signed by nobody: 401") {
    head.headers = {{"Content-Encoding", "gzip"}, {"X-Hub-Signature", signature("other")}};
    check(send(compressed), 401, error("unauthorized"));
  }
  SECTION("not said to be compressed: 400, if it is signed as it is") {
    head.headers = {{"X-Event-Key", "repo:push"}, {"X-Hub-Signature", signature(compressed)}};
    check(send(compressed), 400, error("invalid request body"));
  }
  SECTION("said to be compressed, but inflated on its way") {
    head.headers = {{"X-Event-Key", "repo:push"},
                    {"Content-Encoding", "gzip"},
                    {"X-Hub-Signature", signature(kCloudPush)}};
    check(send(kCloudPush), 200, msg("refreshed 1 warehouse(s)"));
  }
  SECTION("cut short: 400 if it is signed so, else 401") {
    const std::string cut = compressed.substr(0, compressed.size() / 2);
    head.headers = {{"X-Event-Key", "repo:push"},
                    {"Content-Encoding", "gzip"},
                    {"X-Hub-Signature", signature(cut)}};
    check(send(cut), 400, error("invalid request body"));
    head.headers = {{"Content-Encoding", "gzip"}, {"X-Hub-Signature", signature(kCloudPush)}};
    check(send(cut), 401, error("unauthorized"));
  }
}

TEST_CASE_METHOD(Fixture, "what inflates beyond the limit is answered 413, signed or not") {
  const std::string at_limit = kCloudPush + std::string(kLimit - kCloudPush.size(), ' ');
  for (const std::string& key : {kKey, std::string("no key of ours")}) {
    const std::string bomb = gzipped(at_limit + " ");
    REQUIRE(bomb.size() < 1000);
    head.headers = {{"X-Event-Key", "repo:push"},
                    {"Content-Encoding", "gzip"},
                    {"X-Hub-Signature", signature(bomb, key)}};
    const auto response = send(bomb);
    check(response, 413, error("content exceeds limit of 65536 bytes"));
    CHECK(response.close);
  }
  head.headers = {{"X-Event-Key", "repo:push"},
                  {"Content-Encoding", "gzip"},
                  {"X-Hub-Signature", signature(at_limit)}};
  CHECK(send(gzipped(at_limit)).status == 200);
}

}  // namespace receiver::webhook
