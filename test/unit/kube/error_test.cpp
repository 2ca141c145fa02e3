#include "kube/error.h"

#include <map>
#include <string>

#include <catch2/catch.hpp>

namespace receiver::kube {
namespace {

using Kind = ApiError::Kind;
using namespace std::chrono_literals;

// Sun, 06 Nov 1994 08:49:37 GMT
const auto kNow = std::chrono::system_clock::from_time_t(784111777);

}  // namespace

TEST_CASE("the status of an answer says what kind of error it is, and whether to send again") {
  struct Row {
    unsigned status;
    Kind kind;
    bool transient;
  };
  const auto row = GENERATE(values<Row>({
      {301, Kind::kMalformed, true},
      {400, Kind::kInvalid, false},
      {401, Kind::kUnauthorized, true},
      {403, Kind::kForbidden, false},
      {404, Kind::kNotFound, false},
      {405, Kind::kInvalid, false},
      {408, Kind::kServer, true},
      {409, Kind::kConflict, false},
      {410, Kind::kGone, false},
      {413, Kind::kInvalid, false},
      {415, Kind::kInvalid, false},
      {422, Kind::kInvalid, false},
      {429, Kind::kThrottled, true},
      {500, Kind::kServer, true},
      {502, Kind::kServer, true},
      {503, Kind::kServer, true},
      {504, Kind::kServer, true},
      {599, Kind::kServer, true},
  }));
  const ApiError error = error_from_answer(row.status, "", "", kNow);
  CAPTURE(row.status);
  CHECK(error.kind == row.kind);
  CHECK(error.status == row.status);
  CHECK(error.transient() == row.transient);
  CHECK_FALSE(error.message.empty());
  CHECK_FALSE(error.retry_after);
}

TEST_CASE("no answer is worth another try, and a closed client is not") {
  CHECK(ApiError{Kind::kUnreachable, 0, "", "", {}}.transient());
  CHECK_FALSE(ApiError{Kind::kClosed, 0, "", "", {}}.transient());
}

TEST_CASE("a Status object gives reason, message and time to wait") {
  const ApiError error = error_from_answer(
      429, "",
      R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":"too busy","reason":"TooManyRequests",
          "details":{"retryAfterSeconds":3},"code":429})",
      kNow);
  CHECK(error.reason == "TooManyRequests");
  CHECK(error.message == "too busy");
  CHECK(error.retry_after == 3s);
}

TEST_CASE("a body that is no Status object leaves the meaning of the status") {
  const auto* body =
      GENERATE("", "404 page not found\n", "<html>", "[]", "null", "{", R"({"message":"x"})",
               R"({"kind":"Status","message":7,"reason":[],"details":"x"})");
  const ApiError error = error_from_answer(404, "", body, kNow);
  CHECK(error.message == "404 Not Found");
  CHECK(error.reason.empty());
  CHECK_FALSE(error.retry_after);
}

TEST_CASE("every status that the API server answers with has a meaning") {
  const std::string redirect = "a redirect, which is not followed: is the server's URL right?";
  const std::map<unsigned, std::string> meanings{
      {299, "unexpected answer"},
      {300, redirect},
      {399, redirect},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {422, "Unprocessable Content"},
      {429, "Too Many Requests"},
      {500, "Internal Server Error"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {599, "unexpected answer"},
  };
  for (const auto& [status, meaning] : meanings) {
    CHECK(error_from_answer(status, "", "", kNow).message ==
          std::to_string(status) + ' ' + meaning);
  }
}

TEST_CASE("a message is cut to a readable length") {
  const std::string body = R"({"kind":"Status","message":")" + std::string(100'000, 'x') + "\"}";
  CHECK(error_from_answer(422, "", body, kNow).message.size() == 1024);
}

TEST_CASE("Retry-After is read as seconds and as a date, and bounded") {
  struct Row {
    const char* header;
    std::optional<std::chrono::milliseconds> wait;
  };
  const auto row = GENERATE(values<Row>({
      {"", std::nullopt},
      {"0", 0ms},
      {"1", 1s},
      {"30", 30s},
      {"31", 30s},
      {"600", 30s},
      {"99999999999999999999999999", 30s},
      {"-1", std::nullopt},
      {"1x", std::nullopt},
      {"soon", std::nullopt},
      {"Sun, 06 Nov 1994 08:49:47 GMT", 10s},
      {"Sun, 06 Nov 1994 08:49:27 GMT", 0ms},
      {"Fri, 06 Nov 2094 08:49:27 GMT", 30s},
      {"Sun, 99 Nov 1994", std::nullopt},
  }));
  CAPTURE(row.header);
  CHECK(error_from_answer(503, row.header, "", kNow).retry_after == row.wait);
}

TEST_CASE("a 429 may ask for a minute, any other answer for half a minute") {
  struct Row {
    unsigned status;
    std::chrono::seconds longest;
  };
  const auto row = GENERATE(values<Row>({{429, 60s}, {500, 30s}, {503, 30s}, {403, 30s}}));
  CAPTURE(row.status);
  const char* const in_body = R"({"kind":"Status","details":{"retryAfterSeconds":600}})";
  CHECK(error_from_answer(row.status, "600", "", kNow).retry_after == row.longest);
  CHECK(error_from_answer(row.status, "", in_body, kNow).retry_after == row.longest);
  CHECK(error_from_answer(row.status, "29", "", kNow).retry_after == 29s);
}

TEST_CASE("of a 403 only RBAC's own denial is a missing permission") {
  struct Row {
    const char* message;
    bool lacks_permission;
  };
  const auto row = GENERATE(values<Row>({
      {R"(warehouses.kargo.akuity.io \"app\" is forbidden: User \"system:serviceaccount:kargo:r\" cannot patch resource \"warehouses\" in API group \"kargo.akuity.io\" in the namespace \"shop\")",
       true},
      {R"(secrets is forbidden: User \"r\" cannot list resource \"secrets\" in API group \"\" in the namespace \"shop\": RBAC: role.rbac.authorization.k8s.io \"x\" not found)",
       true},
      {R"(forbidden: User \"r\" cannot get path \"/version\")", true},
      {R"(admission webhook \"guard.example.com\" denied the request: not on a Friday)", false},
      {R"(warehouses.kargo.akuity.io \"app\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no)",
       false},
      {R"(events.events.k8s.io \"app.1\" is forbidden: unable to create new content in namespace shop because it is being terminated)",
       false},
      {R"(pods \"x\" is forbidden: exceeded quota: q)", false},
  }));
  CAPTURE(row.message);
  const std::string body =
      std::string(R"({"kind":"Status","reason":"Forbidden","message":")") + row.message + R"("})";
  const ApiError error = error_from_answer(403, "", body, kNow);
  CHECK(error.kind == Kind::kForbidden);
  CHECK(error.lacks_permission() == row.lacks_permission);
  // Whatever its text, a page of a proxy is not from RBAC.
  CHECK_FALSE(error_from_answer(403, "", row.message, kNow).lacks_permission());
}

TEST_CASE("no answer and a load balancer's 5xx are of an API server that cannot be reached") {
  constexpr auto* kStatus = R"({"kind":"Status","message":"etcd is slow"})";
  CHECK(make_error(Kind::kUnreachable, "no connection").unreachable());
  CHECK(error_from_answer(503, "", "<html>no healthy upstream", kNow).unreachable());
  CHECK(error_from_answer(502, "", "", kNow).unreachable());
  CHECK_FALSE(error_from_answer(500, "", kStatus, kNow).unreachable());
  CHECK(error_from_answer(500, "", kStatus, kNow).has_status);
  CHECK_FALSE(error_from_answer(429, "", "", kNow).unreachable());
  CHECK_FALSE(error_from_answer(404, "", "", kNow).unreachable());
}

TEST_CASE("the Retry-After header wins over the Status object") {
  const ApiError error =
      error_from_answer(503, "2", R"({"kind":"Status","details":{"retryAfterSeconds":20}})", kNow);
  CHECK(error.retry_after == 2s);
}

}  // namespace receiver::kube
