#include "kube/error.h"

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
      {"120", 120s},
      {"999999", kMaxRetryAfter},
      {"99999999999999999999999999", kMaxRetryAfter},
      {"-1", std::nullopt},
      {"1x", std::nullopt},
      {"soon", std::nullopt},
      {"Sun, 06 Nov 1994 08:49:47 GMT", 10s},
      {"Sun, 06 Nov 1994 08:49:27 GMT", 0ms},
      {"Fri, 06 Nov 2094 08:49:27 GMT", kMaxRetryAfter},
      {"Sun, 99 Nov 1994", std::nullopt},
  }));
  CAPTURE(row.header);
  CHECK(error_from_answer(503, row.header, "", kNow).retry_after == row.wait);
}

TEST_CASE("the Retry-After header wins over the Status object") {
  const ApiError error =
      error_from_answer(503, "2", R"({"kind":"Status","details":{"retryAfterSeconds":30}})", kNow);
  CHECK(error.retry_after == 2s);
}

}  // namespace receiver::kube
