#include "log/end_on_exception.h"

#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace receiver::log {

namespace {

struct Child {
  int exit_code = -1;
  std::string output;  ///< on standard error
};

/// A child process that completes a coroutine, and then exits with 7.
Child complete_with(const std::exception_ptr& failure) {
  int output[2] = {};
  REQUIRE(pipe(output) == 0);
  const pid_t id = fork();
  REQUIRE(id >= 0);
  if (id == 0) {
    dup2(output[1], STDERR_FILENO);
    const auto logger = Logger::to_stderr(Level::kInfo, Format::kConsole);
    EndOnException{logger.named("http"), "the accept loop"}(failure);
    _exit(7);
  }
  close(output[1]);
  Child child;
  char bytes[512];
  for (ssize_t got = 0; (got = read(output[0], bytes, sizeof bytes)) > 0;) {
    child.output.append(bytes, static_cast<std::size_t>(got));
  }
  close(output[0]);
  int status = 0;
  REQUIRE(waitpid(id, &status, 0) == id);
  if (WIFEXITED(status)) child.exit_code = WEXITSTATUS(status);
  return child;
}

}  // namespace

TEST_CASE("an exception that nobody catches is logged and ends the process") {
  const Child child =
      complete_with(std::make_exception_ptr(std::runtime_error("no descriptors are left")));
  CHECK(child.exit_code == 1);
  CHECK(child.output.find("ERROR http: a component of the operator failed; the process exits "
                          "component=\"the accept loop\" error=\"no descriptors are left\"\n") !=
        std::string::npos);
}

TEST_CASE("an exception of any type ends the process") {
  const Child child = complete_with(std::make_exception_ptr(42));
  CHECK(child.exit_code == 1);
  CHECK(child.output.find("not a std::exception") != std::string::npos);
}

TEST_CASE("a coroutine that ends without an exception ends nothing else") {
  const Child child = complete_with(nullptr);
  CHECK(child.exit_code == 7);
  CHECK(child.output.empty());
}

}  // namespace receiver::log
