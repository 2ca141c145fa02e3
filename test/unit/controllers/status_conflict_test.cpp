#include "controllers/status_conflict.h"

#include <catch2/catch.hpp>

namespace receiver::controllers {

using std::chrono::minutes;

TEST_CASE("A value undone three times within ten minutes is written no more") {
  StatusConflict conflict;
  clock::Steady::time_point now{};
  for (int write = 0; write < 3; ++write) {
    CHECK(conflict.may_write("a", now));
    conflict.written(now);
    now += minutes(2);
  }
  CHECK_FALSE(conflict.may_write("a", now));
  CHECK_FALSE(conflict.may_write("a", now + minutes(60)));

  SECTION("until the value changes") {
    CHECK(conflict.may_write("b", now));
  }
}

TEST_CASE("The same value at the pace of a daily correction is no conflict") {
  StatusConflict conflict;
  clock::Steady::time_point now{};
  for (int write = 0; write < 10; ++write) {
    CHECK(conflict.may_write("a", now));
    conflict.written(now);
    now += minutes(6);
  }
}

}  // namespace receiver::controllers
