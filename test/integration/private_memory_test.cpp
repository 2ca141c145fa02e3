#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/eventually.h"
#include "test/support/process.h"
#include "test/support/temporary_directory.h"

namespace receiver::test {

// When a process is not dumpable, the kernel gives its files in /proc to root: it writes no core
// dump, and no process of its user reads its memory.
TEST_CASE("neither program leaves its secrets in a core dump", "[receiverctl]") {
  const TemporaryDirectory folder;
  std::filesystem::permissions(folder.path(""), std::filesystem::perms::all);
  // Opening it for reading blocks: there is no writer.
  const std::string fifo = folder.path("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0644) == 0);
  const uid_t user = ::geteuid() == 0 ? 65534 : ::geteuid();
  const auto owner_of_memory = [&](std::vector<std::string> command, const Environment& more) {
    const std::string program = std::filesystem::path(command.front()).filename();
    if (user != ::geteuid()) {
      command.insert(command.begin(),
                     {"setpriv", fmt::format("--reuid={}", user), "--clear-groups"});
    }
    Environment environment = current_environment();
    for (const auto& [name, value] : more) environment[name] = value;
    const Process process(command, environment, folder.path("output"));
    const std::string of_process = fmt::format("/proc/{}/", process.id());
    struct stat about {};
    eventually("the program has begun", [&] {
      // The dynamic linker runs before main().
      return read_file(of_process + "comm").starts_with(program.substr(0, 15)) &&
             read_file(of_process + "stat").find(") S ") != std::string::npos &&
             ::stat((of_process + "mem").c_str(), &about) == 0;
    });
    return about.st_uid;
  };
  CHECK(owner_of_memory({"cat", fifo}, {}) == user);
  CHECK(owner_of_memory({RECEIVERCTL_BINARY, "explain", fifo, "--offline"}, {}) == 0);
  CHECK(owner_of_memory({OPERATOR_BINARY}, {{"CONFIG_FILE", fifo}}) == 0);
}

}  // namespace receiver::test
