#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/experiment.h"
#include "test/chaos/proxy.h"

using namespace receiver::chaos;
using receiver::integration::Cluster;
using receiver::integration::Operator;

namespace {

/// The fault lasts longer than the answer deadline.
void answer_for_a_while(Proxy::Fault fault, std::size_t every = 1) {
  const Cluster cluster;
  Proxy proxy(cluster);
  const World world(cluster);
  const Operator op(cluster, {{"KUBECONFIG", proxy.kubeconfig()}});
  Experiment experiment(cluster, world, {&op});
  experiment.fault([&] {
    proxy.set(fault, every);
    std::this_thread::sleep_for(12s);
    proxy.set(Proxy::Fault::kNone);
  });
  CHECK(proxy.faults() > 20);
  experiment.recover();
  experiment.finish(Experiment::Queued::kAllApplied,
                    fmt::format("{} requests met it", proxy.faults()));
}

}  // namespace

TEST_CASE("API server answers 429 for 12 s", "[answers]") {
  answer_for_a_while(Proxy::Fault::kTooManyRequests);
}

TEST_CASE("API server answers 429 with Retry-After for 12 s", "[quick][answers]") {
  answer_for_a_while(Proxy::Fault::kTooManyRequestsRetryAfter);
}

TEST_CASE("API server answers 500 for 12 s", "[answers]") {
  answer_for_a_while(Proxy::Fault::kServerErrors);
}

TEST_CASE("API server resets every second connection in mid-answer for 12 s", "[quick][answers]") {
  answer_for_a_while(Proxy::Fault::kResets, 2);
}

TEST_CASE("API server answers slowly for 12 s", "[answers]") {
  answer_for_a_while(Proxy::Fault::kSlowAnswers);
}
