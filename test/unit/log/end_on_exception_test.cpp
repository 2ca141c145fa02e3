#include "log/end_on_exception.h"

#include <array>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace receiver::log {
namespace {

struct Ended {
  int status;
  std::string said;
};

/// What becomes of a process in which a coroutine ends with `thrown`.
Ended end_with(const std::exception_ptr& thrown) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto logger =
        Logger::to_callback(Level::kInfo, Format::kConsole, [&](std::string_view line) {
          static_cast<void>(::write(ends[1], line.data(), line.size()) < 0);
        });
    EndOnException{logger, "the worker"}(thrown);
    ::_exit(0);
  }
  ::close(ends[1]);
  Ended ended{};
  std::array<char, 1024> piece{};
  for (ssize_t got = 0; (got = ::read(ends[0], piece.data(), piece.size())) > 0;) {
    ended.said.append(piece.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  REQUIRE(::waitpid(child, &ended.status, 0) == child);
  return ended;
}

}  // namespace

TEST_CASE("an exception that nobody waits for is told and ends the process") {
  const Ended ended = end_with(std::make_exception_ptr(std::runtime_error("no luck")));
  CHECK(WIFEXITED(ended.status));
  CHECK(WEXITSTATUS(ended.status) == 1);
  CHECK_THAT(ended.said, Catch::Contains("ERROR") && Catch::Contains("part=\"the worker\"") &&
                             Catch::Contains("no luck"));
  CHECK(WEXITSTATUS(end_with(std::make_exception_ptr(7)).status) == 1);
}

TEST_CASE("the end of a coroutine without an exception is nothing to tell") {
  const Ended ended = end_with(nullptr);
  CHECK(WEXITSTATUS(ended.status) == 0);
  CHECK(ended.said.empty());
}

}  // namespace receiver::log
