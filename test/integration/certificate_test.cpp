#include <chrono>
#include <filesystem>
#include <string>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "clock/clock.h"
#include "http/client.h"
#include "test/support/blocking.h"
#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/mounted_pair.h"
#include "test/support/operator.h"
#include "test/support/project.h"
#include "test/support/test_certificates.h"

namespace receiver::test {

namespace fs = std::filesystem;

namespace {

constexpr const char* kReloads = "bitbucket_receiver_tls_reloads_total{server=\"webhook\"}";
constexpr const char* kReloadFailures =
    "bitbucket_receiver_tls_reload_failures_total{server=\"webhook\"}";
constexpr const char* kExpiry = "bitbucket_receiver_tls_certificate_expiry_timestamp_seconds";
const std::string kNotTrusted = "not trusted";

Environment settings_of(const fs::path& folder) {
  return {{"TLS_ENABLED", "true"},
          {"TLS_CERT_PATH", (folder / "tls.crt").string()},
          {"TLS_KEY_PATH", (folder / "tls.key").string()}};
}

/// What kExpiry shows for a certificate that has just been issued.
Approx expiring_in(std::chrono::seconds time) {
  const auto expiry = clock::Wall::now() + time;
  return Approx(std::chrono::duration<double>(expiry.time_since_epoch()).count())
      .epsilon(0)
      .margin(60);
}

/// The answer to a sender that trusts only this CA, over a new connection.
std::string deliver(unsigned short port, const TestAuthority& trusted,
                    const http::Request& delivery) {
  http::ClientOptions options;
  options.scheme = "https";
  options.host = "127.0.0.1";
  options.port = port;
  options.tls.ca_pem = trusted.pem();
  boost::asio::io_context context{1};
  http::Client client(context.get_executor(), options);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto answer = await(context, client.send(delivery, deadline));
  if (answer) return text_of(*answer);
  return answer.error().kind == http::ClientError::Kind::kTls ? kNotTrusted
                                                              : answer.error().message;
}

}  // namespace

TEST_CASE("a certificate is replaced as a mounted Secret is, and a bad one is not taken",
          "[certificate]") {
  const Cluster cluster;
  const TestAuthority first;
  const TestAuthority second;
  const fs::path folder = fs::path(cluster.directory()) / unique_name();
  MountedPair mounted(folder, first.issue());
  const Operator op(cluster, settings_of(folder));
  const Project project(cluster);
  const std::string path = project.publish("bb", kSecret);
  project.add_warehouse("app", project.repository());
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  const http::Request delivery{
      "POST",
      path,
      {{"X-Event-Key", push.event}, {"X-Hub-Signature", push.signature.value()}},
      push.body};
  const auto answer_to_who_trusts = [&](const TestAuthority& authority) {
    return deliver(op.port(), authority, delivery);
  };
  eventually_equals(
      "the push refreshes", [&] { return answer_to_who_trusts(first); }, kRefreshed);
  CHECK(answer_to_who_trusts(second) == kNotTrusted);
  CHECK(op.metric(kExpiry) == expiring_in(24h));

  mounted.replace(second.issue({.expires_in = 48h}));
  eventually_equals(
      "the new certificate is served", [&] { return answer_to_who_trusts(second); }, kRefreshed);
  CHECK(answer_to_who_trusts(first) == kNotTrusted);
  CHECK(op.metric(kExpiry) == expiring_in(48h));
  CHECK(op.metric(kReloads) == 1);
  CHECK(op.metric(kReloadFailures) == 0);

  mounted.replace({first.issue().certificate_pem, first.issue().key_pem});  // files of two pairs
  eventually_equals(
      "the bad pair is counted", [&] { return op.metric(kReloadFailures); }, 1.0);
  CHECK(answer_to_who_trusts(second) == kRefreshed);
  CHECK(op.metric(kReloads) == 1);
}

}  // namespace receiver::test
