#include "kube/credentials.h"

#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch.hpp>

#include "test/support/simulated_time.h"
#include "test/support/temporary_directory.h"
#include "test/support/test_certificates.h"

namespace receiver::kube {

using test::TemporaryDirectory;

namespace {

namespace asio = boost::asio;
using Catch::Contains;
using clock::Steady;
using namespace std::chrono_literals;
using test::SimulatedTime;
using test::TestAuthority;

/// Log lines, to be checked between the steps of a test.
struct Log {
  std::vector<std::string> lines;
  log::Logger logger =
      log::Logger::to_callback(log::Level::kInfo, log::Format::kConsole,
                               [this](std::string_view line) { lines.emplace_back(line); });
};

/// A coroutine's result, after running it.
template <typename T>
T await(asio::io_context& context, asio::awaitable<T> work) {
  std::optional<T> result;
  asio::co_spawn(
      context,
      [](asio::awaitable<T> inner, std::optional<T>& out) -> asio::awaitable<void> {
        out.emplace(co_await std::move(inner));
      }(std::move(work), result),
      asio::detached);
  while (!result && context.run_one() > 0) {
  }
  context.restart();
  REQUIRE(result);
  return std::move(*result);
}

Steady::time_point soon() {
  return Steady::now() + 30s;
}

/// A plugin that prints the file "credential" and counts its runs in the file "runs".
class Plugin {
 public:
  explicit Plugin(const std::string& more = "") {
    config_.exec.emplace();
    config_.exec->api_version = "client.authentication.k8s.io/v1";
    config_.exec->command =
        directory_.write_script("login", "echo >>" + directory_.path("runs") + "\n" + more +
                                             "\ncat " + directory_.path("credential"));
  }

  void print(const std::string& status) const {
    directory_.write(
        "credential",
        R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":)" +
            status + "}");
  }
  void fail() const { std::filesystem::remove(directory_.path("credential")); }
  [[nodiscard]] std::uintmax_t runs() const {
    std::error_code none;
    const auto size = std::filesystem::file_size(directory_.path("runs"), none);
    return none ? 0 : size;
  }
  [[nodiscard]] const Config& config() const { return config_; }

 private:
  TemporaryDirectory directory_;
  Config config_;
};

std::string expiring(const std::string& token, std::chrono::milliseconds life) {
  return R"({"token":")" + token + R"(","expirationTimestamp":")" +
         clock::format_nanos(clock::Wall::now() + life) + "\"}";
}

std::string json_text(std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) {
    text.replace(at, 1, "\\n");
  }
  return '"' + text + '"';
}

}  // namespace

TEST_CASE("a token file is read again every minute, and at once when asked") {
  const TemporaryDirectory directory;
  TokenFile file(directory.write("token", "one\n"), log::Logger::none());
  const auto start = Steady::now();
  REQUIRE(file.refresh(start));
  CHECK(file.token().view() == "one");

  directory.write("token", "two");
  CHECK(file.refresh(start + 59s));
  CHECK(file.token().view() == "one");
  CHECK(file.refresh(start + 60s));
  CHECK(file.token().view() == "two");

  directory.write("token", "three");
  CHECK(file.reread(start + 61s));
  CHECK(file.token().view() == "three");
}

TEST_CASE("a token file that cannot be used leaves the last token, and is complained about once") {
  const TemporaryDirectory directory;
  Log log;
  const std::string path = directory.write("token", "one");
  TokenFile file(path, log.logger);
  const auto start = Steady::now();
  REQUIRE(file.refresh(start));

  std::filesystem::remove(path);
  CHECK_FALSE(file.reread(start));
  CHECK_FALSE(file.reread(start));
  CHECK(file.token().view() == "one");
  REQUIRE(log.lines.size() == 1);
  CHECK_THAT(log.lines[0], Contains("WARN") && Contains(path) && Contains("No such file"));

  for (const auto* useless : {"", " \n", "two tokens", "two\nlines"}) {
    directory.write("token", useless);
    CHECK_FALSE(file.reread(start));
    CHECK(file.token().view() == "one");
  }
  CHECK(log.lines.size() == 3);  // one more for the empty ones, one more for the others

  directory.write("token", "two");
  CHECK(file.reread(start));
  CHECK(file.token().view() == "two");
  REQUIRE(log.lines.size() == 4);
  CHECK_THAT(log.lines[3], Contains("INFO"));
  for (const auto& line : log.lines) CHECK_THAT(line, !Contains("two"));
}

TEST_CASE("certificates are taken from files when these change, but never half of a pair") {
  const TemporaryDirectory directory;
  const TestAuthority authority;
  const auto first = authority.issue();
  const auto second = authority.issue();
  Config config;
  config.certificate_authority.file = directory.write("ca.crt", authority.pem());
  config.client_certificate.file = directory.write("client.crt", first.certificate_pem);
  config.client_key.file = directory.write("client.key", first.key_pem);
  Log log;
  ClientTlsFiles files(config, log.logger);
  auto now = Steady::now();
  REQUIRE(files.refresh(now));
  CHECK(files.tls().ca_pem == authority.pem());
  CHECK(files.tls().certificate_pem == first.certificate_pem);
  CHECK(files.tls().key_pem.view() == first.key_pem);

  now += 10s;
  CHECK_FALSE(files.refresh(now));

  directory.write("client.crt", second.certificate_pem);
  CHECK_FALSE(files.refresh(now + 10s - 1ms));  // checked a moment ago
  CHECK(files.problem().empty());
  now += 10s;
  CHECK_FALSE(files.refresh(now));
  CHECK_THAT(files.problem(),
             Contains("does not belong to the client certificate") && Contains("client.crt"));
  CHECK(files.tls().certificate_pem == first.certificate_pem);
  CHECK(log.lines.size() == 1);

  directory.write("client.key", second.key_pem);
  now += 10s;
  CHECK(files.refresh(now));
  CHECK(files.tls().certificate_pem == second.certificate_pem);
  CHECK(files.tls().key_pem.view() == second.key_pem);

  directory.write("ca.crt", "-----BEGIN CERTIFICATE-----\nhalf wri");
  CHECK_FALSE(files.reread(now));
  CHECK_THAT(files.problem(), Contains("certificate authority is not PEM") && Contains("ca.crt"));
  CHECK(files.tls().ca_pem == authority.pem());

  const TestAuthority other;
  directory.write("ca.crt", other.pem());
  CHECK(files.reread(now));
  CHECK(files.tls().ca_pem == other.pem());
}

TEST_CASE("a credential that cannot be read at the start is an error that names it") {
  const TemporaryDirectory directory;
  const TestAuthority authority;
  const auto identity = authority.issue();
  asio::io_context context;
  Config config;
  config.source = "kubeconfig /x";
  std::string error;
  SECTION("token file") {
    config.token_file = directory.path("token");
    error = "kubeconfig /x: token file " + config.token_file + ": No such file";
  }
  SECTION("token") {
    config.token = crypto::SecretString(std::string("a\nb"));
    error = "kubeconfig /x: the token has blanks";
  }
  SECTION("certificate authority") {
    config.certificate_authority.file = directory.path("ca.crt");
    error = "kubeconfig /x: certificate authority " + directory.path("ca.crt") + ": No such file";
  }
  SECTION("client certificate") {
    config.client_certificate.data = "x";
    config.client_key.data = identity.key_pem;
    error = "kubeconfig /x: the client certificate is not PEM";
  }
  SECTION("client key") {
    config.client_certificate.data = identity.certificate_pem;
    config.client_key.file = directory.path("key");
    error = "kubeconfig /x: client key " + directory.path("key") + ": No such file";
  }
  const auto credentials = Credentials::create(context.get_executor(), config, log::Logger::none());
  REQUIRE_FALSE(credentials);
  CHECK_THAT(credentials.error(), Catch::StartsWith(error));
}

TEST_CASE("a token file wins over a token, which serves as long as there is no file") {
  const TemporaryDirectory directory;
  asio::io_context context;
  Config config;
  config.token = crypto::SecretString(std::string("inline"));
  config.token_file = directory.path("token");
  const auto created = Credentials::create(context.get_executor(), config, log::Logger::none());
  REQUIRE(created);
  const auto& credentials = *created;
  const auto before = await(context, credentials->current(soon()));
  REQUIRE(before);
  CHECK(before->token.view() == "inline");

  directory.write("token", "filed");
  CHECK(await(context, credentials->renew(*before, soon())));
  CHECK(await(context, credentials->current(soon()))->token.view() == "filed");
}

TEST_CASE("a token of the configuration itself cannot be renewed") {
  asio::io_context context;
  Config config;
  config.token = crypto::SecretString(std::string("inline"));
  const auto credentials =
      *Credentials::create(context.get_executor(), config, log::Logger::none());
  const auto current = await(context, credentials->current(soon()));
  CHECK_FALSE(await(context, credentials->renew(*current, soon())));
}

TEST_CASE("requests that arrive together share one run of the plugin") {
  const Plugin plugin("sleep 0.1");
  plugin.print(R"({"token":"t"})");
  asio::io_context context;
  const auto credentials =
      *Credentials::create(context.get_executor(), plugin.config(), log::Logger::none());
  int served = 0;
  const auto request = [](std::shared_ptr<Credentials> from, int& count) -> asio::awaitable<void> {
    const auto current = co_await from->current(soon());
    if (current && current->token.view() == "t") ++count;
  };
  for (int i = 0; i < 20; ++i) {
    asio::co_spawn(context, request(credentials, served), asio::detached);
  }
  context.run();
  CHECK(served == 20);
  CHECK(plugin.runs() == 1);

  context.restart();
  CHECK(await(context, credentials->current(soon())));
  CHECK(plugin.runs() == 1);  // without an expiry it is valid forever
}

TEST_CASE("a plugin runs again before its credential expires") {
  struct Row {
    std::chrono::milliseconds life, good;
  };
  const auto row = GENERATE(Row{1h, 59min}, Row{5min, 4min}, Row{5s, 4s}, Row{500ms, 1s});
  CAPTURE(row.life.count());
  SimulatedTime time;
  const Plugin plugin;
  plugin.print(expiring("one", row.life));
  asio::io_context context;
  const auto credentials =
      *Credentials::create(context.get_executor(), plugin.config(), log::Logger::none());
  CHECK(await(context, credentials->current(soon()))->token.view() == "one");
  plugin.print(expiring("two", 2h));
  time.pass(row.good - 1ms);
  CHECK(await(context, credentials->current(soon()))->token.view() == "one");
  CHECK(plugin.runs() == 1);
  time.pass(1ms);
  CHECK(await(context, credentials->current(soon()))->token.view() == "two");
  CHECK(plugin.runs() == 2);
}

TEST_CASE(
    "a failing plugin leaves its last credential until that expires, and is not run for every "
    "request") {
  SimulatedTime time;
  const Plugin plugin;
  plugin.print(expiring("one", 1h));
  asio::io_context context;
  Log log;
  const auto credentials =
      *Credentials::create(context.get_executor(), plugin.config(), log.logger);
  CHECK(await(context, credentials->current(soon()))->token.view() == "one");
  plugin.fail();
  time.pass(59min);
  for (const std::uintmax_t runs : {2U, 3U}) {
    for (int request = 0; request < 3; ++request) {
      CHECK(await(context, credentials->current(soon()))->token.view() == "one");
    }
    CHECK(plugin.runs() == runs);
    time.pass(ExecLimits{}.pause);
  }
  time.pass(40s - 1ms);
  CHECK(await(context, credentials->current(soon())));
  time.pass(1ms);
  const auto current = await(context, credentials->current(soon()));
  REQUIRE_FALSE(current);
  CHECK_THAT(current.error(), Contains("credential plugin") && Contains("ended with status 1"));
  CHECK(plugin.runs() == 4);
  CHECK(log.lines.size() == 1);
}

TEST_CASE("a refused plugin credential is fetched again, but not twice at once") {
  SimulatedTime time;
  const Plugin plugin;
  plugin.print(R"({"token":"one"})");
  asio::io_context context;
  const auto credentials =
      *Credentials::create(context.get_executor(), plugin.config(), log::Logger::none());
  const auto one = await(context, credentials->current(soon()));
  REQUIRE(one);
  plugin.print(R"({"token":"two"})");
  CHECK_FALSE(await(context, credentials->renew(*one, soon())));
  time.pass(ExecLimits{}.pause - 1ms);
  CHECK_FALSE(await(context, credentials->renew(*one, soon())));
  CHECK(plugin.runs() == 1);

  time.pass(1ms);
  CHECK(await(context, credentials->renew(*one, soon())));
  const auto two = await(context, credentials->current(soon()));
  CHECK(two->token.view() == "two");
  CHECK(plugin.runs() == 2);

  // Another request with the old one needs no further run.
  CHECK(await(context, credentials->renew(*one, soon())));
  CHECK(plugin.runs() == 2);
}

TEST_CASE("a plugin may hand out a client certificate") {
  const auto identity = TestAuthority().issue();
  const Plugin plugin;
  plugin.print(R"({"clientCertificateData":)" + json_text(identity.certificate_pem) +
               R"(,"clientKeyData":)" + json_text(identity.key_pem) + "}");
  asio::io_context context;
  const auto credentials =
      *Credentials::create(context.get_executor(), plugin.config(), log::Logger::none());
  CHECK(credentials->tls().certificate_pem.empty());
  const auto current = await(context, credentials->current(soon()));
  REQUIRE(current);
  CHECK(current->tls_version == 1);
  CHECK(current->token.empty());
  CHECK(credentials->tls().certificate_pem == identity.certificate_pem);
  CHECK(credentials->tls().key_pem.view() == identity.key_pem);
}

TEST_CASE("a plugin's certificate with another's key is refused") {
  const TestAuthority authority;
  const Plugin plugin;
  plugin.print(R"({"clientCertificateData":)" + json_text(authority.issue().certificate_pem) +
               R"(,"clientKeyData":)" + json_text(authority.issue().key_pem) + "}");
  asio::io_context context;
  const auto credentials =
      *Credentials::create(context.get_executor(), plugin.config(), log::Logger::none());
  const auto current = await(context, credentials->current(soon()));
  REQUIRE_FALSE(current);
  CHECK_THAT(current.error(), Contains("does not belong"));
}

TEST_CASE("who waits for a slow plugin waits until its own deadline, or until the client closes") {
  const Plugin plugin("exec sleep 1000");
  asio::io_context context;
  const auto credentials =
      *Credentials::create(context.get_executor(), plugin.config(), log::Logger::none());
  const auto start = Steady::now();
  const auto current = await(context, credentials->current(start + 50ms));
  REQUIRE_FALSE(current);
  CHECK_THAT(current.error(), Contains("still running"));
  CHECK(Steady::now() - start < 60s);

  asio::steady_timer timer(context, 50ms);
  timer.async_wait([&](const boost::system::error_code&) { credentials->close(); });
  CHECK_FALSE(await(context, credentials->current(start + 1h)));
  context.run();  // ends: the plugin was stopped
  CHECK(Steady::now() - start < 60s);
}

}  // namespace receiver::kube
