#include "cmd/bitbucket-receiver/settings.h"

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cmd/bitbucket-receiver/settings_table.h"
#include "test/support/temporary_file.h"

namespace receiver {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using File = test::TemporaryFile;
using Variables = std::map<std::string, std::string, std::less<>>;
using Flags = std::vector<std::string>;

constexpr const char* kUrl = "https://hooks.example.com/kargo";

/// Parses these flags in this environment.
tl::expected<Settings, EarlyExit> started(const Flags& flags, const Variables& variables) {
  std::vector<const char*> argv{"bitbucket-receiver"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  return parse_settings(static_cast<int>(argv.size()), argv.data(),
                        [&variables](std::string_view name) -> std::optional<std::string> {
                          const auto found = variables.find(name);
                          if (found == variables.end()) return std::nullopt;
                          return found->second;
                        });
}

/// With the one required setting.
Settings parsed(Flags flags, Variables variables = {}) {
  variables.emplace("EXTERNAL_WEBHOOK_SERVER_BASE_URL", kUrl);
  auto settings = started(flags, variables);
  if (!settings) FAIL(settings.error().text);
  return *settings;
}

/// The error, one line.
std::string refusal(Flags flags, Variables variables = {}) {
  variables.emplace("EXTERNAL_WEBHOOK_SERVER_BASE_URL", kUrl);
  const auto settings = started(flags, variables);
  REQUIRE_FALSE(settings);
  CHECK(settings.error().code == 2);
  const std::string& text = settings.error().text;
  CHECK_THAT(text, StartsWith("bitbucket-receiver: "));
  CHECK(text.find('\n') == text.size() - 1);
  return text;
}

}  // namespace

TEST_CASE("everything but the base URL has the default that the contract names") {
  const Settings settings = parsed({});
  CHECK(settings.base_url_text == kUrl);
  CHECK(settings.receivers.base_url.origin == "https://hooks.example.com");
  CHECK(settings.receivers.base_url.path == "/kargo");
  CHECK(settings.listener.address == "::");
  CHECK(settings.listener.port == 8080);
  CHECK_FALSE(settings.listener.tls);
  CHECK(settings.metrics_listener.port == 9090);
  CHECK(settings.listener.limits.body_bytes == 2'097'152);
  CHECK(settings.listener.limits.bodies_bytes == 33'554'432);
  CHECK(settings.listener.limits.connections == 2000);
  CHECK(settings.listener.limits.requests == 2000);
  CHECK(settings.listener.limits.header_bytes == 16'384);
  CHECK(settings.listener.limits.header_time == 10s);
  CHECK(settings.listener.limits.body_time == 10s);
  CHECK(settings.listener.limits.idle_time == 75s);
  CHECK(settings.deliveries.answer_deadline == 8s);
  CHECK(settings.graceful_shutdown_timeout == 30s);
  CHECK(settings.kubeconfig.empty());
  CHECK(settings.rest.queries_per_second == 0);
  CHECK(settings.rest.burst == 0);
  CHECK(settings.receivers.system_namespace == "kargo-system-resources");
  CHECK(settings.receivers.secret_access == controllers::SecretAccess::kNamespaced);
  CHECK(settings.refresher.patches_in_flight == 64);
  CHECK(settings.receivers.workers == 4);
  CHECK(settings.leader_elect);
  CHECK(settings.lease.ns == "kargo");
  CHECK_FALSE(settings.pod_name.empty());
  CHECK(settings.catch_up);
  CHECK(settings.log_level == log::Level::kInfo);
  CHECK(settings.log_format == log::Format::kConsole);
  CHECK(settings.config_file.empty());
  CHECK_FALSE(settings.log_level_follows_file);
}

namespace {

/// Every setting except CONFIG_FILE, with a value other than its default.
const Variables kAll{
    {"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "http://other.example.com"},
    {"BIND_ADDRESS", "::1"},
    {"PORT", "1234"},
    {"TLS_ENABLED", "true"},
    {"TLS_CERT_PATH", "/tls/tls.crt"},
    {"TLS_KEY_PATH", "/tls/tls.key"},
    {"METRICS_PORT", "0"},
    {"MAX_BODY_BYTES", "1000"},
    {"MAX_BODIES_BYTES", "20000"},
    {"MAX_CONNECTIONS", "30"},
    {"MAX_REQUESTS_IN_FLIGHT", "25"},
    {"MAX_HEADER_BYTES", "2048"},
    {"HEADER_TIMEOUT", "2s"},
    {"BODY_TIMEOUT", "3s"},
    {"IDLE_TIMEOUT", "4s"},
    {"ANSWER_DEADLINE", "1.5s"},
    {"GRACEFUL_SHUTDOWN_TIMEOUT", "1m10s"},
    {"KUBECONFIG", "/kube/config"},
    {"KUBE_API_QPS", "12.5"},
    {"KUBE_API_BURST", "40"},
    {"SYSTEM_RESOURCES_NAMESPACE", "system"},
    {"SECRET_ACCESS", "cluster"},
    {"BITBUCKET_HOSTS", "git.example.com, Bitbucket.example.com:8443"},
    {"HTTPS_PROXY", "http://proxy.example.com:3128"},
    {"NO_PROXY", "example.org"},
    {"MAX_CONCURRENT_PATCHES", "7"},
    {"MAX_CONCURRENT_PROJECT_CONFIG_RECONCILES", "9"},
    {"LEADER_ELECT", "false"},
    {"POD_NAMESPACE", "elsewhere"},
    {"POD_NAME", "receiver-0"},
    {"CATCH_UP", "false"},
    {"LOG_LEVEL", "debug"},
    {"LOG_FORMAT", "json"},
};

void check_all(const Settings& settings) {
  CHECK(settings.base_url_text == "http://other.example.com");
  CHECK(settings.receivers.base_url.origin == "http://other.example.com");
  CHECK(settings.listener.address == "::1");
  CHECK(settings.listener.port == 1234);
  REQUIRE(settings.listener.tls);
  CHECK(settings.listener.tls->certificate_path == "/tls/tls.crt");
  CHECK(settings.listener.tls->key_path == "/tls/tls.key");
  CHECK(settings.metrics_listener.port == 0);
  CHECK(settings.metrics_listener.address == "::1");
  CHECK(settings.deliveries.limits.body_bytes == 1000);
  CHECK(settings.listener.limits.body_bytes == 1000);
  CHECK(settings.listener.limits.bodies_bytes == 20'000);
  CHECK(settings.listener.limits.connections == 30);
  CHECK(settings.listener.limits.requests == 25);
  CHECK(settings.listener.limits.header_bytes == 2048);
  CHECK(settings.listener.limits.header_time == 2s);
  CHECK(settings.listener.limits.body_time == 3s);
  CHECK(settings.listener.limits.idle_time == 4s);
  CHECK(settings.deliveries.answer_deadline == 1500ms);
  CHECK(settings.graceful_shutdown_timeout == 70s);
  CHECK(settings.rest.queries_per_second == 12.5);
  CHECK(settings.rest.burst == 40);
  CHECK(settings.receivers.system_namespace == "system");
  CHECK(settings.receivers.secret_access == controllers::SecretAccess::kCluster);
  CHECK(settings.receivers.bitbucket_hosts.allow("git.example.com"));
  CHECK(settings.receivers.bitbucket_hosts.allow("bitbucket.example.com:8443"));
  REQUIRE(settings.bitbucket_proxy.proxy);
  CHECK(settings.bitbucket_proxy.proxy->address() == "proxy.example.com:3128");
  CHECK(settings.bitbucket_proxy.exceptions == "example.org");
  CHECK(settings.refresher.patches_in_flight == 7);
  CHECK(settings.rest.patches == 7);
  CHECK(settings.receivers.workers == 9);
  CHECK(settings.rest.status_writes == 9);
  CHECK_FALSE(settings.leader_elect);
  CHECK(settings.lease.ns == "elsewhere");
  CHECK(settings.pod_name == "receiver-0");
  CHECK_FALSE(settings.catch_up);
  CHECK(settings.log_level == log::Level::kDebug);
  CHECK(settings.log_format == log::Format::kJson);
}

std::string flag_of(std::string variable) {
  for (char& c : variable) c = c == '_' ? '-' : static_cast<char>(std::tolower(c));
  return "--" + variable;
}

}  // namespace

TEST_CASE("the tests below try every setting") {
  Settings settings;
  for (const Setting& setting : settings_table(settings)) {
    CAPTURE(setting.variable);
    CHECK((kAll.contains(setting.variable) || setting.variable == "CONFIG_FILE"));
  }
}

TEST_CASE("everything can be set by flag") {
  Flags flags;
  for (const auto& [variable, value] : kAll) flags.push_back(flag_of(variable) + "=" + value);
  const auto settings = started(flags, {});
  REQUIRE(settings);
  check_all(*settings);
  CHECK(settings->kubeconfig == "/kube/config");
}

TEST_CASE("everything can be set by the environment") {
  const auto settings = started({}, kAll);
  REQUIRE(settings);
  check_all(*settings);
  // A list of files, which the Kubernetes client reads.
  CHECK(settings->kubeconfig.empty());
}

TEST_CASE("everything can be set by the file") {
  std::string content = "# all of them\n";
  for (const auto& [variable, value] : kAll) {
    content.append(variable).append(": '").append(value).append("'\n");
  }
  const File file(content);
  const auto settings = started({"--config-file", file.path()}, {});
  REQUIRE(settings);
  check_all(*settings);
  CHECK(settings->kubeconfig == "/kube/config");
  CHECK(settings->config_file == file.path());
}

TEST_CASE("a flag beats the environment, which beats the file") {
  const File file("PORT: 1001\nMETRICS_PORT: 1002\nMAX_CONNECTIONS: 1003\nKUBECONFIG: /file\n");
  const Settings settings = parsed({"--port=3001"}, {{"CONFIG_FILE", file.path()},
                                                     {"PORT", "2001"},
                                                     {"METRICS_PORT", "2002"},
                                                     {"KUBECONFIG", "/a:/b"}});
  CHECK(settings.listener.port == 3001);
  CHECK(settings.metrics_listener.port == 2002);
  CHECK(settings.listener.limits.connections == 1003);
  CHECK(settings.kubeconfig.empty());
}

TEST_CASE("the flag's file beats the environment's") {
  const File mine("PORT: 1\n");
  const File other("PORT: 2\n");
  CHECK(parsed({"--config-file", mine.path()}, {{"CONFIG_FILE", other.path()}}).listener.port == 1);
}

TEST_CASE("of a repeated flag the last counts") {
  CHECK(parsed({"--port=1", "--port", "2"}).listener.port == 2);
}

TEST_CASE("an empty value in the environment or the file counts as not given") {
  const File file("METRICS_PORT:\nPOD_NAMESPACE: \"\"\nLOG_LEVEL: DEBUG\n");
  const Settings settings =
      parsed({}, {{"CONFIG_FILE", file.path()}, {"PORT", ""}, {"LOG_LEVEL", ""}});
  CHECK(settings.listener.port == 8080);
  CHECK(settings.metrics_listener.port == 9090);
  CHECK(settings.lease.ns == "kargo");
  CHECK(settings.log_level == log::Level::kDebug);
}

TEST_CASE("an empty system resources namespace turns the ClusterConfig's receivers off") {
  CHECK(parsed({}, {{"SYSTEM_RESOURCES_NAMESPACE", ""}}).receivers.system_namespace.empty());
  const File file("SYSTEM_RESOURCES_NAMESPACE: ''\n");
  CHECK(parsed({"--config-file=" + file.path()}).receivers.system_namespace.empty());
  // CLI11 alone would use the next flag as the value.
  const Settings settings = parsed({"--system-resources-namespace=", "--port=99"});
  CHECK(settings.receivers.system_namespace.empty());
  CHECK(settings.listener.port == 99);
}

TEST_CASE("switches take what Go takes for a boolean") {
  for (const std::string yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    CAPTURE(yes);
    CHECK(parsed({}, {{"CATCH_UP", yes}}).catch_up);
    CHECK(parsed({"--catch-up=" + yes}, {{"CATCH_UP", "false"}}).catch_up);
  }
  for (const std::string no : {"0", "f", "F", "FALSE", "false", "False"}) {
    CAPTURE(no);
    CHECK_FALSE(parsed({}, {{"CATCH_UP", no}}).catch_up);
    CHECK_FALSE(parsed({"--catch-up=" + no}).catch_up);
  }
  CHECK(parsed({"--catch-up"}, {{"CATCH_UP", "false"}}).catch_up);
}

TEST_CASE("the environment may name the proxy in lower case, as other programs read it") {
  const Settings lower = parsed({}, {{"https_proxy", "proxy.example.com:3128"},
                                     {"no_proxy", "example.org"},
                                     {"bitbucket_hosts", "git.example.com"}});
  CHECK(lower.bitbucket_proxy.for_server("api.bitbucket.org", 443));
  CHECK_FALSE(lower.bitbucket_proxy.for_server("git.example.org", 443));
  CHECK_FALSE(lower.receivers.bitbucket_hosts.allow("git.example.com"));
  const Settings both =
      parsed({}, {{"https_proxy", "http://lower:1"}, {"HTTPS_PROXY", "http://upper:2"}});
  CHECK(both.bitbucket_proxy.proxy->host == "upper");
  CHECK_FALSE(parsed({}, {{"HTTPS_PROXY", ""}}).bitbucket_proxy.proxy);
  CHECK_THAT(refusal({"--https-proxy=http://user:hunter2@[::1]:3128"}), !Contains("hunter2"));
}

TEST_CASE("TLS paths without TLS are kept for later") {
  CHECK_FALSE(parsed({}, {{"TLS_CERT_PATH", "/a"}, {"TLS_KEY_PATH", "/b"}}).listener.tls);
}

TEST_CASE("without a burst it is twice the requests per second") {
  CHECK(parsed({"--kube-api-qps=2.2"}).rest.burst == 5);
  CHECK(parsed({"--kube-api-qps=0"}).rest.burst == 0);
}

TEST_CASE("a burst without requests per second limits nothing, and does not stop the start") {
  CHECK(parsed({"--kube-api-burst=5"}).rest.burst == 0);
  CHECK(parsed({}, {{"KUBE_API_BURST", "300"}}).rest.queries_per_second == 0);
  CHECK(parsed({"--kube-api-qps=0"}, {{"KUBE_API_BURST", "300"}}).rest.burst == 0);
  CHECK(parsed({"--kube-api-qps=50"}, {{"KUBE_API_BURST", "300"}}).rest.burst == 300);
}

TEST_CASE("a value that is not as expected stops the start") {
  struct Case {
    std::string variable, value, expected;
  };
  const std::string port = "a port, a whole number from 0 to 65535";
  const std::string url = "the URL under which Bitbucket reaches this server";
  const auto [variable, value, expected] = GENERATE_COPY(values<Case>({
      {"PORT", "70000", port},
      {"PORT", "65536", port},
      {"PORT", "-1", port},
      {"PORT", "abc", port},
      {"PORT", "80 ", port},
      {"PORT", "+80", port},
      {"PORT", "0x50", port},
      // What Kubernetes sets for a Service with the name "metrics".
      {"METRICS_PORT", "tcp://10.0.0.1:9090", port},
      {"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "hooks.example.com", url},
      {"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "ftp://hooks.example.com", url},
      {"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "https://hooks.example.com#x", url},
      {"BIND_ADDRESS", "localhost", "an IP address"},
      {"BIND_ADDRESS", "[::]", "an IP address"},
      {"TLS_ENABLED", "yes", "true or false"},
      {"LEADER_ELECT", "tRue", "true or false"},
      {"MAX_BODY_BYTES", "0", "a whole number from 1 to"},
      {"MAX_BODY_BYTES", "2MiB", "a whole number from 1 to"},
      {"MAX_BODIES_BYTES", "99999999999999999999", "a whole number from 1 to"},
      {"MAX_CONNECTIONS", "0", "a whole number from 1 to"},
      {"MAX_REQUESTS_IN_FLIGHT", "0", "a whole number from 1 to"},
      {"MAX_HEADER_BYTES", "1023", "a whole number from 1024 to"},
      {"HEADER_TIMEOUT", "0s", "a duration from 100ms to 10m"},
      {"BODY_TIMEOUT", "11m", "a duration from 100ms to 10m"},
      {"IDLE_TIMEOUT", "75", "a duration from 100ms to 1440m"},
      {"MAX_CONCURRENT_PATCHES", "0", "a whole number from 1 to"},
      {"MAX_CONCURRENT_PROJECT_CONFIG_RECONCILES", "0", "a whole number from 1 to"},
      {"ANSWER_DEADLINE", "8", "a duration from 100ms to 1m"},
      {"ANSWER_DEADLINE", "99ms", "a duration from 100ms to 1m"},
      {"ANSWER_DEADLINE", "-8s", "a duration from 100ms to 1m"},
      {"ANSWER_DEADLINE", "60001ms", "a duration from 100ms to 1m"},
      {"GRACEFUL_SHUTDOWN_TIMEOUT", "4999ms", "a duration from 5s to 60m"},
      {"KUBE_API_QPS", "nan", "a number from 0"},
      {"KUBE_API_QPS", "-1", "a number from 0"},
      {"KUBE_API_QPS", "inf", "a number from 0"},
      {"KUBE_API_BURST", "0", "a whole number from 1 to"},
      {"SECRET_ACCESS", "all", "namespaced or cluster"},
      {"SYSTEM_RESOURCES_NAMESPACE", "Upper", "the name of a namespace"},
      {"BITBUCKET_HOSTS", "https://git.example.com", "hosts separated by commas"},
      {"BITBUCKET_HOSTS", "git.example.com/context", "hosts separated by commas"},
      {"HTTPS_PROXY", "ftp://proxy", "http://HOST:PORT"},
      {"HTTPS_PROXY", "https://proxy.example.com", "http://HOST:PORT"},
      {"POD_NAMESPACE", "-a", "the name of a namespace"},
      {"POD_NAMESPACE", "a.b", "the name of a namespace"},
      {"POD_NAME", "a b", "at most 253 characters"},
      {"LOG_LEVEL", "loud", "ERROR, WARN, INFO, DEBUG or TRACE"},
      {"LOG_FORMAT", "xml", "CONSOLE or JSON"},
  }));
  CAPTURE(variable, value);
  const std::string is = " is \"" + value + "\": expected " + expected;
  CHECK_THAT(refusal({}, {{variable, value}}), StartsWith("bitbucket-receiver: " + variable + is));
  CHECK_THAT(refusal({flag_of(variable) + "=" + value}),
             StartsWith("bitbucket-receiver: " + flag_of(variable) + is));
  const File file(variable + ": \"" + value + "\"\n");
  const auto settings = started({}, {{"CONFIG_FILE", file.path()}});
  REQUIRE_FALSE(settings);
  CHECK_THAT(settings.error().text,
             StartsWith("bitbucket-receiver: " + variable + " in " + file.path() + is));
}

TEST_CASE("both ends of every range belong to it, and what is beyond them does not") {
  Settings settings;
  std::size_t ranges = 0;
  for (const Setting& setting : settings_table(settings)) {
    if (!setting.kind.range) continue;
    const Range range = *setting.kind.range;
    const auto takes = [&](std::int64_t value) {
      return setting.kind.read(fmt::format("{}{}", value, range.unit));
    };
    CAPTURE(setting.variable);
    CHECK_FALSE(takes(range.least - 1));
    CHECK(takes(range.least));
    CHECK(takes(range.most));
    CHECK_FALSE(takes(range.most + 1));
    ++ranges;
  }
  CHECK(ranges == 16);
}

TEST_CASE("names may be as long as Kubernetes allows") {
  const auto letters = [](std::size_t number) { return std::string(number, 'a'); };
  CHECK(parsed({"--pod-namespace=" + letters(63)}).lease.ns.size() == 63);
  CHECK_THAT(refusal({"--pod-namespace=" + letters(64)}), Contains("at most 63"));
  CHECK(parsed({"--pod-name=" + letters(253)}).pod_name.size() == 253);
  CHECK_THAT(refusal({"--pod-name=" + letters(254)}), Contains("at most 253"));
}

TEST_CASE("ranges are those of the contract") {
  const std::map<std::string, std::string> ranges{
      {"PORT", "a port, a whole number from 0 to 65535"},
      {"ANSWER_DEADLINE", "a duration from 100ms to 1m"},
      {"MAX_BODY_BYTES", "a whole number from 1 to 1073741824"},
      {"MAX_BODIES_BYTES", "a whole number from 1 to 68719476736"},
      {"MAX_CONNECTIONS", "a whole number from 1 to 1000000"},
      {"MAX_REQUESTS_IN_FLIGHT", "a whole number from 1 to 1000000"},
      {"MAX_HEADER_BYTES", "a whole number from 1024 to 1048576"},
      {"HEADER_TIMEOUT", "a duration from 100ms to 10m"},
      {"BODY_TIMEOUT", "a duration from 100ms to 10m"},
      {"IDLE_TIMEOUT", "a duration from 100ms to 1440m"},
      {"KUBE_API_QPS", "a number from 0 to 100000; 0: no limit"},
      {"KUBE_API_BURST", "a whole number from 1 to 1000000"},
      {"MAX_CONCURRENT_PATCHES", "a whole number from 1 to 1000"},
      {"MAX_CONCURRENT_PROJECT_CONFIG_RECONCILES", "a whole number from 1 to 100"},
      {"METRICS_PORT", "a port, a whole number from 0 to 65535"},
      {"GRACEFUL_SHUTDOWN_TIMEOUT", "a duration from 5s to 60m"},
  };
  const std::string unit = ", with its unit, such as 8s or 1m30s";
  Settings settings;
  std::map<std::string, std::string> found;
  for (const Setting& setting : settings_table(settings)) {
    if (!setting.kind.range) continue;
    std::string expected = setting.kind.expected;
    if (expected.ends_with(unit)) expected.resize(expected.size() - unit.size());
    found.emplace(setting.variable, expected);
  }
  CHECK(found == ranges);
}

TEST_CASE("the base URL is required") {
  for (const Variables& variables :
       {Variables{}, Variables{{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", ""}}}) {
    const auto settings = started({}, variables);
    REQUIRE_FALSE(settings);
    CHECK(settings.error().code == 2);
    CHECK_THAT(settings.error().text,
               StartsWith("bitbucket-receiver: EXTERNAL_WEBHOOK_SERVER_BASE_URL is not set") &&
                   Contains("--external-webhook-server-base-url"));
  }
}

TEST_CASE("what may be a secret in a base URL is not repeated") {
  for (const std::string url :
       {"https://user:hunter2@hooks.example.com", "https://hooks.example.com/?token=hunter2"}) {
    const std::string line = refusal({"--external-webhook-server-base-url", url});
    CHECK_THAT(line, Contains("--external-webhook-server-base-url is not allowed: expected"));
    CHECK_THAT(line, !Contains("hunter2"));
  }
}

TEST_CASE("a wrong value is shown on one line, and not whole if it is long") {
  CHECK_THAT(refusal({}, {{"PORT", "80\n90"}}), Contains(R"(PORT is "80\n90")"));
  CHECK(refusal({}, {{"PORT", std::string(100'000, 'x')}}).size() < 300);
}

TEST_CASE("settings that contradict each other stop the start") {
  CHECK_THAT(refusal({"--tls-enabled"}),
             Contains("--tls-enabled is true, but TLS_CERT_PATH is not set"));
  CHECK_THAT(refusal({}, {{"TLS_ENABLED", "true"}, {"TLS_CERT_PATH", "/tls.crt"}}),
             Contains("TLS_ENABLED is true, but TLS_KEY_PATH is not set"));
  CHECK_THAT(refusal({"--metrics-port=8080"}),
             Contains("PORT (by default) and --metrics-port are both 8080"));
  CHECK_THAT(refusal({}, {{"MAX_BODY_BYTES", "33554433"}}),
             Contains("MAX_BODIES_BYTES (by default) is 33554432: expected at least the 33554433 "
                      "of MAX_BODY_BYTES"));
  CHECK(parsed({"--port=0", "--metrics-port=0"}).listener.port == 0);
  const Settings equal = parsed({"--max-body-bytes=5000", "--max-bodies-bytes=5000"});
  CHECK(equal.listener.limits.bodies_bytes == equal.listener.limits.body_bytes);
}

TEST_CASE("a command line that is not understood stops the start") {
  CHECK_THAT(refusal({"--prot=1"}), Contains("--prot=1") && Contains("see --help"));
  CHECK_THAT(refusal({"serve"}), Contains("serve"));
  CHECK_THAT(refusal({"--port"}), Contains("--port"));
  CHECK_THAT(refusal({"--port="}), Contains("--port is \"\": expected a port"));
}

TEST_CASE("a settings file that is not understood stops the start") {
  struct Case {
    std::string content, problem;
  };
  const auto [content, problem] = GENERATE(values<Case>({
      {"PROT: 1\n", ": unknown key \"PROT\""},
      {"port: 1\n", ": unknown key \"port\""},
      {"CONFIG_FILE: /other\n", ": unknown key \"CONFIG_FILE\""},
      {"PORT: 1\nPORT: 2\n", ": \"PORT\" occurs twice"},
      {"PORT: [1]\n", ": \"PORT\": expected a single value"},
      {"- PORT\n", ": expected lines such as PORT: 8080"},
      {"PORT\n", ": expected lines such as PORT: 8080"},
      {"? [a]\n: b\n", ": expected names of settings as keys"},
      {"PORT: 1\n---\nPORT: 2\n", ": expected one YAML document"},
      {"PORT: 1\nLOG_LEVEL: a: b\n", ": line 2: invalid YAML"},
      {std::string(100'000, '['), "invalid YAML"},
      {std::string(1'048'577, '#'), ": larger than 1048576 bytes"},
  }));
  const File file(content);
  const std::string line = refusal({}, {{"CONFIG_FILE", file.path()}, {"PORT", "8080"}});
  CHECK_THAT(line, Contains(file.path()) && Contains(problem));
}

TEST_CASE("an empty settings file is fine, a missing one is not") {
  const File file("# nothing yet\n");
  CHECK(parsed({"--config-file", file.path()}).listener.port == 8080);
  CHECK_THAT(refusal({"--config-file=/nowhere/settings.yaml"}),
             EndsWith("--config-file: /nowhere/settings.yaml: No such file or directory\n"));
}

TEST_CASE("the log level follows the file if nothing above the file names one") {
  const File file("LOG_LEVEL: WARN\n");
  const std::string flag = "--config-file=" + file.path();
  CHECK(parsed({flag}).log_level_follows_file);
  CHECK(parsed({flag}).log_level == log::Level::kWarn);
  CHECK_FALSE(parsed({flag, "--log-level=INFO"}).log_level_follows_file);
  CHECK_FALSE(parsed({flag}, {{"LOG_LEVEL", "DEBUG"}}).log_level_follows_file);
}

TEST_CASE("the log level of a file can be read again") {
  const auto level = [](const std::string& content) {
    return log_level_of_file(File(content).path());
  };
  CHECK(level("LOG_LEVEL: TRACE\nPORT: 1\n").value() == log::Level::kTrace);
  CHECK(level("PORT: 1\n").value() == log::Level::kInfo);
  CHECK(level("LOG_LEVEL:\n").value() == log::Level::kInfo);
  CHECK_THAT(level("LOG_LEVEL: loud\n").error(),
             StartsWith("LOG_LEVEL in ") && EndsWith("is \"loud\": expected ERROR, WARN, INFO, "
                                                     "DEBUG or TRACE"));
  CHECK_THAT(level("LOG_LEVEL: [\n").error(), Contains("invalid YAML"));
  CHECK_FALSE(log_level_of_file("/nowhere/settings.yaml"));
}

TEST_CASE("help explains every flag, and is no failure") {
  for (const std::string flag : {"--help", "-h"}) {
    const auto settings = started({flag}, {});
    REQUIRE_FALSE(settings);
    CHECK(settings.error().code == 0);
    for (const auto& [variable, value] : kAll) {
      CHECK_THAT(settings.error().text, Contains("\n  " + flag_of(variable)));
    }
    CHECK_THAT(settings.error().text, Contains("--config-file") && Contains("Default: 8080."));
  }
}

TEST_CASE("help is word for word what testdata/help.txt says") {
  std::ifstream file(std::string(TESTDATA_DIR) + "/help.txt");
  const std::string words(std::istreambuf_iterator<char>(file), {});
  CHECK(started({"--help"}, {}).error().text == words);
}

TEST_CASE("the version is printed, and is no failure") {
  const auto settings = started({"--version"}, {});
  REQUIRE_FALSE(settings);
  CHECK(settings.error().code == 0);
  CHECK_THAT(settings.error().text, StartsWith("bitbucket-receiver ") && EndsWith(")\n"));
}

}  // namespace receiver
