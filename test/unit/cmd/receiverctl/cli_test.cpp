#include "cmd/receiverctl/cli.h"

#include <cerrno>
#include <chrono>
#include <initializer_list>
#include <streambuf>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "cmd/receiverctl/web.h"
#include "controllers/derive.h"
#include "test/support/receiverctl_schema.h"
#include "test/support/temporary_file.h"
#include "test/unit/cmd/receiverctl/terminal.h"

namespace receiver::ctl {
namespace {

using Catch::Contains;

struct Ran {
  int code;
  std::string out;
  std::string err;
};

Ran ctl(std::vector<const char*> arguments, const std::string& input = {}) {
  arguments.insert(arguments.begin(), "receiverctl");
  Terminal terminal(input);
  const int code = terminal.run(arguments);
  return {code, terminal.out.str(), terminal.err.str()};
}

constexpr const char* kSecret = "a-secret-of-sufficient-length";

}  // namespace

TEST_CASE("every command explains itself, with examples") {
  const std::vector<std::vector<const char*>> commands{{},
                                                       {"receivers"},
                                                       {"receivers", "describe"},
                                                       {"wait"},
                                                       {"check"},
                                                       {"register"},
                                                       {"unregister"},
                                                       {"url"},
                                                       {"send"},
                                                       {"explain"},
                                                       {"deliveries"},
                                                       {"version"},
                                                       {"completion"}};
  for (std::vector<const char*> command : commands) {
    command.push_back("--help");
    INFO(command.front());
    const Ran ran = ctl(command);
    CHECK(ran.code == 0);
    CHECK(ran.err.empty());
    CHECK_THAT(ran.out,
               Contains("Examples:\n  ") && Contains("\n  receiverctl ") && !Contains("\n\n\n"));
  }
  const Ran ran = ctl({"--help"});
  CHECK_THAT(ran.out, Contains("Exit codes:") && Contains("kubectl-bitbucket_receiver"));
}

TEST_CASE("called without arguments, it explains itself") {
  const Ran bare = ctl({});
  CHECK(bare.code == 0);
  CHECK(bare.err.empty());
  CHECK(bare.out == ctl({"--help"}).out);
}

TEST_CASE("every command shows the options of all commands") {
  for (const std::vector<const char*>& command : std::vector<std::vector<const char*>>{
           {"--help"}, {"send", "--help"}, {"receivers", "describe", "--help"}}) {
    const Ran ran = ctl(command);
    INFO(ran.out);
    for (const char* option : {"--output FORMAT", "--kubeconfig PATH", "--context NAME",
                               "--request-timeout TIME", "-v, --verbose"}) {
      CHECK_THAT(ran.out, Contains(option));
    }
  }
}

TEST_CASE("called as a kubectl plugin, it calls itself so") {
  const char* plugin = "/usr/local/bin/kubectl-bitbucket_receiver";
  Terminal terminal;
  CHECK(terminal.run({plugin, "--help"}) == 0);
  CHECK_THAT(terminal.out.str(), Contains("Usage: kubectl bitbucket-receiver ") &&
                                     Contains("\n  kubectl bitbucket-receiver check\n") &&
                                     !Contains("\n  receiverctl"));
  Terminal of_command;
  CHECK(of_command.run({plugin, "receivers", "describe", "--help"}) == 0);
  CHECK_THAT(of_command.out.str(),
             Contains("Usage: kubectl bitbucket-receiver receivers describe "));
  Terminal wrong;
  CHECK(wrong.run({plugin, "nonsense"}) == 2);
  CHECK_THAT(wrong.err.str(), Catch::StartsWith("kubectl bitbucket-receiver: "));
}

TEST_CASE("an unknown command or option is reported with a suggestion") {
  struct Row {
    std::vector<const char*> line;
    const char* told;
  };
  const std::vector<Row> rows{
      {{"recievers"}, R"(there is no command "recievers": did you mean "receivers"?)"},
      {{"receivers", "descripe", "a/b"},
       R"(receivers has no command "descripe": did you mean "describe"?)"},
      {{"check", "--porject", "p"},
       R"(check has no option "--porject": did you mean "--project"?)"},
      {{"--contxt=x", "check"}, R"(there is no option "--contxt": did you mean "--context"?)"},
      {{"-o", "json", "chekc"}, R"(there is no command "chekc": did you mean "check"?)"},
      {{"-ojson", "chekc"}, R"(there is no command "chekc": did you mean "check"?)"},
      {{"--output=json", "chekc"}, R"(there is no command "chekc": did you mean "check"?)"},
      {{"check", "--", "--porject"}, "The following argument was not expected: --porject"},
      {{"quux"}, R"(there is no command "quux" (see)"},
  };
  for (const Row& row : rows) {
    const Ran ran = ctl(row.line);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK_THAT(ran.err, Catch::StartsWith(std::string("receiverctl: ") + row.told));
  }
}

TEST_CASE("a request's time is one that a request can have") {
  for (const char* time : {"0", "0s", "1ms", "2h", "-1s", "soon", "s"}) {
    INFO(time);
    const Ran ran = ctl({"version", "--client", "--request-timeout", time});
    CHECK(ran.code == 2);
    CHECK_THAT(ran.err, Contains("100ms to 1h"));
  }
  using namespace std::chrono_literals;
  for (const auto& [text, time] : std::vector<std::pair<const char*, std::chrono::milliseconds>>{
           {"30", 30s}, {"500ms", 500ms}, {"1m30s", 90s}, {"1h", 1h}}) {
    Terminal terminal;
    CHECK(terminal.run({"receiverctl", "version", "--client", "--request-timeout", text}) == 0);
    CHECK(terminal.context.request_timeout == time);
  }
}

TEST_CASE("the operator's settings are taken from where it has them, the environment first") {
  struct Row {
    std::string file;
    Terminal::Variables environment;
    std::string system_namespace;
  };
  const std::vector<Row> rows{
      {"SYSTEM_RESOURCES_NAMESPACE: of-file\n", {}, "of-file"},
      {"SYSTEM_RESOURCES_NAMESPACE: of-file\n", {{"SYSTEM_RESOURCES_NAMESPACE", "given"}}, "given"},
      {"SECRET_ACCESS: cluster\n", {}, "kargo-system-resources"},
      {"[what, another, program, keeps, there]\n", {}, "kargo-system-resources"},
  };
  for (const Row& row : rows) {
    INFO(row.file);
    const test::TemporaryFile file(row.file);
    Terminal::Variables variables = row.environment;
    variables.emplace("CONFIG_FILE", file.path());
    Terminal terminal({}, std::move(variables));
    CHECK(terminal.run({"receiverctl", "check", "--help"}) == 0);
    CHECK(terminal.context.system_namespace == row.system_namespace);
  }
  const test::TemporaryFile file(
      "BITBUCKET_HOSTS: git.example.com\nHTTPS_PROXY: http://proxy\nNO_PROXY: .test\n"
      "KUBECONFIG: /of-file\n");
  Terminal terminal({}, {{"CONFIG_FILE", file.path()}, {"NO_PROXY", "*"}});
  CHECK(terminal.run({"receiverctl", "check", "--help"}) == 0);
  CHECK(terminal.context.environment("BITBUCKET_HOSTS") == "git.example.com");
  CHECK(terminal.context.environment("HTTPS_PROXY") == "http://proxy");
  CHECK(terminal.context.environment("NO_PROXY") == "*");
  CHECK_FALSE(terminal.context.environment("KUBECONFIG"));
}

namespace {

/// Every option with a value of every command, as words of a command line before the value; an
/// empty last word means a positional.
void collect_options(const CLI::App& app, const std::vector<std::string>& words,
                     std::vector<std::vector<std::string>>& found) {
  for (const CLI::Option* option : app.get_options()) {
    auto line = words;
    if (option->get_positional()) {
      found.push_back(std::move(line));
      continue;
    }
    if (option->get_expected_max() == 0) continue;  // a flag
    line.push_back("--" + option->get_lnames().front());
    found.push_back(std::move(line));
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    auto line = words;
    line.push_back(command->get_name());
    collect_options(*command, line, found);
  }
}

std::vector<std::vector<std::string>> all_options() {
  Terminal terminal;
  std::vector<std::vector<std::string>> found;
  collect_options(*make_app("receiverctl", terminal.context), {}, found);
  return found;
}

}  // namespace

TEST_CASE("no option of any command takes an empty value, as of a variable that is not set") {
  const auto options = all_options();
  CHECK(options.size() >= 40);
  for (const auto& words : options) {
    std::vector<const char*> line;
    for (const std::string& word : words) line.push_back(word.c_str());
    line.push_back("");
    const Ran ran = ctl(line, kSecret);
    INFO(words.back() << ": " << ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK_THAT(ran.err, Contains("must not be empty"));
    if (!words.back().starts_with("--")) continue;
    line.pop_back();
    const std::string joined = words.back() + "=";
    line.back() = joined.c_str();
    CHECK(ctl(line, kSecret).code == 2);
  }
}

TEST_CASE("the ClusterConfig is never meant because a project was left out") {
  const std::vector<std::vector<const char*>> lines{
      {"url", "--receiver", "r", "--secret-file", "-", "--base-url", "https://h"},
      {"send", "--receiver", "r", "--repo", "https://h/a/b"},
      {"explain", "-"},
      {"register", "--receiver", "r", "--all-subscribed"},
      {"register", "--receiver", "r", "--repo", "https://bitbucket.org/a/b"},
      {"unregister", "--receiver", "r", "--repo", "https://bitbucket.org/a/b"},
  };
  for (auto line : lines) {
    const Ran ran = ctl(line, kSecret);
    INFO(line.front() << ": " << ran.err);
    CHECK(ran.code == 2);
    CHECK_THAT(ran.err, Contains("--project or --cluster-config"));
    line.insert(line.end(), {"--project", "p", "--cluster-config"});
    CHECK_THAT(ctl(line, kSecret).err, Contains("excludes"));
  }
  for (const auto& line : std::vector<std::vector<const char*>>{
           {"receivers", "describe", "name"},
           {"receivers", "describe", "name/", "-n", "name"},
           {"receivers", "describe", "p/name", "-n", "q"},
           {"receivers", "describe", "p/name", "--cluster-config"}}) {
    const Ran ran = ctl(line);
    INFO(ran.err);
    CHECK(ran.code == 2);
    CHECK_THAT(ran.err,
               Contains("NAME with --cluster-config") || Contains("PROJECT/NAME already names"));
  }
  // The ClusterConfig's, by its flag.
  const Ran url = ctl({"url", "--cluster-config", "--receiver", "bb", "--base-url", "https://h",
                       "--secret-file", "-"},
                      kSecret);
  CHECK(url.code == 0);
  CHECK(url.out ==
        "https://h" + controllers::receiver_path({"https://h", ""}, "", "bb", kSecret) + "\n");
}

TEST_CASE("what a payload says moves no terminal's cursor, in any form of output") {
  const std::string payload = R"({"repository": {"links": {"html": {"href":
    "https://bitbucket.org/a/b"}}}, "push": {"changes": [{"new":
    {"type": "branch", "name": "\u009b2J\u202egnp\u009d0;title\u061c\u001b[2J"}}]}})";
  for (const char* format : {"table", "json", "yaml"}) {
    const Ran ran = ctl({"explain", "-", "--offline", "-o", format}, payload);
    INFO(ran.out);
    CHECK(ran.code == 0);
    CHECK_THAT(ran.out, Contains(R"(\u009b2J\u202egnp\u009d0;title\u061c\u001b[2J)") ||
                            Contains(R"(\u009b2J\u202egnp\u009d0;title\u061c\u001B[2J)") ||
                            Contains(R"(\x9b2J\u202egnp\x9d0;title\u061c\x1b[2J)"));
    for (const char* control : {"\u009b", "\u202e", "\u009d", "\u061c", "\x1b"}) {
      CHECK_THAT(ran.out, !Contains(control));
    }
  }
  // Also for the command line itself.
  const Ran wrong = ctl({"explain", "-", "--offline", "--event", "x", "\u009b2J\xff"});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.err, !Contains("\u009b") && !Contains("\xff") && Contains(R"(\u009b2J)"));
}

TEST_CASE("a secret's file that others can read causes a warning") {
  const test::TemporaryFile file(kSecret);
  const std::vector<const char*> line{
      "url",           "--project",        "p", "--receiver", "r", "--base-url", "https://h",
      "--secret-file", file.path().c_str()};
  CHECK(ctl(line).err.empty());
  REQUIRE(::chmod(file.path().c_str(), 0640) == 0);
  const Ran ran = ctl(line);
  CHECK(ran.code == 0);
  CHECK(ran.err ==
        "warning: other users can read " + file.path() + ": chmod 600 " + file.path() + "\n");
}

TEST_CASE("a wrong command line is reported in one line, with code 2") {
  const std::vector<std::vector<const char*>> wrong{
      {"nonsense"},
      {"-o", "json"},
      {"deliveries", "--since", "yesterday"},
      {"deliveries", "--since", "0"},
      {"deliveries", "--since", "999ms"},
      {"deliveries", "--follow", "--tail", "5"},
      {"deliveries", "--follow", "-o", "yaml"},
      {"deliveries", "-n", "p", "--cluster-config"},
      {"url"},
      {"receivers", "-o", "xml"},
      {"receivers", "describe"},
      {"receivers", "describe", "/name"},
      {"receivers", "describe", "a b/name"},
      {"receivers", "describe", "project/a/b"},
      {"unregister", "--project", "p", "--receiver", "r"},
      {"unregister", "--project", "p", "--receiver", "r", "--all-subscribed", "--yes", "--dry-run"},
      {"send"},
      {"send", "--project", "p", "--receiver", "r"},
      {"send", "--url", "https://h/x"},
      {"send", "--project", "p", "--receiver", "r", "--url", "https://h/x"},
      {"send", "--project", "p", "--receiver", "r", "--repo", "https://h/a/b", "--branch", "b",
       "--tag", "t"},
      {"send", "--project", "p", "--receiver", "r", "--event", "repo:fork"},
      {"send", "--project", "p", "--receiver", "r", "--event", "pr:merged"},
      {"check", "--base-url", "nonsense"},
      {"check", "--service-account", "name"},
      {"url", "--project", "p", "--receiver", "r", "--secret-file", "-", "--base-url",
       "https://u:p@h"},
  };
  for (const auto& arguments : wrong) {
    const Ran ran = ctl(arguments, kSecret);
    INFO(ran.err);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  }
}

TEST_CASE("names that can be none are refused before anybody is asked") {
  const std::vector<std::vector<const char*>> commands{
      {"receivers"},
      {"check"},
      {"wait"},
      {"explain", "-"},
      {"url", "--receiver", "r", "--secret-file", "-", "--base-url", "https://h"},
      {"send", "--receiver", "r", "--repo", "https://h/a/b"},
      {"register", "--receiver", "r", "--all-subscribed"},
      {"unregister", "--receiver", "r", "--all-subscribed"},
  };
  for (const auto& command : commands) {
    for (const char* project : {"a b", "a/b", "a.b", "A", "\xc3\xa9"}) {
      auto line = command;
      line.insert(line.end(), {"--project", project, "--kubeconfig", "/nowhere"});
      const Ran ran = ctl(line, kSecret);
      INFO(command.front() << ' ' << project << ": " << ran.err);
      CHECK(ran.code == 2);
      CHECK_THAT(ran.err, Contains("is not a project's name"));
    }
  }
  for (auto line : std::vector<std::vector<const char*>>{
           {"wait"},
           {"url", "--secret-file", "-", "--base-url", "https://h"},
           {"send", "--repo", "https://h/a/b"},
           {"register", "--all-subscribed"},
           {"unregister", "--all-subscribed"}}) {
    line.insert(line.end(), {"--project", "p", "--kubeconfig", "/nowhere", "--receiver", "a b"});
    for (const char* receiver : {"a b", "a/b", "a\n"}) {
      line.back() = receiver;
      const Ran ran = ctl(line, kSecret);
      INFO(line.front() << ' ' << receiver << ": " << ran.err);
      CHECK(ran.code == 2);
      CHECK_THAT(ran.err, Contains("is not a receiver's name"));
    }
  }
}

TEST_CASE("output that cannot be written is no success") {
  // Like a full disk: the buffer accepts data, and writing fails.
  class Full final : public std::streambuf {
    int sync() override { return -1; }
    int_type overflow(int_type character) override { return character; }
    std::streamsize xsputn(const char* /*text*/, std::streamsize size) override { return size; }
  };
  class Closed final : public std::streambuf {};
  Full full;
  Closed closed;
  for (std::streambuf* buffer : std::initializer_list<std::streambuf*>{&full, &closed}) {
    for (const std::vector<const char*>& line : std::vector<std::vector<const char*>>{
             {"receiverctl", "--help"},
             {"receiverctl", "completion", "bash"},
             {"receiverctl", "url", "--project", "p", "--receiver", "r", "--secret-file", "-",
              "--base-url", "https://h"}}) {
      Terminal terminal(kSecret);
      terminal.context.out.rdbuf(buffer);
      CHECK(terminal.run(line) == 3);
      CHECK(terminal.err.str() == "receiverctl: the output cannot be written\n");
    }
  }
}

TEST_CASE("a reader that has gone away is no failure") {
  // Like a pipe; it takes the first bytes.
  class Pipe final : public std::streambuf {
   public:
    explicit Pipe(int error) : error_(error) {}

   private:
    int sync() override {
      errno = error_;
      return -1;
    }
    std::streamsize xsputn(const char* /*text*/, std::streamsize size) override { return size; }
    int error_;
  };
  struct Row {
    int error;
    int code;
    const char* told;
  };
  for (const Row& row : {Row{EPIPE, 0, ""}, Row{ENOSPC, 3,
                                                "receiverctl: the output cannot be "
                                                "written\n"}}) {
    Pipe pipe(row.error);
    Terminal terminal;
    terminal.context.out.rdbuf(&pipe);
    CHECK(terminal.run({"receiverctl", "--help"}) == row.code);
    CHECK(terminal.err.str() == row.told);
  }
}

TEST_CASE("url computes what the operator publishes, byte for byte") {
  const std::vector<const char*> arguments{"url", "--project",  "apples",           "--receiver",
                                           "bb",  "--base-url", "https://h/kargo/", "--secret-file",
                                           "-"};
  const std::string path =
      controllers::receiver_path({"https://h", "/kargo"}, "apples", "bb", kSecret);
  const Ran plain = ctl(arguments, kSecret);
  CHECK(plain.code == 0);
  CHECK(plain.out == "https://h" + path + "\n");
  CHECK(plain.err.empty());

  auto as_json = arguments;
  as_json.insert(as_json.end(), {"-o", "json"});
  const std::string json = ctl(as_json, kSecret).out;
  CHECK(test::schema_problem(json) == "");
  CHECK_THAT(json, Contains("\"path\": \"" + path + "\",\n      \"url\": \"https://h" + path));
  as_json.back() = "name";
  CHECK(ctl(as_json, kSecret).out == "projectconfig/apples/bb\n");

  const Ran newline = ctl(arguments, std::string(kSecret) + "\n");
  CHECK(newline.code == 0);
  CHECK(newline.out != plain.out);
  CHECK_THAT(newline.err, Contains("newline") && !Contains(kSecret));
}

TEST_CASE("a file that cannot be read is reported with code 3") {
  const std::vector<std::vector<const char*>> unreadable{
      {"url", "--cluster-config", "--receiver", "r", "--base-url", "https://h", "--secret-file",
       "/nowhere"},
      {"url", "--cluster-config", "--receiver", "r", "--base-url", "https://h", "--secret-file",
       "/tmp"},
      {"explain", "/nowhere", "--offline"},
      {"receivers", "--kubeconfig", "/nowhere"},
      {"receivers", "describe", "a/b", "--kubeconfig", "/nowhere"},
  };
  for (const auto& arguments : unreadable) {
    const Ran ran = ctl(arguments);
    INFO(ran.err);
    CHECK(ran.code == 3);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  }
}

TEST_CASE("explain reads a payload without any cluster") {
  const std::string file = std::string(TESTDATA_DIR) + "/bitbucket/cloud/push_tag_create.json";
  const Ran table = ctl({"explain", file.c_str(), "--offline"});
  CHECK(table.code == 0);
  CHECK(table.out ==
        "Event        repo:push of Bitbucket Cloud\n"
        "Repository   https://bitbucket.org/kargo-orchard/fruit-basket\n"
        "Refs         refs/tags/v1.4.0\n");
  const std::string merged =
      std::string(TESTDATA_DIR) + "/bitbucket/data_center/pull_request_merged.json";
  const Ran json = ctl({"explain", merged.c_str(), "--offline", "-o", "json"});
  CHECK(json.code == 0);
  CHECK(test::schema_problem(json.out) == "");
  CHECK_THAT(json.out, Contains("\"source\": \"data_center\",\n      \"pullRequests\": [\n") &&
                           Contains("/projects/ORCH/repos/fruit-basket/pull-requests/27\""));
  const Ran ignored =
      ctl({"explain", merged.c_str(), "--offline", "--event", "repo:fork", "-o", "json"});
  CHECK(ignored.code == 1);
  CHECK(test::schema_problem(ignored.out) == "");
  const Ran nothing = ctl({"explain", "-", "--offline", "--event", "repo:push"}, "{}");
  CHECK(nothing.code == 1);
  CHECK_THAT(nothing.out,
             Contains("none is named") && Contains("all Warehouses of the repository"));
  const Ran no_json = ctl({"explain", "-", "--offline", "--event", "repo:push"}, "[]");
  CHECK(no_json.code == 3);
  CHECK_THAT(no_json.err, Contains("not a JSON object"));
}

TEST_CASE("a web address is taken apart") {
  struct Row {
    const char* url;
    const char* host;
    unsigned short port;
    const char* path;
    const char* origin;
  };
  const std::vector<Row> rows{
      {"https://h/a/b", "h", 443, "/a/b", "https://h"},
      {"http://h", "h", 80, "", "http://h"},
      {"https://h:8443", "h", 8443, "", "https://h:8443"},
      {"http://127.0.0.1:1/x", "127.0.0.1", 1, "/x", "http://127.0.0.1:1"},
      {"https://[::1]:8443/x", "::1", 8443, "/x", "https://[::1]:8443"},
      {"https://[::1]/x", "::1", 443, "/x", "https://[::1]"},
  };
  for (const Row& row : rows) {
    INFO(row.url);
    const auto address = parse_web_address(row.url);
    REQUIRE(address);
    CHECK(address->host == row.host);
    CHECK(address->port == row.port);
    CHECK(address->path == row.path);
    CHECK(address->origin() == row.origin);
  }
  for (const char* url : {"", "h", "ftp://h", "https://", "https://:1", "https://h:x",
                          "https://h:0", "https://h:70000", "https://u:p@h"}) {
    INFO(url);
    CHECK_FALSE(parse_web_address(url));
  }
}

}  // namespace receiver::ctl
