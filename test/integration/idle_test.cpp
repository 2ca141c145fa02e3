#include <sstream>
#include <thread>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

namespace {

/// Requests of service accounts that the API server has begun to serve; the operator's is the only
/// one. Watches count once, when they begin.
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

/// How often the operator has renewed its Lease: it sends no other PUT.
double renewals_of(const Operator& op) {
  return op.sum_of_metrics("rest_client_requests_total{code=\"200\",method=\"PUT\"}");
}

struct Seen {
  double renewals;
  double other_requests;
};

/// Counts the requests so far. Read just after a renewal, because one in flight would be counted on
/// one side only; again if that took so long that the next one may have begun.
Seen look(const Cluster& cluster, const Operator& op) {
  for (;;) {
    const double before = renewals_of(op);
    auto asked = std::chrono::steady_clock::now();
    eventually("the Lease is renewed", [&] {
      const auto now = std::chrono::steady_clock::now();
      if (renewals_of(op) > before) return true;
      asked = now;
      return false;
    });
    const double requests = requests_of_the_operator(cluster.admin());
    const double renewals = renewals_of(op);
    if (std::chrono::steady_clock::now() - asked < 1500ms) return {renewals, requests - renewals};
  }
}

void check_idleness(std::chrono::seconds duration) {
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
  for (const Project* project : {&first, &second}) {
    eventually("the Event has been sent",
               [&] { return !project->events("ReceiverURLPublished").empty(); });
  }

  const std::string version = resource_version(first.config());
  const Seen before = look(cluster, op);
  const auto cpu_before = op.cpu_time();
  std::this_thread::sleep_for(duration);
  const std::chrono::duration<double> used = op.cpu_time() - cpu_before;
  const double share = used / duration;
  const Seen after = look(cluster, op);
  INFO(after.renewals - before.renewals << " renewals of the Lease, " << share * 100
                                        << " % of a CPU");
  CHECK(after.renewals - before.renewals >= 2);
  CHECK(after.other_requests == before.other_requests);
  CHECK(share < (kSanitized ? 0.05 : 0.01));
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

}  // namespace receiver::test
