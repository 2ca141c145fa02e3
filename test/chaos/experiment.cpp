#include "test/chaos/experiment.h"

#include <algorithm>
#include <set>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/delivery.h"

namespace receiver::chaos {

using clock::Wall;
using std::chrono::milliseconds;
using test::Operator;

namespace {

std::vector<unsigned short> ports_of(const std::vector<const Operator*>& replicas) {
  std::vector<unsigned short> ports;
  for (const Operator* replica : replicas) ports.push_back(replica->port());
  return ports;
}

milliseconds latency(const SentDelivery& sent) {
  return std::chrono::duration_cast<milliseconds>(sent.took());
}

}  // namespace

Experiment::Experiment(const test::Cluster& cluster, const World& world,
                       std::vector<const Operator*> replicas)
    : feed_(static_cast<unsigned short>(std::stoi(cluster.setting("ETCD_PORT")))),
      deliveries_(world.deliveries()),
      traffic_(deliveries_, ports_of(replicas)) {
  std::this_thread::sleep_for(kCalm);
}

void Experiment::send_to(const std::vector<const Operator*>& replicas) {
  traffic_.send_to(ports_of(replicas));
}

void Experiment::fault(const std::function<void()>& what) {
  fault_began_ = Wall::now();
  what();
  fault_ended_ = Wall::now();
}

void Experiment::recover(milliseconds limit) {
  test::eventually(
      "a delivery to every repository is acknowledged after the fault",
      [&] { return acknowledged_since(fault_ended_.value()); }, limit);
  recovered_ = Wall::now();
  std::this_thread::sleep_for(kCalm);
}

bool Experiment::acknowledged_since(Time time) const {
  std::set<std::vector<std::string>> acknowledged;
  for (const SentDelivery& sent : traffic_.deliveries()) {
    if (sent.begun > time && sent.status == 200) acknowledged.insert(sent.targets);
  }
  return acknowledged.size() == deliveries_.size();
}

Findings Experiment::finish(Queued queued, const std::string& remark) {
  traffic_.stop();
  const std::vector<SentDelivery> deliveries = traffic_.deliveries();
  Findings findings;
  // Queued refreshes may still be applied, and the watch may be late.
  const auto end = clock::Steady::now() + kRecovery;
  do {
    findings = check(deliveries, feed_.changes());
    const bool unanswered_count = queued == Queued::kEvenUnanswered;
    if (findings.acknowledged.broken + findings.queued.broken +
            (unanswered_count ? findings.nothing.broken : 0) ==
        0) {
      break;
    }
    std::this_thread::sleep_for(100ms);
  } while (clock::Steady::now() < end);

  Row row{Catch::getResultCapture().getCurrentTestName(), deliveries, findings};
  if (recovered_) {
    row.recovery = std::chrono::duration_cast<milliseconds>(*recovered_ - *fault_ended_);
  }
  row.worst_unaffected = worst_unaffected();
  row.remark = remark;
  report(row);

  for (const std::string& example : findings.examples) UNSCOPED_INFO(example);
  CHECK(findings.acknowledged.promised > 0);
  CHECK(findings.acknowledged.broken == 0);
  if (queued == Queued::kAllApplied) {
    CHECK(findings.nothing.promised == 0);
    CHECK(std::ranges::all_of(
        deliveries, [](const SentDelivery& sent) { return latency(sent) < kAnsweredWithin; }));
    CHECK(std::ranges::all_of(deliveries, [](const SentDelivery& sent) {
      return sent.status == 200 || latency(sent) > kHeldFor;
    }));
  }
  if (queued != Queued::kMayBeLost) CHECK(findings.queued.broken == 0);
  if (queued == Queued::kEvenUnanswered) CHECK(findings.nothing.broken == 0);
  return findings;
}

std::vector<SentDelivery> Experiment::due_between(Time begin, Time end) const {
  std::vector<SentDelivery> due = traffic_.deliveries();
  std::erase_if(due, [&](const SentDelivery& sent) {
    return sent.begun < begin || sent.begun + kAnsweredWithin > end;
  });
  return due;
}

milliseconds Experiment::worst_unaffected() const {
  milliseconds worst{0};
  for (const SentDelivery& sent : traffic_.deliveries()) {
    const bool before = !fault_began_ || sent.answered < *fault_began_;
    const bool after = recovered_ && sent.begun > *recovered_;
    if (before || after) worst = std::max(worst, latency(sent));
  }
  return worst;
}

void check_sees_what_it_missed(const Operator& op, const test::Project& project, const char* slug,
                               milliseconds limit) {
  project.add_warehouse(slug, project.repository(slug));
  test::eventually_equals(
      "the new Warehouse is refreshed",
      [&] {
        return test::post(op.url(World::path(project)),
                          sign(test::cloud_push(project.repository(slug), "main"), World::kSecret))
            .body;
      },
      std::string("{\"msg\":\"refreshed 1 warehouse(s)\"}\n"), limit);
}

}  // namespace receiver::chaos
