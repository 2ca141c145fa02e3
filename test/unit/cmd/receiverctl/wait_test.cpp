#include "cmd/receiverctl/wait.h"

#include <catch2/catch.hpp>

#include "test/unit/cmd/receiverctl/terminal.h"

namespace receiver::ctl {

TEST_CASE("what is waited for is told by name, and there must be something") {
  const std::vector<ReceiverState> receivers{
      {.project = "apples", .name = "bb", .ready = true},
      {.project = "apples", .name = "lost", .ready = false, .why = "Secret lost not found"}};
  using Strings = std::vector<std::string>;
  CHECK(missing_for_ready(receivers, "apples", "bb").empty());
  CHECK(missing_for_ready(receivers, "apples", "lost") ==
        Strings{"receiver apples/lost: Secret lost not found"});
  CHECK(missing_for_ready(receivers, "apples", "").size() == 1);
  CHECK(missing_for_ready(receivers, "apples", "no") ==
        Strings{"ProjectConfig apples declares no Bitbucket receiver \"no\""});
  CHECK(missing_for_ready({}, "", "") ==
        Strings{"ClusterConfig cluster declares no Bitbucket receiver"});
}

TEST_CASE("wait takes times as Go writes them, or seconds") {
  struct Row {
    const char* time;
    int code;
  };
  // 3: the command line was accepted, and the kubeconfig is missing.
  for (const Row& row : {Row{"90s", 3}, Row{"1m30s", 3}, Row{"5", 3}, Row{"0", 3}, Row{"-1s", 2},
                         Row{"soon", 2}, Row{"5 s", 2}}) {
    INFO(row.time);
    Terminal terminal;
    CHECK(terminal.run({"receiverctl", "wait", "--for=ready", "--project", "p", "--timeout",
                        row.time, "--kubeconfig", "/nowhere"}) == row.code);
  }
  Terminal terminal;
  CHECK(terminal.run({"receiverctl", "wait", "--for=done", "--project", "p"}) == 2);
}

}  // namespace receiver::ctl
