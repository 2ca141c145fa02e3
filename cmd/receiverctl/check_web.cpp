#include "cmd/receiverctl/check_web.h"

#include <algorithm>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bitbucket/event.h"
#include "cmd/receiverctl/sample.h"

namespace receiver::ctl {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::hours kExpiresSoon{24 * 14};

/// Not reachable from outside: loopback, link-local, and the networks of RFC 1918 and RFC 4193.
bool is_private(const std::string& text) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(text, error);
  if (error) return false;
  if (address.is_v6()) {
    const auto v6 = address.to_v6();
    constexpr unsigned kUniqueLocal = 0xfc;
    constexpr unsigned kUniqueLocalMask = 0xfe;
    return v6.is_loopback() || v6.is_link_local() ||
           (v6.to_bytes()[0] & kUniqueLocalMask) == kUniqueLocal;
  }
  const auto v4 = address.to_v4();
  return std::ranges::any_of(
      std::initializer_list<const char*>{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12",
                                         "192.168.0.0/16", "169.254.0.0/16"},
      [&](const char* network) {
        const auto hosts = asio::ip::make_network_v4(network);
        return (v4.to_uint() & hosts.netmask().to_uint()) == hosts.network().to_uint();
      });
}

constexpr std::string_view kLocalHost = "localhost";

/// An address, or the name of one.
bool is_loopback(const std::string& host) {
  if (host == kLocalHost) return true;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

bool check_name(const http::ServerUrl& address, Findings& findings) {
  asio::io_context io;
  asio::ip::tcp::resolver resolver(io);
  boost::system::error_code error;
  const auto found = resolver.resolve(address.host, std::to_string(address.port), error);
  if (error || found.empty()) {
    fail(findings, "name", fmt::format("{} does not resolve: {}", address.host, error.message()),
         "correct the base URL, or the DNS");
    return false;
  }
  std::vector<std::string> addresses;
  for (const auto& entry : found) addresses.push_back(entry.endpoint().address().to_string());
  findings.push_back(judge_addresses(address.host, addresses));
  return true;
}

bool check_certificate(const http::ServerUrl& address, const Asking& asking, Findings& findings) {
  const std::string subject = "certificate";
  if (address.scheme != "https") {
    warn(findings, subject,
         "there is none: the base URL is http, and anybody who reads the traffic learns receiver "
         "URLs",
         "serve it over HTTPS");
    return true;
  }
  const auto seen = look_at_certificate(address.host, address.port, asking.ca_pem,
                                        std::chrono::ceil<std::chrono::seconds>(asking.patience));
  if (!seen) {
    fail(findings, subject, fmt::format("{}: {}", address.origin(), seen.error()),
         "look at the Ingress or load balancer in front of the operator");
    return false;
  }
  findings.push_back(judge_certificate(*seen, clock::Wall::now()));
  return seen->problem.empty();
}

/// An Ingress routes only `…/bitbucket/` to the operator, which answers unknown paths there with
/// 404 `{}`.
void check_answer(const http::ServerUrl& address, const Asking& asking, Findings& findings) {
  const std::string subject = "answer";
  const auto get = [&](const std::string& path) {
    return ask(address, {.method = "GET", .target = path, .headers = {}, .body = {}}, asking);
  };
  const auto health = get("/healthz");
  if (!health) {
    return fail(findings, subject,
                fmt::format("{} does not answer: {}", address.origin(), health.error().message),
                "look at the Ingress or load balancer, the Service and the pods behind it");
  }
  if (health->response.status == 200 && health->response.body == "{\"status\":\"ok\"}\n") {
    return ok(findings, subject, fmt::format("{}/healthz answers 200", address.origin()));
  }
  std::string path = address.path;
  while (path.ends_with('/')) path.pop_back();
  path += "/bitbucket/x";
  const auto unknown = get(path);
  if (unknown && unknown->response.status == 404 && unknown->response.body == "{}\n") {
    return ok(findings, subject,
              fmt::format("{}{} answers as the operator does", address.origin(), path));
  }
  fail(findings, subject,
       fmt::format("another server answers at {}: {} at /healthz, {} at {}", address.origin(),
                   health->response.status,
                   unknown ? std::to_string(unknown->response.status) : "nothing", path),
       "route the base URL's path and /bitbucket/ to the operator's Service");
}

/// Sends a ping, which is unsigned and refreshes nothing. check_answer() reports other problems
/// with the answer. Without a base path, an Ingress has nothing to strip.
void check_path(const http::ServerUrl& address, const std::string& receiver_url,
                const Asking& asking, Findings& findings) {
  const std::string& base_path = address.path;
  if (base_path.find_first_not_of('/') == std::string::npos || receiver_url.empty()) return;
  const auto receiver = parse_web_address(receiver_url);
  if (!receiver) return;
  http::Request ping{.method = "POST",
                     .target = receiver->path,
                     .headers = delivery_headers(bitbucket::kPingEvent, new_uuid()),
                     .body = R"({"test": true})"};
  const auto answer = ask(address, std::move(ping), asking);
  if (!answer) return;
  const auto finding = judge_path(answer->response.headers.find(kReceiverPathHeader), base_path);
  if (finding) findings.push_back(*finding);
}

}  // namespace

void check_web(const std::string& base_url, const std::string& receiver_url, const Asking& asking,
               Findings& findings) {
  const auto address = parse_web_address(base_url);
  if (!address) return fail(findings, "base URL", address.error().message, "correct it");
  if (!check_name(*address, findings)) return;
  if (!check_certificate(*address, asking, findings)) return;
  check_answer(*address, asking, findings);
  check_path(*address, receiver_url, asking, findings);
}

void check_via(const http::ServerUrl& via, const std::string& base_url,
               const std::string& receiver_url, Asking asking, Findings& findings) {
  const auto base = parse_web_address(base_url);
  if (!base) return fail(findings, "base URL", base.error().message, "correct it");
  http::ServerUrl address = via;
  address.path = base->path;
  if (is_loopback(base->host)) {
    findings.push_back(
        judge_addresses(base->host, {base->host == kLocalHost ? "127.0.0.1" : base->host}));
  }
  asking.certificate = Certificate::kIgnored;
  check_answer(address, asking, findings);
  check_path(address, receiver_url, asking, findings);
}

std::optional<Finding> judge_path(std::optional<std::string_view> header,
                                  const std::string& base_path) {
  if (header == "full") {
    return Finding{Level::kOk, "path", fmt::format("arrives with its base path {}", base_path)};
  }
  if (header == "stripped") {
    return Finding{Level::kOk, "path",
                   fmt::format("the ingress strips the base path {}; served as well", base_path)};
  }
  return std::nullopt;
}

Finding judge_addresses(const std::string& host, const std::vector<std::string>& addresses) {
  const std::string all = fmt::format("{}", fmt::join(addresses, ", "));
  std::string text = all == host ? host : fmt::format("{} is {}", host, all);
  if (std::ranges::any_of(addresses, [](const std::string& one) { return !is_private(one); })) {
    return {Level::kOk, "name", std::move(text)};
  }
  if (std::ranges::all_of(addresses, is_loopback)) {
    return {Level::kWarning, "name", text + ": that is the machine that connects, not the operator",
            "no Bitbucket can reach it: set the operator's EXTERNAL_WEBHOOK_SERVER_BASE_URL, and "
            "Kargo's, to an address that Bitbucket can"};
  }
  return {Level::kWarning, "name", text + ": private",
          "Bitbucket Cloud cannot reach it; Data Center can from the same network"};
}

Finding judge_certificate(const PeerCertificate& certificate, clock::Wall::time_point now) {
  const std::string subject = "certificate";
  const std::string of = fmt::format("of {}, by {}", certificate.subject, certificate.issuer);
  const auto left =
      std::chrono::duration_cast<std::chrono::hours>(certificate.not_after - now).count() / 24;
  const std::string until = clock::format_seconds(certificate.not_after).substr(0, 10);
  if (!certificate.problem.empty()) {
    return {
        Level::kFailure, subject, fmt::format("is rejected: {} ({})", certificate.problem, of),
        certificate.shown == 1
            ? "use a certificate for this name from a CA that Bitbucket trusts, and serve it with "
              "its intermediate certificates"
            : "use a certificate for this name from a CA that Bitbucket trusts"};
  }
  if (certificate.not_after - now < kExpiresSoon) {
    return {Level::kWarning, subject,
            fmt::format("expires on {}, in {} days ({})", until, left, of), "renew it"};
  }
  return {Level::kOk, subject, fmt::format("is good until {} ({})", until, of)};
}

}  // namespace receiver::ctl
