#include <sstream>
#include <thread>

#include <catch2/catch.hpp>

#include "cluster.h"
#include "delivery.h"
#include "eventually.h"
#include "operator.h"
#include "project.h"

using namespace receiver::integration;

namespace {

/// Requests that the API server has begun to serve for service accounts, of which the operator's
/// is the only one: watches once, when they begin.
double requests_of_the_operator(const Api& api) {
  double sum = 0;
  std::istringstream metrics(api.text("/metrics"));
  for (std::string line; std::getline(metrics, line);) {
    if (line.starts_with("apiserver_flowcontrol_dispatched_requests_total") &&
        line.find("flow_schema=\"service-accounts\"") != std::string::npos) {
      sum += std::stod(line.substr(line.rfind(' ')));
    }
  }
  return sum;
}

struct Observed {
  double requests;
  int renewals;
  double cpu_share;
};

Observed observe(const Cluster& cluster, const Operator& op, std::chrono::seconds duration) {
  const auto renewed = [&] { return cluster.admin().get(kLeasePath).at("/spec/renewTime"); };
  // The time between two renewals is at both ends of the window: no renewal is cut in two.
  const auto await_renewal = [&](const std::string& last) {
    eventually("the Lease is renewed", [&] { return renewed() != last; });
  };
  await_renewal(renewed());
  const double requests = requests_of_the_operator(cluster.admin());
  const auto cpu = op.cpu_time();
  const auto start = std::chrono::steady_clock::now();

  int renewals = 0;
  std::string last = renewed();
  while (std::chrono::steady_clock::now() - start < duration) {
    std::this_thread::sleep_for(200ms);
    const std::string next = renewed();
    if (next != last) ++renewals;
    last = next;
  }
  await_renewal(last);
  ++renewals;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const std::chrono::duration<double> used = op.cpu_time() - cpu;
  return {requests_of_the_operator(cluster.admin()) - requests, renewals, used / took};
}

void check_idleness(std::chrono::seconds duration) {
  constexpr const char* kSecret = "a-secret-of-the-tests-of-idleness";
  const Cluster cluster;
  const Operator op(cluster);
  const Project first(cluster);
  const Project second(cluster);
  const std::string url = op.url(first.publish("bb", kSecret));
  (void)second.publish("bb", kSecret);
  first.add_warehouse("app", first.repository());
  eventually_equals(
      "the operator works",
      [&] { return post(url, sign(cloud_push(first.repository(), "main"), kSecret)).status; },
      200U);
  std::this_thread::sleep_for(2s);  // Events may still be on their way

  const std::string version = resource_version(first.config());
  const Observed observed = observe(cluster, op, duration);
  INFO(observed.requests << " requests, " << observed.renewals << " renewals of the Lease, "
                         << observed.cpu_share * 100 << " % of a CPU");
  CHECK(observed.renewals >= duration / 3s);
  CHECK(observed.requests == observed.renewals);
  CHECK(observed.cpu_share < (kSanitized ? 0.05 : 0.005));
  CHECK(resource_version(first.config()) == version);
}

}  // namespace

TEST_CASE("an idle operator asks the API server for nothing but its Lease and uses no CPU",
          "[idle]") {
  check_idleness(15s);
}

TEST_CASE("an operator idle for a minute asks for nothing but its Lease and uses no CPU",
          "[.long][idle]") {
  check_idleness(60s);
}
