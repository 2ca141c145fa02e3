#include "cmd/receiverctl/completion.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "cmd/receiverctl/cli.h"
#include "test/unit/cmd/receiverctl/terminal.h"

namespace receiver::ctl {
namespace {

using Catch::Contains;

std::string printed(const char* kind) {
  Terminal terminal;
  CHECK(terminal.run({"receiverctl", "completion", kind}) == 0);
  CHECK(terminal.err.str().empty());
  return terminal.out.str();
}

/// The long names of all options of all commands.
std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> found;
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) found.push_back(name);
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    for (auto& name : option_names(*command)) found.push_back(std::move(name));
  }
  return found;
}

}  // namespace

TEST_CASE("completions and manual page know every option") {
  Terminal terminal;
  const auto names = option_names(*make_app("receiverctl", terminal.context));
  CHECK(names.size() >= 40);
  struct Row {
    const char* kind;
    const char* before;
  };
  for (const auto& [kind, before] :
       std::vector<Row>{{"bash", "--"}, {"zsh", "--"}, {"fish", " -l "}, {"man", "\\fB\\-\\-"}}) {
    INFO(kind);
    const std::string text = printed(kind);
    for (std::string name : names) {
      for (auto at = name.find('-'); kind == std::string("man") && at != std::string::npos;
           at = name.find('-', at + 2)) {
        name.insert(at, 1, '\\');
      }
      CHECK_THAT(text, Contains(before + name));
    }
  }
}

TEST_CASE("completions offer a command's own options after it, and the common ones") {
  const std::string bash = printed("bash");
  CHECK_THAT(bash,
             Contains("    ' receivers') words='describe -h --help -n --namespace --project"));
  CHECK_THAT(
      bash,
      Contains(
          "    ' receivers describe') words='-h --help -n --namespace --project --cluster-config"));
  CHECK_THAT(bash, Contains("    '') words='receivers check "));
}

TEST_CASE("what is quoted in a shell and in man's language stays what it was") {
  CHECK_THAT(printed("zsh"), Contains(R"('url:Compute a receiver'\''s URL)"));
  CHECK_THAT(printed("fish"), Contains(R"(-d 'Compute a receiver\'s URL)"));
  CHECK_THAT(printed("man"), Contains("\n  receiverctl check \\-\\-via ") && Contains(" \\e\n"));
}

TEST_CASE("kubectl is told what may stand in place of the last word") {
  struct Row {
    std::vector<const char*> words;
    const char* told;
  };
  const std::vector<Row> rows{
      {{"rec"}, "receivers\n:4\n"},
      {{"receivers", ""}, "describe\n:4\n"},
      {{"receivers", "describe", "--show"}, "--show-urls\n:4\n"},
      {{"-o", "json", "chec"}, "check\n:4\n"},
      {{"send", "--request-ti"}, "--request-timeout\n:4\n"},
      {{"check", "--kubeconfig", "ch"}, ":0\n"},  // a file
      {{"explain", ""}, ":0\n"},
      {{"nonsense"}, ":0\n"},
  };
  for (Row row : rows) {
    row.words.insert(row.words.begin(), "/usr/local/bin/kubectl_complete-bitbucket_receiver");
    Terminal terminal;
    CHECK(terminal.run(row.words) == 0);
    CHECK(terminal.out.str() == row.told);
    CHECK(terminal.err.str().empty());
  }
  Terminal all;
  CHECK(all.run({"kubectl_complete-bitbucket_receiver"}) == 0);
  CHECK_THAT(all.out.str(), Catch::StartsWith("receivers\n") && Contains("\ncheck\n") &&
                                Catch::EndsWith("\n:4\n") && !Contains("--"));
}

TEST_CASE("other shells are refused") {
  Terminal terminal;
  CHECK(terminal.run({"receiverctl", "completion", "tcsh"}) == 2);
}

}  // namespace receiver::ctl
