#include "kube/exec_plugin.h"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <signal.h>
#include <thread>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch.hpp>

#include "json/json.h"
#include "test/support/temporary_directory.h"

namespace receiver::kube {

using test::TemporaryDirectory;

namespace {

using Catch::Contains;
using namespace std::chrono_literals;
using Outcome = tl::expected<ExecCredential, std::string>;

constexpr const char* kVersion = "client.authentication.k8s.io/v1";

ExecPlugin plugin_of(const std::string& command) {
  ExecPlugin plugin;
  plugin.api_version = kVersion;
  plugin.command = command;
  return plugin;
}

std::string credential(const std::string& status) {
  return R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":)" +
         status + "}";
}

boost::asio::awaitable<void> run_into(std::optional<Outcome>& outcome, ExecPlugin plugin,
                                      std::string info, std::shared_ptr<const bool> stop,
                                      ExecLimits limits) {
  const auto executor = co_await boost::asio::this_coro::executor;
  outcome = co_await run_exec_plugin(executor, std::move(plugin), std::move(info), std::move(stop),
                                     limits);
}

Outcome run(const ExecPlugin& plugin, ExecLimits limits = {}, const std::string& info = "{}") {
  boost::asio::io_context context;
  std::optional<Outcome> outcome;
  boost::asio::co_spawn(context,
                        run_into(outcome, plugin, info, std::make_shared<bool>(false), limits),
                        boost::asio::detached);
  context.run();
  REQUIRE(outcome);
  return *outcome;
}

/// Whether a process exists, including a zombie.
bool is_running(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

pid_t pid_in(const std::string& file) {
  std::ifstream stream(file);
  pid_t pid = 0;
  stream >> pid;
  return pid;
}

}  // namespace

TEST_CASE("a plugin's token and expiry are taken from what it prints") {
  const TemporaryDirectory directory;
  const auto command = directory.write_script(
      "login", "cat <<END\n" +
                   credential(R"({"token":"abc","expirationTimestamp":"2030-01-02T03:04:05Z"})") +
                   "\nEND");
  const auto result = run(plugin_of(command));
  REQUIRE(result);
  CHECK(result->token.view() == "abc");
  CHECK(result->expires == clock::parse_rfc3339("2030-01-02T03:04:05Z"));
}

TEST_CASE("a plugin gets its arguments, its environment over ours, and KUBERNETES_EXEC_INFO") {
  const TemporaryDirectory directory;
  ExecPlugin plugin = plugin_of(directory.write_script(
      "login",
      "printf '%s|%s|%s|%s|%s' \"$1\" \"$2\" \"$HOME\" \"$KUBERNETES_EXEC_INFO\" \"${PATH:+path}\" "
      ">" +
          directory.path("seen") + "; echo '" + credential(R"({"token":"t"})") + "'"));
  plugin.arguments = {"get token", "$HOME"};
  plugin.environment = {{"HOME", "/there"}};
  REQUIRE(run(plugin, {}, "INFO"));
  std::ifstream seen(directory.path("seen"));
  std::string line;
  std::getline(seen, line);
  CHECK(line == "get token|$HOME|/there|INFO|path");
}

TEST_CASE("a plugin at a terminal has its input and errors there, and a person's time") {
  const TemporaryDirectory directory;
  ExecPlugin plugin = plugin_of(
      directory.write_script("login", "echo 'your name?' >&2; read name; sleep 0.2; echo '" +
                                          credential(R"({"token":"'$name'"})") + "'"));
  plugin.at_terminal = true;
  const ExecLimits hurried{.time = 50ms};
  // Replaces a terminal: input and output.
  std::array<int, 2> input{};
  std::array<int, 2> errors{};
  REQUIRE((::pipe(input.data()) == 0 && ::pipe(errors.data()) == 0));
  const int own_input = ::dup(STDIN_FILENO);
  const int own_errors = ::dup(STDERR_FILENO);
  ::dup2(input[0], STDIN_FILENO);
  ::dup2(errors[1], STDERR_FILENO);
  REQUIRE(::write(input[1], "jane\njane\n", 10) == 10);
  const auto answered = run(plugin, hurried);
  plugin.takes_input = false;
  const auto unasked = run(plugin, hurried);
  ::dup2(own_input, STDIN_FILENO);
  ::dup2(own_errors, STDERR_FILENO);
  std::array<char, 64> said{};
  const ssize_t size = ::read(errors[0], said.data(), said.size());
  for (const int one : {input[0], input[1], errors[0], errors[1], own_input, own_errors}) {
    ::close(one);
  }
  REQUIRE(answered);
  CHECK(answered->token.view() == "jane");
  CHECK(std::string(said.data(), static_cast<std::size_t>(size)) == "your name?\nyour name?\n");
  CHECK_FALSE(unasked);  // there is no token without a name
}

TEST_CASE("a plugin does not get what is no business of its own") {
  const TemporaryDirectory directory;
  ExecPlugin plugin = plugin_of(directory.write_script(
      "login", "echo '" + credential(R"({"token":"t'$TEST_HIDDEN$TEST_SHOWN'"})") + "'"));
  plugin.hidden_variables = {"TEST_HIDDEN"};
  ::setenv("TEST_HIDDEN", "secret", 1);
  ::setenv("TEST_SHOWN", "shown", 1);
  const auto result = run(plugin);
  ::unsetenv("TEST_HIDDEN");
  ::unsetenv("TEST_SHOWN");
  REQUIRE(result);
  CHECK(result->token.view() == "tshown");
}

TEST_CASE("a plugin inherits none of our open files, and has no input") {
  const TemporaryDirectory directory;
  const int open_file = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  REQUIRE(open_file > 2);
  const auto command =
      directory.write_script("login", "[ -e /proc/$$/fd/" + std::to_string(open_file) +
                                          " ] && exit 7\nread line && exit 8\necho '" +
                                          credential(R"({"token":"t"})") + "'");
  // The shell itself may keep the script open with a descriptor of its own, 10 or above.
  if (open_file < 10) CHECK(run(plugin_of(command)));
  ::close(open_file);
}

TEST_CASE("a plugin that cannot be run is named, with its hint") {
  ExecPlugin plugin = plugin_of("no-such-plugin-anywhere");
  CHECK(run(plugin).error() == "credential plugin \"no-such-plugin-anywhere\" is not installed");
  plugin.install_hint = "ask the shop\nfor it";
  CHECK_THAT(run(plugin).error(), Contains("is not installed: ") && Contains("for it"));

  const TemporaryDirectory directory;
  CHECK_THAT(run(plugin_of(directory.write("data", "x"))).error(),
             Contains("cannot be started: Permission denied"));
}

TEST_CASE("a failing plugin is quoted with the last line of its complaint") {
  const TemporaryDirectory directory;
  const auto command =
      directory.write_script("login",
                             "echo secret-token\nfor i in 1 2 3; do echo trace $i >&2; "
                             "done\nprintf 'not\\tlogged in\\n\\n' >&2\nexit 3");
  const auto result = run(plugin_of(command));
  REQUIRE_FALSE(result);
  CHECK(result.error() ==
        "credential plugin \"" + command + "\" ended with status 3: not logged in");
}

TEST_CASE("what a plugin prints is checked, and never quoted") {
  struct Row {
    std::string output;
    const char* error;
  };
  const auto row = GENERATE(values<Row>({
      {"", "not print a JSON"},
      {"secret", "not print a JSON"},
      {"[]", "ExecCredential"},
      {R"({"kind":"ExecCredential","apiVersion":"v2","status":{"token":"secret"}})",
       "ExecCredential of"},
      {R"({"kind":"Secret","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"secret"}})",
       "ExecCredential of"},
      {credential("{}"), "neither"},
      {credential("null"), "neither"},
      {credential(R"({"token":7})"), "neither"},
      {credential(R"({"token":"secret\r\nX: y"})"), "control characters"},
      {credential(R"({"clientCertificateData":"secret"})"), "without the other"},
      {credential(R"({"clientKeyData":"secret"})"), "without the other"},
      {credential(R"({"token":"secret","expirationTimestamp":"secret"})"), "RFC 3339"},
  }));
  const auto result = parse_exec_credential(row.output, kVersion);
  CAPTURE(row.output);
  REQUIRE_FALSE(result);
  CHECK_THAT(result.error(), Contains(row.error) && !Contains("secret"));
}

TEST_CASE("a plugin that prints without end or runs without end is killed, its children too") {
  const TemporaryDirectory directory;
  ExecLimits limits;
  SECTION("output") {
    limits.output_bytes = 1000;
    const auto command = directory.write_script("login", "exec cat /dev/zero");
    CHECK_THAT(run(plugin_of(command), limits).error(), Contains("printed more than 1000 bytes"));
  }
  SECTION("time") {
    const auto pid_file = directory.path("pid");
    const auto command =
        directory.write_script("login", "sleep 1000 & echo $! >" + pid_file + "\nwait");
    pid_t pid = 0;
    // On a slow machine, the time may be over before its child exists.
    for (limits.time = 300ms; pid == 0 && limits.time < 30s; limits.time *= 3) {
      CHECK_THAT(run(plugin_of(command), limits).error(),
                 Contains("did not end within " + std::to_string(limits.time.count()) + " ms"));
      pid = pid_in(pid_file);
    }
    REQUIRE(pid > 0);
    // Killed by now; the process that adopted it may need a moment to reap it.
    for (int i = 0; i < 500 && is_running(pid); ++i) {
      std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
      std::string ignored, name, state;
      stat >> ignored >> name >> state;
      if (state == "Z") break;
      std::this_thread::sleep_for(10ms);
      CHECK(i < 499);
    }
  }
}

TEST_CASE("a plugin is stopped when its client closes, or goes away") {
  const TemporaryDirectory directory;
  const auto pid_file = directory.path("pid");
  const auto command =
      directory.write_script("login", "echo $$ >" + pid_file + ".tmp; mv " + pid_file + ".tmp " +
                                          pid_file + "; exec sleep 1000");
  std::optional<Outcome> outcome;
  const auto stop = std::make_shared<bool>(false);
  {
    boost::asio::io_context context;
    boost::asio::co_spawn(context, run_into(outcome, plugin_of(command), "{}", stop, {}),
                          boost::asio::detached);
    while (pid_in(pid_file) == 0) context.run_one_for(10ms);
    SECTION("closes") {
      *stop = true;
      context.run();
      REQUIRE(outcome);
      CHECK_THAT(outcome->error(), Contains("was stopped"));
    }
    SECTION("goes away") {}
  }
  CHECK_FALSE(is_running(pid_in(pid_file)));
}

TEST_CASE("a plugin learns about the cluster only where it asks for it") {
  Config config;
  config.scheme = "https";
  config.host = "fd00::1";
  config.port = 6443;
  config.base_path = "/k";
  config.tls_server_name = "api\"x";
  ExecPlugin plugin = plugin_of("x");

  auto info = json::parse(exec_info(plugin, config, "CA"));
  REQUIRE(info);
  CHECK(json::string_at(*info, "/apiVersion") == kVersion);
  CHECK(json::string_at(*info, "/kind") == "ExecCredential");
  CHECK(json::find(*info, "/spec/cluster") == nullptr);

  plugin.provide_cluster_info = true;
  info = json::parse(exec_info(plugin, config, "CA"));
  REQUIRE(info);
  CHECK(json::string_at(*info, "/spec/cluster/server") == "https://[fd00::1]:6443/k");
  CHECK(json::string_at(*info, "/spec/cluster/tls-server-name") == "api\"x");
  CHECK(json::string_at(*info, "/spec/cluster/certificate-authority-data") ==
        crypto::base64_encode("CA"));
  CHECK_FALSE(json::bool_at(*info, "/spec/interactive"));
}

}  // namespace receiver::kube
