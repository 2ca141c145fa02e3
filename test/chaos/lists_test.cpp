// Effects of the Secrets of many projects, or of one, on everything else.

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/experiment.h"
#include "test/chaos/faulty_way.h"

namespace receiver::chaos {

using test::Cluster;
using test::eventually;
using test::eventually_equals;
using test::Json;
using test::kProjectReady;
using test::Operator;
using test::Project;
using test::published_url;
using test::receiver_path;

namespace {

using Fault = Proxy::Fault;

bool watches_secrets(std::string_view line) {
  return line.find("/secrets?") != std::string_view::npos &&
         line.find("watch=") != std::string_view::npos;
}

bool lists_secrets(std::string_view line) {
  return line.find("/secrets?") != std::string_view::npos &&
         line.find("watch=") == std::string_view::npos;
}

std::string lease_holder(const Cluster& cluster) {
  return cluster.admin().get(test::kLeasePath).at("/spec/holderIdentity");
}

}  // namespace

TEST_CASE("every Secret watch of 100 projects is gone (410), and their lists hang for 25 s",
          "[lists]") {
  FaultyWay way;
  const Projects others = make_projects(way.cluster, 95);
  const Operator op = way.start();
  eventually("it leads", [&] { return !lease_holder(way.cluster).empty(); });
  const std::string holder = lease_holder(way.cluster);
  const Project& changed = *way.world.projects().front();
  Experiment experiment(way.cluster, way.world, {&op});
  experiment.fault([&] {
    way.proxy.set({{.fault = Fault::kGone, .requests = watches_secrets},
                   {.fault = Fault::kHangs, .requests = lists_secrets}});
    CHECK(way.proxy.cut_watches() > 100);
    changed.put_secret("another", {{"secret", "another-secret-of-a-test"}});
    changed.declare({{"bb", "bb-secret"}, {"another", "another"}});
    std::this_thread::sleep_for(25s);
    way.proxy.set(Fault::kNone);
  });
  CHECK(way.proxy.faults() > 100);
  experiment.recover();
  eventually_equals(
      "what changed meanwhile is published",
      [&] { return published_url(changed.config(), "another"); },
      op.url(receiver_path(changed.name(), "another", "another-secret-of-a-test")),
      Experiment::kRecovery);
  experiment.finish(Experiment::Queued::kAllApplied, way.remark());
  for (const SentDelivery& sent : experiment.traffic().deliveries()) CHECK(sent.status == 200);
  CHECK(lease_holder(way.cluster) == holder);
  CHECK(op.log().find("no longer") == std::string::npos);
}

TEST_CASE("the Secrets of one namespace are answered 500 from the operator's start on",
          "[quick][lists]") {
  FaultyWay way;
  const Projects others = make_projects(way.cluster, 1);
  const Project& ill = *others.front();
  const std::string secrets = "/namespaces/" + ill.name() + "/secrets";
  way.proxy.set({{.fault = Fault::kServerErrors, .requests = [secrets](std::string_view line) {
                    return line.find(secrets) != std::string_view::npos;
                  }}});
  const Operator op = way.start();
  Experiment experiment(way.cluster, way.world, {&op});
  experiment.fault([&] {
    eventually("its status says so", [&] {
      return test::ready_message(ill.config(), "False").find("bb-secret") != std::string::npos;
    });
    // Single reads succeed while the list fails.
    way.proxy.set({{.fault = Fault::kServerErrors, .requests = [secrets](std::string_view line) {
                      return line.find(secrets + "?") != std::string_view::npos;
                    }}});
    ill.await_ready(Experiment::kRecovery);
    way.proxy.set(Fault::kNone);
  });
  experiment.recover();
  experiment.finish();
  for (const SentDelivery& sent : experiment.traffic().deliveries()) CHECK(sent.status == 200);
}

TEST_CASE("a Secret of 900 kB that no receiver names changes in each of 150 namespaces",
          "[lists]") {
  constexpr std::size_t kNamespaces = 145;  // and the five of the world
  constexpr std::size_t kAllowedKib = 15UL * 1024;
  const Cluster cluster;
  const World world(cluster);
  const Projects others = make_projects(cluster, kNamespaces);
  const Operator op(cluster);
  Experiment experiment(cluster, world, {&op});
  const std::size_t before = op.footprint().resident_kib;
  experiment.fault([&] {
    for (const char* filling : {"A", "B"}) {
      std::string large;
      while (large.size() < 900'000) large += filling;
      for (const Projects* projects : {&others, &world.projects()}) {
        for (const auto& project : *projects) project->put_secret("large", {{"file", large}});
      }
    }
    std::this_thread::sleep_for(1s);
  });
  const std::size_t after = op.footprint().resident_kib;
  experiment.recover();
  experiment.finish(Experiment::Queued::kAllApplied,
                    fmt::format("{} KiB resident before, {} KiB after", before, after));
  CHECK(after < before + kAllowedKib);
  for (const SentDelivery& sent : experiment.traffic().deliveries()) CHECK(sent.status == 200);
}

}  // namespace receiver::chaos
