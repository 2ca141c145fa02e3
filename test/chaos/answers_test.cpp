#include <thread>

#include <catch2/catch.hpp>

#include "test/chaos/experiment.h"
#include "test/chaos/faulty_way.h"

namespace receiver::chaos {

using test::Operator;

namespace {

/// The fault lasts longer than the answer deadline.
void answer_for_a_while(Proxy::Fault fault, std::size_t every = 1) {
  FaultyWay way;
  const Operator op = way.start();
  Experiment experiment(way.cluster, way.world, {&op});
  experiment.fault([&] {
    way.proxy.set(fault, every);
    std::this_thread::sleep_for(12s);
    way.proxy.set(Proxy::Fault::kNone);
  });
  CHECK(way.proxy.faults() > 20);
  experiment.recover();
  experiment.finish(Experiment::Queued::kAllApplied, way.remark());
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

TEST_CASE("API server resets every second connection in mid-answer for 12 s", "[answers]") {
  answer_for_a_while(Proxy::Fault::kResets, 2);
}

TEST_CASE("API server answers slowly for 12 s", "[answers]") {
  answer_for_a_while(Proxy::Fault::kSlowAnswers);
}

TEST_CASE("a load balancer answers 503 with Retry-After: 600 for 2 s, then all is well",
          "[answers]") {
  FaultyWay way;
  const Operator op = way.start();
  Experiment experiment(way.cluster, way.world, {&op});
  experiment.fault([&] {
    way.proxy.set(Proxy::Fault::kComeBackInTenMinutes);
    CHECK(way.proxy.cut_watches() > 0);  // so that they meet the fault as well
    std::this_thread::sleep_for(2s);
    way.proxy.set(Proxy::Fault::kNone);
  });
  CHECK(way.proxy.faults() > 10);
  // Nothing waits for longer than 30 s, and for less after a success elsewhere.
  experiment.recover(32s);
  check_sees_what_it_missed(op, *way.world.projects().front(), "new", 5s);
  experiment.finish(Experiment::Queued::kAllApplied, way.remark());
}

}  // namespace receiver::chaos
