#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <system_error>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/process.h"

namespace receiver::test {

namespace {

/// Stops one thread of a process as long as it lives, as if that thread hung. On one thread of the
/// test.
class Halted {
 public:
  explicit Halted(pid_t thread) : thread_(thread) {
    ask(PTRACE_SEIZE);
    ask(PTRACE_INTERRUPT);
    if (::waitpid(thread, nullptr, __WALL) != thread) fail("waitpid");
  }
  ~Halted() { ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr); }
  Halted(const Halted&) = delete;
  Halted& operator=(const Halted&) = delete;

 private:
  void ask(__ptrace_request request) const {
    if (::ptrace(request, thread_, nullptr, nullptr) != 0) fail("ptrace");
  }
  [[noreturn]] static void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
  }
  const pid_t thread_;
};

/// The first thread of that name.
pid_t thread_of(const Operator& op, const std::string& name) {
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(op.id()) + "/task")) {
    if (read_file(entry.path() / "comm") == name + "\n") return std::stoi(entry.path().filename());
  }
  throw std::runtime_error("the operator has no thread " + name);
}

}  // namespace

TEST_CASE("a thread that hangs fails liveness until it goes on", "[liveness]") {
  const Cluster cluster;
  const Operator op(cluster);
  const auto lives = [&op] { return op.is_live(); };
  SECTION("one of the listener's") {
    const Halted halted(thread_of(op, "webhook-1"));
    eventually(
        "liveness fails", [&] { return !lives(); }, 10s + kPatience);
    CHECK_THAT(op.metrics_port("/livez").body,
               Catch::StartsWith("[-]webhook-threads: a webhook thread has been stuck for "));
  }
  SECTION("the API client's") {
    const Halted halted(op.id());
    eventually("liveness fails", [&] { return !lives(); });
  }
  eventually("it is live again", lives);
}

}  // namespace receiver::test
