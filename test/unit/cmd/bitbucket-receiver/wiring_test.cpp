#include "cmd/bitbucket-receiver/wiring.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver {
namespace {

using namespace std::chrono_literals;
using Settled = kube::ReflectorStatus::Settled;

kube::ReflectorStatus status(Settled settled, bool kind_is_unknown = false) {
  kube::ReflectorStatus status;
  status.settled = settled;
  status.kind_is_unknown = kind_is_unknown;
  return status;
}

}  // namespace

TEST_CASE("paths are unknown only once every owner has been seen, or its kind is missing") {
  const auto not_yet = status(Settled::kNotYet);
  const auto synced = status(Settled::kSynced);
  const auto forbidden = status(Settled::kRefused);
  const auto missing = status(Settled::kRefused, true);
  struct Row {
    std::string what;
    kube::ReflectorStatus projects, clusters;
    bool listed, settled;
  };
  const std::vector<Row> rows{
      {"neither was listed", not_yet, not_yet, false, false},
      {"ProjectConfigs alone", synced, not_yet, false, false},
      {"ClusterConfigs alone", not_yet, synced, false, false},
      {"both", synced, synced, true, true},
      {"ClusterConfigs are forbidden", synced, forbidden, true, true},
      {"ClusterConfigs are missing", synced, missing, true, true},
      {"ProjectConfigs are forbidden", forbidden, synced, false, true},
      {"ProjectConfigs are missing", missing, synced, true, true},
      {"both are forbidden", forbidden, forbidden, false, true},
      {"both are missing", missing, missing, true, true},
      {"ProjectConfigs are missing, ClusterConfigs to come", missing, not_yet, false, false},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(owners_listed(row.projects, row.clusters) == row.listed);
    CHECK(owners_settled(row.projects, row.clusters) == row.settled);
  }
}

TEST_CASE("a leader writes until it is one no more, and catches up if it is told to") {
  kube::Acquisition expired;  // the last holder has crashed
  expired.existed = true;
  kube::Acquisition first;
  struct Row {
    bool wants_catch_up;
    kube::Acquisition acquisition;
    int caught_up;
  };
  for (const auto& [wants_catch_up, acquisition, expected] :
       {Row{true, expired, 1}, Row{false, expired, 0}, Row{true, first, 0}}) {
    std::vector<bool> leading;
    int caught_up = 0;
    const auto callbacks = leader_callbacks(
        wants_catch_up, [&](bool leads) { leading.push_back(leads); }, [&] { ++caught_up; });
    callbacks.started(acquisition);
    CHECK(leading == std::vector<bool>{true});
    CHECK(caught_up == expected);
    callbacks.stopped();
    CHECK(leading == std::vector<bool>{true, false});
    CHECK(caught_up == expected);
  }
}

TEST_CASE("what takes in work ends before what does it, within the grace period") {
  const ShutdownTimes::Time now{1h};
  struct Row {
    std::chrono::milliseconds grace_period, served, answer_by, answered, drained;
  };
  for (const Row& row : {Row{30s, 5s, 21'750ms, 22'250ms, 28s},
                         Row{20s, 5s, 14'250ms, 14'750ms, 18s}, Row{8s, 2s, 4'500ms, 5s, 6s},
                         Row{1s, 250ms, -250ms, 250ms, 250ms}, Row{0s, 0s, -500ms, 0s, 0s}}) {
    INFO(row.grace_period.count());
    const ShutdownTimes times = shutdown_times(now, row.grace_period);
    CHECK(times.served - now == row.served);
    CHECK(times.answer_by - now == row.answer_by);
    CHECK(times.answered - now == row.answered);
    CHECK(times.drained - now == row.drained);
    CHECK(times.ended - now == row.grace_period);
  }
}

}  // namespace receiver
