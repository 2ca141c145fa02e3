#include "cmd/bitbucket-receiver/settings_table.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <limits>
#include <optional>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "clock/clock.h"
#include "kube/resource.h"
#include "text/ascii.h"

namespace receiver {
namespace {

using std::chrono::milliseconds;

std::optional<bool> parse_bool(std::string_view given) {
  constexpr std::array<std::string_view, 6> kTrue{"1", "t", "T", "TRUE", "true", "True"};
  constexpr std::array<std::string_view, 6> kFalse{"0", "f", "F", "FALSE", "false", "False"};
  if (std::find(kTrue.begin(), kTrue.end(), given) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), given) != kFalse.end()) return false;
  return std::nullopt;
}

std::string show(milliseconds duration) {
  if (duration.count() % 60'000 == 0) return fmt::format("{}m", duration.count() / 60'000);
  if (duration.count() % 1000 == 0) return fmt::format("{}s", duration.count() / 1000);
  return fmt::format("{}ms", duration.count());
}

/// A label of RFC 1123, as namespaces must be.
bool is_namespace(std::string_view name) {
  return kube::is_subdomain(name) && name.size() <= 63 && name.find('.') == std::string_view::npos;
}

/// Stores the value that `parse` returns for the text, if any.
template <typename T>
auto into(T& member, std::function<std::optional<T>(std::string_view)> parse) {
  return [&member, parse = std::move(parse)](std::string_view given) {
    auto value = parse(given);
    if (value) member = std::move(*value);
    return value.has_value();
  };
}

SettingKind on_or_off(bool& member) {
  return {.placeholder = "",
          .default_text = member ? "true" : "false",
          .expected = "true or false",
          .read = into<bool>(member, parse_bool)};
}

template <typename T>
SettingKind number(T& member, std::int64_t least, std::int64_t most) {
  const auto parse = [least, most](std::string_view given) {
    auto value = text::parse_number<T>(given);
    // Written so that NaN is out of range.
    if (value && !(*value >= static_cast<T>(least) && *value <= static_cast<T>(most))) {
      value.reset();
    }
    return value;
  };
  return {.placeholder = "NUMBER",
          .default_text = fmt::to_string(member),
          .expected = fmt::format("a {}number from {} to {}", std::integral<T> ? "whole " : "",
                                  least, most),
          .read = into<T>(member, parse),
          .range = Range{least, most}};
}

SettingKind port(unsigned short& member) {
  SettingKind kind = number(member, 0, std::numeric_limits<unsigned short>::max());
  kind.expected = "a port, " + kind.expected;
  return kind;
}

SettingKind duration(milliseconds& member, milliseconds least, milliseconds most) {
  const auto parse = [least, most](std::string_view given) -> std::optional<milliseconds> {
    const auto value = clock::parse_duration(given);
    if (!value || *value < least || *value > most) return std::nullopt;
    return std::chrono::duration_cast<milliseconds>(*value);
  };
  return {.placeholder = "DURATION",
          .default_text = show(member),
          .expected = fmt::format("a duration from {} to {}, with its unit, such as 8s or 1m30s",
                                  show(least), show(most)),
          .read = into<milliseconds>(member, parse),
          .range = Range{least.count(), most.count(), "ms"}};
}

/// The default depends on something else.
SettingKind no_default(SettingKind kind) {
  kind.default_text.clear();
  return kind;
}

SettingKind queries_per_second(double& member) {
  SettingKind kind = no_default(number(member, 0, 100'000));
  kind.expected += "; 0: no limit";
  return kind;
}

SettingKind words(
    std::string& member, std::string placeholder, std::string expected,
    bool (*allowed)(std::string_view) = [](std::string_view) { return true; }) {
  const auto parse = [allowed](std::string_view given) -> std::optional<std::string> {
    if (given.empty() || !allowed(given)) return std::nullopt;
    return std::string(given);
  };
  return {.placeholder = std::move(placeholder),
          .default_text = member,
          .expected = std::move(expected),
          .read = into<std::string>(member, parse)};
}

SettingKind path(std::string& member) {
  return words(member, "PATH", "the path of a file");
}

SettingKind name_of_namespace(std::string& member) {
  return words(member, "NAME",
               "the name of a namespace: at most 63 lower-case letters, digits and dashes",
               is_namespace);
}

SettingKind namespace_or_none(std::string& member) {
  SettingKind kind = name_of_namespace(member);
  kind.expected += "; or nothing";
  kind.may_be_empty = true;
  kind.read = [&member, named = kind.read](std::string_view given) {
    if (!given.empty()) return named(given);
    member.clear();
    return true;
  };
  return kind;
}

/// Accepts one of these words.
template <typename T>
SettingKind one_of(T& member, std::string placeholder, const std::vector<std::string>& choices,
                   std::optional<T> (*parse)(std::string_view)) {
  const auto is_default = [&](const std::string& one) { return parse(one) == member; };
  return {.placeholder = std::move(placeholder),
          .default_text = *std::find_if(choices.begin(), choices.end(), is_default),
          .expected = fmt::format("{} or {}", fmt::join(choices.begin(), choices.end() - 1, ", "),
                                  choices.back()),
          .read = into<T>(member, parse)};
}

SettingKind base_url(Settings& settings) {
  return {.placeholder = "URL",
          .default_text = "",
          .expected =
              "the URL under which Bitbucket reaches this server: http or https, with a "
              "host, without query, fragment and user info, such as "
              "https://hooks.example.com/kargo",
          .read = [&settings](std::string_view given) {
            auto url = controllers::parse_base_url(given);
            if (!url) return false;
            settings.base_url_text = given;
            settings.receivers.base_url = std::move(*url);
            return true;
          }};
}

SettingKind bitbucket_hosts(controllers::BitbucketHosts& member) {
  return {.placeholder = "HOSTS",
          .default_text = "",
          .expected =
              "hosts separated by commas, each with an optional port, such as "
              "bitbucket.example.com,git.example.com:8443",
          .read = into<controllers::BitbucketHosts>(member, controllers::BitbucketHosts::parse)};
}

SettingKind proxy(http::ProxySettings& settings) {
  return {.placeholder = "URL",
          .default_text = "",
          .expected = "http://HOST:PORT, with an optional USER:PASSWORD@ before the host",
          .read = [&settings](std::string_view given) {
            const auto read = http::proxy_settings([given](std::string_view name) {
              return name == "HTTPS_PROXY" ? std::optional<std::string>(given) : std::nullopt;
            });
            if (read) settings.proxy = read->proxy;
            return read.has_value();
          }};
}

bool is_ip_address(std::string_view address) {
  boost::system::error_code error;
  boost::asio::ip::make_address(std::string(address), error);
  return !error;
}

bool is_pod_name(std::string_view name) {
  return name.size() <= 253 && text::is_one_word(name);
}

std::optional<controllers::SecretAccess> parse_secret_access(std::string_view given) {
  if (given == "namespaced") return controllers::SecretAccess::kNamespaced;
  if (given == "cluster") return controllers::SecretAccess::kCluster;
  return std::nullopt;
}

}  // namespace

std::string Setting::flag() const {
  std::string flag = "--" + text::ascii_lower(variable);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::vector<Setting> settings_table(Settings& s) {
  using std::chrono::minutes;
  using std::chrono::seconds;
  const std::string receiving = "Receiving webhooks";
  const std::string limits =
      "Limits of the webhook port (beyond them, it answers 408, 413, 431 or 503)";
  const std::string kubernetes = "Kubernetes";
  const std::string bitbucket =
      "Bitbucket's REST API (used for receivers whose Secrets contain a token)";
  const std::string refreshing = "Reconciling and refreshing";
  const std::string replicas = "Replicas";
  const std::string running = "Running";
  constexpr std::int64_t kKibibyte = 1024;
  constexpr std::int64_t kGibibyte = kKibibyte * 1024 * 1024;
  http::ServerLimits& limit = s.listener.limits;

  return {
      {"EXTERNAL_WEBHOOK_SERVER_BASE_URL", receiving,
       "URL under which Bitbucket reaches the operator; every receiver URL begins with it. Must be "
       "Kargo's\nbase URL. Required.",
       base_url(s)},
      {"BIND_ADDRESS", receiving,
       "IP address that both ports listen on. :: accepts IPv6 and IPv4, or IPv4 alone on a machine "
       "without IPv6.",
       words(s.listener.address, "ADDRESS", "an IP address, such as :: or 0.0.0.0", is_ip_address)},
      {"PORT", receiving, "Port for webhooks. 0: any free port.", port(s.listener.port)},
      {"TLS_ENABLED", receiving, "Serve webhooks over TLS.", on_or_off(s.tls_enabled)},
      {"TLS_CERT_PATH", receiving, "Certificate chain in PEM. It is reloaded when it changes.",
       path(s.tls.certificate_path)},
      {"TLS_KEY_PATH", receiving, "Key of the certificate in PEM. It is reloaded when it changes.",
       path(s.tls.key_path)},
      {"ANSWER_DEADLINE", receiving,
       "Time from a delivery's first byte to its answer. Bitbucket waits for 10 s.",
       duration(s.deliveries.answer_deadline, milliseconds(100), minutes(1))},

      {"MAX_BODY_BYTES", limits, "Bytes of one body.", number(limit.body_bytes, 1, kGibibyte)},
      {"MAX_BODIES_BYTES", limits, "Bytes of all bodies held at once.",
       number(limit.bodies_bytes, 1, 64 * kGibibyte)},
      {"MAX_CONNECTIONS", limits,
       "Connections. At the limit, the longest idle one is closed for a new one.",
       number(limit.connections, 1, 1'000'000)},
      {"MAX_REQUESTS_IN_FLIGHT", limits, "Requests being read or answered at the same time.",
       number(limit.requests, 1, 1'000'000)},
      {"MAX_HEADER_BYTES", limits,
       "Bytes of the request line and all header fields of one request.",
       number(limit.header_bytes, kKibibyte, 1024 * kKibibyte)},
      {"HEADER_TIMEOUT", limits, "Time from a request's first byte to the end of its header.",
       duration(limit.header_time, milliseconds(100), minutes(10))},
      {"BODY_TIMEOUT", limits, "Time to read a request's body.",
       duration(limit.body_time, milliseconds(100), minutes(10))},
      {"IDLE_TIMEOUT", limits,
       "Time that a connection may wait for its next request. Keep it above the idle timeout of "
       "the proxy in\nfront.",
       duration(limit.idle_time, milliseconds(100), minutes(24 * 60))},

      {"KUBECONFIG", kubernetes,
       "Path of a kubeconfig; the environment variable may name several. The API server is reached "
       "through its\nproxy-url, if any. If not given: the cluster that this runs in, else "
       "~/.kube/config.",
       path(s.kubeconfig)},
      {"KUBE_API_QPS", kubernetes,
       "Requests per second to the API server, except for the Lease. If not given: only the API "
       "server's own\nlimits apply.",
       queries_per_second(s.rest.queries_per_second)},
      {"KUBE_API_BURST", kubernetes,
       "Requests that may exceed KUBE_API_QPS at once. It has no effect without KUBE_API_QPS. If "
       "not given:\ntwice KUBE_API_QPS.",
       no_default(number(s.rest.burst, 1, 1'000'000))},
      {"SECRET_ACCESS", kubernetes,
       "namespaced: watch the Secrets of each namespace with a Bitbucket receiver. cluster: watch "
       "all Secrets\nwith the label kargo.akuity.io/cred-type: generic, which needs that "
       "permission.",
       one_of(s.receivers.secret_access, "HOW", {"namespaced", "cluster"}, parse_secret_access)},
      {"SYSTEM_RESOURCES_NAMESPACE", kubernetes,
       "Namespace of the Secrets of ClusterConfig's receivers. Empty: no such receivers.",
       namespace_or_none(s.receivers.system_namespace)},

      {"BITBUCKET_HOSTS", bitbucket,
       "Hosts (HOST[:PORT], separated by commas) of the Data Centers that Secrets may name as "
       "bitbucket.url.\nBitbucket Cloud needs no entry.",
       bitbucket_hosts(s.receivers.bitbucket_hosts)},
      {"HTTPS_PROXY", bitbucket, "Proxy to Bitbucket. It is never used for the API server.",
       proxy(s.bitbucket_proxy), true},
      {"NO_PROXY", bitbucket,
       "Hosts that are reached without the proxy, in the format of curl and Go.",
       words(s.bitbucket_proxy.exceptions, "HOSTS", "hosts separated by commas"), true},

      {"MAX_CONCURRENT_PATCHES", refreshing,
       "PATCH requests in flight that refresh objects. Projects take turns, and none has more than "
       "half of\nthem while another waits.",
       number(s.refresher.patches_in_flight, 1, 1'000)},
      {"MAX_CONCURRENT_PROJECT_CONFIG_RECONCILES", refreshing,
       "ProjectConfigs whose status is computed and written at the same time.",
       number(s.receivers.workers, 1, 100)},
      {"CATCH_UP", refreshing,
       "After an outage of all replicas, a new leader refreshes everything that receivers can "
       "reach, "
       "because\nBitbucket does not resend deliveries that nobody answered.",
       on_or_off(s.catch_up)},

      {"LEADER_ELECT", replicas,
       "Elect one replica by a Lease. Only the leader writes statuses and Events; all replicas "
       "receive. "
       "false:\nthis is the only replica.",
       on_or_off(s.leader_elect)},
      {"POD_NAMESPACE", replicas, "Namespace of the Lease.", name_of_namespace(s.lease.ns)},
      {"POD_NAME", replicas, "Name of this replica. If not given: the host name.",
       words(s.pod_name, "NAME", "at most 253 characters without spaces", is_pod_name)},

      {"METRICS_PORT", running, "Port for /metrics, /livez and /readyz. 0: off.",
       port(s.metrics_listener.port)},
      {"GRACEFUL_SHUTDOWN_TIMEOUT", running,
       "Time from SIGTERM to the exit, to finish accepted deliveries. Must be less than the Pod's\n"
       "terminationGracePeriodSeconds.",
       duration(s.graceful_shutdown_timeout, seconds(5), minutes(60))},
      {"LOG_LEVEL", running, "ERROR, WARN, INFO, DEBUG or TRACE.",
       one_of(s.log_level, "LEVEL", {"ERROR", "WARN", "INFO", "DEBUG", "TRACE"}, log::parse_level)},
      {"LOG_FORMAT", running, "CONSOLE or JSON.",
       one_of(s.log_format, "FORMAT", {"CONSOLE", "JSON"}, log::parse_format)},
      {"CONFIG_FILE", running,
       "YAML file with the same settings. A change of its LOG_LEVEL takes effect without a "
       "restart.",
       path(s.config_file)},
  };
}

}  // namespace receiver
