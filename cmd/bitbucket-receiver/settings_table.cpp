#include "cmd/bitbucket-receiver/settings_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "clock/clock.h"

namespace receiver {
namespace {

using std::chrono::milliseconds;

/// Every default is written once: in settings.h, or in the room that it belongs to.
const SettingsDraft& defaults() {
  static const SettingsDraft draft;
  return draft;
}

std::optional<bool> parse_bool(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue{"1", "t", "T", "TRUE", "true", "True"};
  constexpr std::array<std::string_view, 6> kFalse{"0", "f", "F", "FALSE", "false", "False"};
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) return false;
  return std::nullopt;
}

/// Nothing if any of the text is left over, or the number is out of range or too large for T.
template <typename T>
std::optional<T> parse_number(std::string_view text, T least, T most) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  // Written so that NaN is out of range.
  if (error != std::errc() || rest != end || !(value >= least && value <= most)) {
    return std::nullopt;
  }
  return value;
}

std::string show(milliseconds duration) {
  if (duration.count() % 60'000 == 0) return fmt::format("{}m", duration.count() / 60'000);
  if (duration.count() % 1000 == 0) return fmt::format("{}s", duration.count() / 1000);
  return fmt::format("{}ms", duration.count());
}

/// A label of RFC 1123, as namespaces must be.
bool is_namespace(std::string_view text) {
  const auto in = [](char c, char first, char last) { return c >= first && c <= last; };
  const auto allowed = [&](char c) { return in(c, 'a', 'z') || in(c, '0', '9') || c == '-'; };
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), allowed);
}

/// A value that `parse` makes of the text, if it can.
template <typename T, typename Owner>
auto reader(T Owner::*member, std::function<std::optional<T>(std::string_view)> parse) {
  return [member, parse = std::move(parse)](std::string_view text, SettingsDraft& draft) {
    auto value = parse(text);
    if (value) draft.*member = std::move(*value);
    return value.has_value();
  };
}

template <typename Owner>
SettingKind on_or_off(bool Owner::*member) {
  return {.placeholder = "",
          .default_text = defaults().*member ? "true" : "false",
          .expected = "true or false",
          .read = reader<bool>(member, parse_bool)};
}

template <std::integral T, typename Owner>
SettingKind whole_number(T Owner::*member, T least, T most) {
  return {.placeholder = "NUMBER",
          .default_text = fmt::to_string(defaults().*member),
          .expected = fmt::format("a whole number from {} to {}", least, most),
          .read = reader<T>(member, [least, most](std::string_view text) {
            return parse_number<T>(text, least, most);
          })};
}

SettingKind port(unsigned short Settings::*member) {
  SettingKind kind = whole_number(member, static_cast<unsigned short>(0),
                                  std::numeric_limits<unsigned short>::max());
  kind.expected = "a port, " + kind.expected;
  return kind;
}

SettingKind duration(milliseconds Settings::*member, milliseconds least, milliseconds most) {
  const auto parse = [least, most](std::string_view text) -> std::optional<milliseconds> {
    const auto value = clock::parse_duration(text);
    if (!value || *value < least || *value > most) return std::nullopt;
    return std::chrono::duration_cast<milliseconds>(*value);
  };
  return {.placeholder = "DURATION",
          .default_text = show(defaults().*member),
          .expected = fmt::format("a duration from {} to {}, with its unit, such as 8s or 1m30s",
                                  show(least), show(most)),
          .read = reader<milliseconds>(member, parse)};
}

template <typename Owner>
SettingKind text(
    std::string Owner::*member, std::string placeholder, std::string expected,
    bool (*allowed)(std::string_view) = [](std::string_view) { return true; }) {
  const auto parse = [allowed](std::string_view given) -> std::optional<std::string> {
    if (given.empty() || !allowed(given)) return std::nullopt;
    return std::string(given);
  };
  return {.placeholder = std::move(placeholder),
          .default_text = defaults().*member,
          .expected = std::move(expected),
          .read = reader<std::string>(member, parse)};
}

SettingKind name_of_namespace(std::string Settings::*member) {
  return text(member, "NAME",
              "the name of a namespace: at most 63 lower-case letters, digits and dashes",
              is_namespace);
}

SettingKind namespace_or_none(std::string Settings::*member) {
  SettingKind kind = name_of_namespace(member);
  kind.expected += "; or nothing";
  kind.may_be_empty = true;
  kind.read = [member, named = kind.read](std::string_view given, SettingsDraft& draft) {
    if (!given.empty()) return named(given, draft);
    (draft.*member).clear();
    return true;
  };
  return kind;
}

SettingKind path(std::string SettingsDraft::*member) {
  return text(member, "PATH", "the path of a file");
}

SettingKind base_url() {
  return {.placeholder = "URL",
          .default_text = "",
          .expected =
              "the URL under which Bitbucket reaches this server: http or https, with a "
              "host, without query, fragment and user info, such as "
              "https://hooks.example.com/kargo",
          .read = [](std::string_view given, SettingsDraft& draft) {
            auto url = controllers::parse_base_url(given);
            if (!url) return false;
            draft.base_url_text = given;
            draft.base_url = std::move(*url);
            return true;
          }};
}

SettingKind bind_address() {
  return text(&Settings::bind_address, "ADDRESS",
              "an IP address, such as 0.0.0.0 or ::", [](std::string_view given) {
                boost::system::error_code error;
                boost::asio::ip::make_address(std::string(given), error);
                return !error;
              });
}

SettingKind secret_access() {
  using controllers::SecretAccess;
  const auto parse = [](std::string_view given) -> std::optional<SecretAccess> {
    if (given == "namespaced") return SecretAccess::kNamespaced;
    if (given == "cluster") return SecretAccess::kCluster;
    return std::nullopt;
  };
  return {.placeholder = "HOW",
          .default_text = "namespaced",
          .expected = "namespaced or cluster",
          .read = reader<SecretAccess>(&Settings::secret_access, parse)};
}

SettingKind queries_per_second() {
  constexpr double kMost = 100'000;
  return {.placeholder = "NUMBER",
          .default_text = "",
          .expected = fmt::format("a number from 0, for no limit, to {:.0f}", kMost),
          .read = reader<double>(&Settings::kube_api_qps, [](std::string_view given) {
            return parse_number<double>(given, 0, kMost);
          })};
}

SettingKind burst() {
  SettingKind kind = whole_number(&Settings::kube_api_burst, 1, 1'000'000);
  kind.default_text.clear();
  return kind;
}

SettingKind log_level() {
  return {.placeholder = "LEVEL",
          .default_text = "INFO",
          .expected = "ERROR, WARN, INFO, DEBUG or TRACE",
          .read = reader<log::Level>(&Settings::log_level, log::parse_level)};
}

SettingKind log_format() {
  return {.placeholder = "FORMAT",
          .default_text = "CONSOLE",
          .expected = "CONSOLE or JSON",
          .read = reader<log::Format>(&Settings::log_format, log::parse_format)};
}

}  // namespace

std::string Setting::flag() const {
  std::string flag = "--" + variable;
  std::transform(flag.begin(), flag.end(), flag.begin(), [](char c) {
    if (c == '_') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return flag;
}

std::vector<Setting> settings_table() {
  using std::chrono::minutes;
  using std::chrono::seconds;
  using S = Settings;
  const std::string receiving = "Receiving webhooks";
  const std::string limits = "Limits of the webhook port (beyond them: 408, 413, 431 and 503)";
  const std::string kubernetes = "Kubernetes";
  const std::string refreshing = "Reconciling and refreshing";
  const std::string replicas = "Replicas";
  const std::string running = "Running";
  constexpr std::size_t kGibibyte = 1024UL * 1024 * 1024;

  return {
      {"EXTERNAL_WEBHOOK_SERVER_BASE_URL", receiving,
       "The URL under which Bitbucket reaches this server. Required.", base_url()},
      {"BIND_ADDRESS", receiving, "IP address that both ports listen on.", bind_address()},
      {"PORT", receiving, "Port for webhooks; 0: any free one.", port(&S::port)},
      {"TLS_ENABLED", receiving, "Serve webhooks over TLS.",
       on_or_off(&SettingsDraft::tls_enabled)},
      {"TLS_CERT_PATH", receiving, "Certificate chain in PEM; read again when it changes.",
       path(&SettingsDraft::tls_cert_path)},
      {"TLS_KEY_PATH", receiving, "Its key in PEM; read again when it changes.",
       path(&SettingsDraft::tls_key_path)},
      {"ANSWER_DEADLINE", receiving,
       "Time from a delivery's first byte to its answer; Bitbucket waits 10 s.",
       duration(&S::answer_deadline, milliseconds(100), minutes(1))},

      {"MAX_BODY_BYTES", limits, "Bytes of one body.",
       whole_number(&S::max_body_bytes, std::size_t{1}, kGibibyte)},
      {"MAX_BODIES_BYTES", limits, "Bytes of all bodies held at once.",
       whole_number(&S::max_bodies_bytes, std::size_t{1}, 64 * kGibibyte)},
      {"MAX_CONNECTIONS", limits, "Connections; beyond it the longest idle one gives way.",
       whole_number(&S::max_connections, std::size_t{1}, std::size_t{1'000'000})},
      {"MAX_REQUESTS_IN_FLIGHT", limits, "Requests being read or answered.",
       whole_number(&S::max_requests_in_flight, std::size_t{1}, std::size_t{1'000'000})},
      {"MAX_HEADER_BYTES", limits, "Bytes of one request's line and header fields.",
       whole_number(&S::max_header_bytes, std::size_t{1024}, std::size_t{1024} * 1024)},
      {"HEADER_TIMEOUT", limits, "Time from a request's first byte to the end of its header.",
       duration(&S::header_timeout, milliseconds(100), minutes(10))},
      {"BODY_TIMEOUT", limits, "Time for a request's body.",
       duration(&S::body_timeout, milliseconds(100), minutes(10))},
      {"IDLE_TIMEOUT", limits, "Time that a connection may wait for its next request.",
       duration(&S::idle_timeout, milliseconds(100), minutes(60))},

      {"KUBECONFIG", kubernetes,
       "Path of a kubeconfig; the environment variable may name several. If not given: the cluster "
       "that\nthis runs in, else ~/.kube/config.",
       text(&S::kubeconfig, "PATH", "the path of a file")},
      {"KUBE_API_QPS", kubernetes,
       "Requests per second to the API server. If not given: no limit but the API server's own.",
       queries_per_second()},
      {"KUBE_API_BURST", kubernetes,
       "Requests that may exceed KUBE_API_QPS at once; without that it has no effect. If not "
       "given: "
       "twice\nthe requests per second.",
       burst()},
      {"SECRET_ACCESS", kubernetes,
       "namespaced: watch the Secrets of each namespace whose receivers name one; cluster: one "
       "watch of\nall Secrets labelled kargo.akuity.io/cred-type: generic.",
       secret_access()},
      {"SYSTEM_RESOURCES_NAMESPACE", kubernetes,
       "Namespace of the ClusterConfig's Secrets; empty: its receivers are off.",
       namespace_or_none(&S::system_resources_namespace)},

      {"MAX_CONCURRENT_PATCHES", refreshing, "Refreshing PATCH requests in flight.",
       whole_number(&S::max_concurrent_patches, std::size_t{1}, std::size_t{1'000})},
      {"MAX_CONCURRENT_PROJECT_CONFIG_RECONCILES", refreshing,
       "ProjectConfigs reconciled at the same time.",
       whole_number(&S::max_concurrent_project_config_reconciles, 1, 100)},
      {"CATCH_UP", refreshing,
       "Refresh everything that receivers can reach, slowly, after a time without any replica.",
       on_or_off(&S::catch_up)},

      {"LEADER_ELECT", replicas,
       "Stand for leader; only the leader writes status and Events. Off: this is the only replica.",
       on_or_off(&S::leader_elect)},
      {"POD_NAMESPACE", replicas, "Namespace of the Lease.", name_of_namespace(&S::pod_namespace)},
      {"POD_NAME", replicas, "Name of this replica. If not given: the host name.",
       text(&S::pod_name, "NAME", "at most 253 characters without spaces",
            [](std::string_view given) {
              return given.size() <= 253 && std::all_of(given.begin(), given.end(),
                                                        [](char c) { return c > ' ' && c <= '~'; });
            })},

      {"METRICS_PORT", running, "Port for /metrics, /livez and /readyz; 0: off.",
       port(&S::metrics_port)},
      {"GRACEFUL_SHUTDOWN_TIMEOUT", running,
       "Time from SIGTERM to the end; less than the Pod's terminationGracePeriodSeconds.",
       duration(&S::graceful_shutdown_timeout, seconds(5), minutes(60))},
      {"LOG_LEVEL", running, "ERROR, WARN, INFO, DEBUG or TRACE.", log_level()},
      {"LOG_FORMAT", running, "CONSOLE or JSON.", log_format()},
      {"CONFIG_FILE", running,
       "YAML file of settings; LOG_LEVEL is read again when it changes, the rest at the start.",
       text(&S::config_file, "PATH", "the path of a file")},
  };
}

}  // namespace receiver
