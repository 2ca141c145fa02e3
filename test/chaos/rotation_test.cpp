// An automatic rotation (SPEC 6.3): the operator moves the webhooks to the new URL and secret, and
// meanwhile both URLs get pushes.

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/changes.h"
#include "test/chaos/proxy.h"
#include "test/chaos/report.h"
#include "test/integration/registration_stage.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"

namespace receiver::chaos {

using namespace std::chrono_literals;
using bitbucket::Source;
using clock::Wall;
using test::Environment;
using test::eventually;
using test::Operator;
using test::RegistrationStage;
using test::StoredWebhook;

namespace {

constexpr const char* kOrigin = "https://hooks.example.com";
constexpr std::size_t kRotatedWebhooks = 10;
constexpr std::chrono::seconds kLate{20};
/// The URL is served for a minute before the first webhook moves.
constexpr std::chrono::seconds kLongest{120};
constexpr int kRoundsAfter = 10;

/// Repositories whose webhooks get deliveries at their current URL, to each replica.
class Pushes {
 public:
  Pushes(RegistrationStage& stage, std::vector<const Operator*> replicas)
      : stage_(stage), replicas_(std::move(replicas)) {
    for (std::size_t i = 0; i < kRotatedWebhooks; ++i) {
      slugs_.push_back(fmt::format("r{}", i));
      stage_.subscribe(slugs_.back());
    }
  }

  [[nodiscard]] std::size_t leading_to(const std::string& path) const {
    return static_cast<std::size_t>(std::ranges::count_if(slugs_, [&](const std::string& slug) {
      const auto webhooks = stage_.bitbucket.webhooks(stage_.name_of(slug));
      return webhooks.size() == 1 && webhooks[0].url == test::kHooksBaseUrl + path;
    }));
  }

  /// One push of each repository to each replica.
  [[nodiscard]] std::vector<SentDelivery> send() const {
    std::vector<SentDelivery> sent;
    for (const std::string& slug : slugs_) {
      for (const Operator* replica : replicas_) {
        stage_.bitbucket.deliver(stage_.name_of(slug), [&](const StoredWebhook& webhook) {
          sent.push_back(push(slug, *replica, webhook));
          return sent.back().status;
        });
      }
    }
    return sent;
  }

 private:
  [[nodiscard]] SentDelivery push(const std::string& slug, const Operator& replica,
                                  const StoredWebhook& webhook) const {
    const std::string repository = stage_.clone_url(slug);
    const auto delivery =
        test::sign(stage_.of_cloud ? test::cloud_push(repository, "main")
                                   : test::data_center_push({repository}, "refs/heads/main"),
                   webhook.secret);
    const std::string path = webhook.url.substr(std::string_view(kOrigin).size());
    SentDelivery sent{.cloud = stage_.of_cloud,
                      .targets = {fmt::format("warehouses/{}/{}", stage_.project.name(), slug)},
                      .begun = Wall::now()};
    // There are no other pushes to the repository meanwhile.
    sent.last_byte = sent.begun;
    const auto answer = test::post(replica.url(path), delivery);
    sent.answered = Wall::now();
    sent.status = answer.status;
    sent.body = answer.body;
    return sent;
  }

  RegistrationStage& stage_;
  std::vector<const Operator*> replicas_;
  std::vector<std::string> slugs_;
};

}  // namespace

TEST_CASE("a secret rotated without hands, one of two replicas hears of it 20 s late",
          "[rotation]") {
  RegistrationStage stage(GENERATE(Source::kDataCenter, Source::kCloud));
  Proxy proxy(stage.cluster);
  const Operator prompt(stage.cluster, stage.environment);
  eventually("the prompt one leads",
             [&] { return prompt.sum_of_metrics("leader_election_master_status{") == 1; });
  Environment by_proxy = stage.environment;
  by_proxy["KUBECONFIG"] = proxy.kubeconfig();
  const Operator late(stage.cluster, by_proxy);
  stage.declare();
  const Pushes pushes(stage, {&prompt, &late});
  eventually(
      "all are registered", [&] { return pushes.leading_to(stage.path()) == kRotatedWebhooks; },
      60s);
  eventually("both replicas serve all", [&] {
    const auto sent = pushes.send();
    return std::ranges::all_of(sent, [](const SentDelivery& one) { return one.status == 200; });
  });

  const ChangeFeed feed(static_cast<unsigned short>(std::stoi(stage.cluster.setting("ETCD_PORT"))));
  std::vector<SentDelivery> deliveries;
  const auto push = [&] {
    for (SentDelivery& sent : pushes.send()) deliveries.push_back(std::move(sent));
  };
  push();
  proxy.set({{.fault = Proxy::Fault::kServerErrors, .requests = [](std::string_view line) {
                return line.find("/secrets") != std::string_view::npos;
              }}});
  CHECK(proxy.cut_watches() > 0);
  const std::string moved = test::receiver_path(stage.project.name(), "bb", test::kNewSecret);
  stage.project.put_secret(
      "s", stage.keys({{"secret", test::kNewSecret}, {"secret.previous", test::kSecret}}));
  const auto begun = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::steady_clock::now() - begun; };
  while (elapsed() < kLate) push();
  CHECK(pushes.leading_to(moved) == 0);
  CHECK(proxy.faults() > 0);
  proxy.set(Proxy::Fault::kNone);
  std::size_t to_both = 0;
  for (std::size_t there = 0; there < kRotatedWebhooks && elapsed() < kLongest;
       there = pushes.leading_to(moved)) {
    const std::size_t before = deliveries.size();
    push();
    if (there > 0) to_both += deliveries.size() - before;
  }
  const auto took = std::chrono::duration<double>(elapsed());
  for (int i = 0; i < kRoundsAfter; ++i) push();

  CHECK(pushes.leading_to(moved) == kRotatedWebhooks);
  CHECK(to_both > 0);
  // All are stored; the watch may be late.
  Findings findings = check(deliveries, feed.changes());
  for (int i = 0; i < 100 && findings.acknowledged.broken > 0; ++i) {
    std::this_thread::sleep_for(100ms);
    findings = check(deliveries, feed.changes());
  }
  Row row{Catch::getResultCapture().getCurrentTestName(), deliveries, findings};
  for (const SentDelivery& sent : deliveries) {
    const auto latency = std::chrono::duration_cast<std::chrono::milliseconds>(sent.took());
    row.worst_unaffected = std::max(row.worst_unaffected, latency);
  }
  row.remark = fmt::format("{} webhooks of {} moved after {:.0f} s, {} pushes while they did",
                           kRotatedWebhooks, stage.of_cloud ? "Cloud" : "Data Center", took.count(),
                           to_both);
  report(row);
  for (const std::string& example : findings.examples) UNSCOPED_INFO(example);
  CHECK(findings.acknowledged.broken == 0);
  // None was rejected or only promised.
  CHECK(findings.acknowledged.promised == deliveries.size());
  CHECK(deliveries.size() > 200);
  eventually("the end is told", [&] { return !stage.project.events("WebhooksMoved").empty(); });
}

}  // namespace receiver::chaos
