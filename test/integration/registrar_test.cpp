#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "test/integration/registration_stage.h"
#include "test/support/eventually.h"

namespace receiver::test {
namespace {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

Delivery push_to(const RegistrationStage& stage, const std::string& slug,
                 const std::string& secret) {
  const std::string url = stage.clone_url(slug);
  return sign(stage.of_cloud ? cloud_push(url, "main") : data_center_push({url}, "refs/heads/main"),
              secret);
}

bool leads(const Operator& op) {
  return op.sum_of_metrics("leader_election_master_status{") == 1;
}

}  // namespace

TEST_CASE("webhooks register themselves, and what drifts is put right", "[registrar]") {
  RegistrationStage stage(GENERATE(Source::kCloud, Source::kDataCenter));
  BitbucketServer& bitbucket = stage.bitbucket;
  std::optional<Operator> op(std::in_place, stage.cluster, stage.environment);
  stage.declare({{"bitbucket.allow", stage.owner() + "\n"}});
  const std::string app = stage.subscribe("app");
  bitbucket.add_repository("LOOT/web");
  stage.project.add_warehouse("loot", stage.of_cloud ? "https://bitbucket.org/loot/web"
                                                     : bitbucket.url() + "/scm/loot/web.git");
  eventually(
      "the webhook is made", [&] { return stage.count(app) == 1; }, 10s);

  // The operator accepts deliveries of the webhook that Bitbucket has now.
  const StoredWebhook webhook = bitbucket.webhooks(app).at(0);
  CHECK(webhook.url == kHooksBaseUrl + stage.path());
  CHECK(webhook.events == Strings{stage.of_cloud ? "repo:push" : "repo:refs_changed"});
  const Delivery push = push_to(stage, "app", webhook.secret);
  eventually_equals(
      "a push is delivered", [&] { return text_of(post(op->url("/kargo" + stage.path()), push)); },
      kRefreshed);
  const auto shown = [&](const char* state) {
    return op->metric(fmt::format("bitbucket_receiver_registrations{{state=\"{}\"}}", state));
  };
  eventually_equals(
      "it is counted", [&] { return shown("registered"); }, 1);
  CHECK(shown("failed") == 0);

  // A leader that does not know them reads all, like the round.
  op.reset();
  struct Drift {
    std::string slug;
    StoredWebhook webhook;
  };
  std::vector<Drift> drifts{
      {"title", webhook}, {"events", webhook}, {"secret", webhook}, {"off", webhook}};
  drifts[0].webhook.title = "Mine";
  drifts[0].webhook.verifies_certificate = false;
  if (!stage.of_cloud) {
    drifts[0].webhook.credentials = R"({"username":"me"})";
    drifts[0].webhook.configuration = {{"createdBy", "\"somebody\""}};
  }
  drifts[1].webhook.events = {stage.of_cloud ? "repo:fork" : "repo:forked"};
  drifts[2].webhook.secret = "";
  drifts[3].webhook.active = false;
  for (const Drift& drift : drifts) {
    bitbucket.add_repository(stage.subscribe(drift.slug), {drift.webhook});
  }
  const std::string twice = stage.subscribe("twice");
  bitbucket.add_repository(twice, {webhook, webhook});
  const std::string gone = stage.subscribe("gone");
  op.emplace(stage.cluster, stage.environment);
  const auto now = [&](const char* slug) { return bitbucket.webhooks(stage.name_of(slug)).at(0); };
  eventually("the title", [&] { return now("title").title.starts_with("Mine ["); });
  drifts[0].webhook.title = now("title").title;
  drifts[0].webhook.id = now("title").id;
  CHECK(now("title") == drifts[0].webhook);  // other settings stay
  eventually("the events", [&] { return now("events").events.size() == 2; });
  eventually("the secret", [&] { return now("secret").secret == kSecret; });
  eventually_equals(
      "one is left alone", [&] { return shown("skipped"); }, 1);
  CHECK_FALSE(now("off").active);
  eventually("that is told", [&] {
    return stage.project.events("WebhookLeftAlone").find("/off: ") != std::string::npos;
  });
  eventually_equals(
      "all are looked at", [&] { return shown("registered"); }, 6);
  CHECK(stage.count(twice) == 1);
  CHECK(stage.count(gone) == 1);
  for (const Drift& drift : drifts) CHECK(stage.count(stage.name_of(drift.slug)) == 1);
  CHECK(now("app") == webhook);
  CHECK(stage.count("LOOT/web") == 0);
  for (const std::string& request : bitbucket.requests()) {
    CHECK_THAT(request, !Catch::Contains("loot", Catch::CaseSensitive::No));
    if (stage.of_cloud) CHECK_THAT(request, !Catch::Contains("outcome="));
  }
}

TEST_CASE("webhooks get the events of pull requests once a Stage's task waits for one",
          "[registrar]") {
  RegistrationStage stage(Source::kDataCenter);
  const Operator op(stage.cluster, stage.environment);
  const auto stages_are_read = [&] {
    return op.metric(R"(bitbucket_receiver_reflector_synced{kind="stages"})") == 1;
  };
  CHECK_FALSE(stages_are_read());
  stage.declare();
  const std::string app = stage.subscribe("app");
  const auto events = [&] {
    const auto webhooks = stage.bitbucket.webhooks(app);
    return webhooks.empty() ? Strings{} : webhooks[0].events;
  };
  eventually_equals("the webhook is made", events, Strings{"repo:refs_changed"});
  eventually("Stages are read", stages_are_read);
  // A task that no Stage uses has no effect; the next step shows that.
  stage.create(kPromotionTask, "review", R"([{"uses": "git-wait-for-pr"}])");
  stage.create(kStage, "direct", R"([{"uses": "git-push"}])");
  const std::string web = stage.subscribe("web");
  eventually("the next one is made", [&] { return stage.count(web) == 1; });
  CHECK(events().size() == 1);
  stage.create(kStage, "reviewed", R"([{"task": {"name": "review"}}])");
  eventually_equals("it is corrected", events,
                    Strings{"repo:refs_changed", "pr:merged", "pr:declined", "pr:deleted"});
}

TEST_CASE("two receivers of one repository have a webhook each, whichever replica leads",
          "[registrar]") {
  RegistrationStage stage(GENERATE(Source::kCloud, Source::kDataCenter));
  std::optional<Operator> leader(std::in_place, stage.cluster, stage.environment);
  eventually("one leads", [&] { return leads(*leader); });
  const ConnectProxy way(stage.bitbucket.port());
  const Operator other(stage.cluster, stage.through(way));
  const Project second(stage.cluster);
  stage.declare();
  stage.declare(second);
  Strings repositories;
  for (const char* slug : {"a", "b", "c", "d"}) {
    repositories.push_back(stage.subscribe(slug));
    second.add_warehouse(slug, stage.clone_url(slug));
  }
  const auto all = [&] {
    return std::ranges::all_of(repositories, [&](const std::string& repository) {
      const auto webhooks = stage.bitbucket.webhooks(repository);
      return webhooks.size() == 2 && webhooks[0].url != webhooks[1].url;
    });
  };
  eventually("some webhooks are made", [&] { return stage.bitbucket.writes() >= 2; });
  CHECK_FALSE(all());  // in the middle
  leader->kill();
  CHECK(way.connects().empty());
  leader.reset();
  stage.cluster.admin().remove(kLeasePath);  // otherwise the new leader would wait for it
  eventually("the other leads, and makes the rest", all, 60s);
  CHECK(leads(other));
  CHECK_FALSE(way.connects().empty());
  for (const std::string& repository : repositories) CHECK(stage.count(repository) == 2);
}

TEST_CASE("a webhook whose making was not answered is not made again", "[registrar]") {
  RegistrationStage stage(Source::kDataCenter);  // which takes a second one
  BitbucketServer& bitbucket = stage.bitbucket;
  std::optional<Operator> op(std::in_place, stage.cluster, stage.environment);
  bitbucket.before_next_write([&](auto& /*webhooks*/) {
    stage.proxy.lead(stage.host + ":443", bitbucket.port());  // cuts the connection back
  });
  stage.declare();
  const std::string app = stage.subscribe("app");
  eventually("it is told",
             [&] { return !stage.project.events("WebhookRegistrationFailed").empty(); });
  CHECK(stage.count(app) == 1);
  // The next visit, which would be in a minute.
  op.reset();
  op.emplace(stage.cluster, stage.environment);
  eventually_equals(
      "it is found",
      [&] { return op->metric(R"(bitbucket_receiver_registrations{state="registered"})"); }, 1);
  CHECK(stage.count(app) == 1);
  CHECK(bitbucket.writes() == 1);
}

TEST_CASE("what stops a registration is told with its remedy, and writes nothing", "[registrar]") {
  RegistrationStage stage(Source::kDataCenter);
  BitbucketServer& bitbucket = stage.bitbucket;
  bitbucket.accept("Bearer only-reads", Grant::kReadOnly);
  BitbucketServer cloud(Source::kCloud);
  cloud.accept(std::string("Bearer ") + kAdminToken);
  Environment environment = stage.environment;
  environment["BITBUCKET_HOSTS"] += fmt::format(",localhost:{}", cloud.port());
  const Operator op(stage.cluster, environment);
  bitbucket.add_repository("SHOP/app");
  struct Row {
    const char* what;
    RegistrationStage::Keys keys;
    std::string repository;
    const char* words;
  };
  const std::string app = stage.clone_url("app");
  const std::vector<Row> rows{
      {"no permission", {{"bitbucket.token", "only-reads"}}, app, "\"Repository admin\""},
      {"an expired token", {{"bitbucket.token", "expired"}}, app, "wrong or has expired"},
      {"no repository", {}, stage.clone_url("nowhere"), "check its spelling"},
      {"another product",
       {{"bitbucket.url", cloud.url()}, {"bitbucket.ca", cloud.ca_pem()}},
       cloud.url() + "/scm/shop/app.git",
       "Bitbucket answered 404"},
  };
  std::vector<std::unique_ptr<Project>> projects;
  for (const Row& row : rows) {
    projects.push_back(std::make_unique<Project>(stage.cluster));
    stage.declare(*projects.back(), row.keys);
    projects.back()->add_warehouse("app", row.repository);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    INFO(rows[i].what);
    std::string told;
    eventually("it is told", [&] {
      told = projects[i]->events("WebhookRegistrationFailed");
      return !told.empty();
    });
    CHECK_THAT(told, Catch::StartsWith("Warning receiver \"bb\": no correct webhook in ") &&
                         Catch::Contains(rows[i].words) && !Catch::Contains(kSecret));
    CHECK(std::ranges::count(told, '\n') == 1);
  }
  CHECK(bitbucket.writes() == 0);
  const std::string failed = R"(bitbucket_receiver_registrations{state="failed"})";
  eventually_equals(
      "they are counted", [&] { return op.metric(failed); }, 4);
}

TEST_CASE("what Cloud refuses is told with the scope that is missing", "[registrar]") {
  RegistrationStage stage(Source::kCloud);
  BitbucketServer& bitbucket = stage.bitbucket;
  std::optional<Operator> op(std::in_place, stage.cluster, stage.environment);
  struct Row {
    const char* token;
    std::optional<Grant> grant;  ///< nothing: an unknown token
    const char* words;           ///< empty: the webhook is created
    const char* repository = "app";
  };
  const std::vector<Row> rows{
      {"token-of-nobody", std::nullopt, "wrong or has expired"},
      {"token-that-only-writes", Grant{.reads = false}, "read:webhook:bitbucket"},
      {"token-that-only-reads", Grant{.writes = false, .deletes = false},
       "write:webhook:bitbucket"},
      {"token-for-nothing", Grant::kAdmin, "check its spelling", "missing"},
      {"token-without-deletes", Grant{.deletes = false}, ""},
  };
  std::vector<std::unique_ptr<Project>> projects;
  for (const Row& row : rows) {
    if (row.grant) bitbucket.accept(std::string("Bearer ") + row.token, *row.grant);
    const auto& project = projects.emplace_back(std::make_unique<Project>(stage.cluster));
    bitbucket.add_repository(project->name() + "/app");
    stage.declare(*project, {{"bitbucket.token", row.token}});
    project->add_warehouse("app", project->repository(row.repository));
  }
  const auto told = [&](std::size_t row) {
    std::string text;
    eventually("it is told", [&] {
      text = projects[row]->events("WebhookRegistrationFailed");
      return !text.empty();
    });
    CHECK_THAT(text, !Catch::Contains(kSecret) && !Catch::Contains(rows[row].token));
    CHECK(std::ranges::count(text, '\n') == 1);
    return text;
  };
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    INFO(rows[i].token);
    CHECK_THAT(told(i), Catch::Contains(rows[i].words));
    CHECK(bitbucket.webhooks(projects[i]->name() + "/app").empty());
  }
  // This scope is needed for duplicates only.
  const std::string app = projects.back()->name() + "/app";
  eventually("the webhook is made", [&] { return stage.count(app) == 1; });
  CHECK(projects.back()->events("WebhookRegistrationFailed").empty());
  // The settings do not list this host: nothing is asked, but the receiver counts.
  const Project elsewhere(stage.cluster);
  stage.declare(elsewhere, {{"bitbucket.url", "https://elsewhere.example.com"}});
  const std::string failed = R"(bitbucket_receiver_registrations{state="failed"})";
  eventually_equals(
      "all are counted", [&] { return op->metric(failed); }, 5);

  op.reset();
  const StoredWebhook webhook = bitbucket.webhooks(app).at(0);
  bitbucket.add_repository(app, {webhook, webhook});
  op.emplace(stage.cluster, stage.environment);
  CHECK_THAT(told(rows.size() - 1), Catch::Contains("delete:webhook:bitbucket"));
  CHECK(stage.count(app) == 2);
}

TEST_CASE("one Bitbucket is asked twice a second, for however many receivers", "[registrar]") {
  RegistrationStage stage(Source::kDataCenter);
  const Operator op(stage.cluster, stage.environment);
  const Project second(stage.cluster);
  for (int i = 0; i < 10; ++i) {
    const std::string slug = fmt::format("app-{}", i);
    stage.subscribe(slug);
    second.add_warehouse(slug, stage.clone_url(slug));
  }
  const auto asked = [&] { return stage.bitbucket.requests().size(); };
  stage.bitbucket.set_delay(1s);  // requests do not wait for each other
  stage.declare();
  stage.declare(second);
  eventually("it begins", [&] { return asked() > 0; });
  const std::size_t before = asked();
  const auto begun = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(5s);
  const std::size_t after = asked();
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
  CHECK(static_cast<double>(after - before) <= passed.count() * 2 + 1);
  CHECK(after - before >= 7);
}

TEST_CASE("nothing is asked while Bitbucket wants to be left alone", "[registrar]") {
  RegistrationStage stage(Source::kDataCenter);
  const Operator op(stage.cluster, stage.environment);
  stage.bitbucket.answer_next({{.status = 429, .retry_after = "4"}});
  stage.declare();
  const std::string app = stage.subscribe("app");
  stage.subscribe("web");
  eventually("it is asked", [&] { return !stage.bitbucket.requests().empty(); });
  const auto begun = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(3s);
  if (std::chrono::steady_clock::now() - begun < 3900ms) {
    CHECK(stage.bitbucket.requests().size() == 1);
  }
  eventually("then the webhook is made", [&] { return stage.count(app) == 1; });
  CHECK_THAT(stage.project.events("WebhookRegistrationFailed"),
             Catch::Contains("too many requests; try again in 4 s"));
}

TEST_CASE("what Data Center has skipped while nobody was there is refreshed at the first look",
          "[registrar]") {
  RegistrationStage stage(Source::kDataCenter);
  stage.environment["CATCH_UP"] = "false";
  std::optional<Operator> op(std::in_place, stage.cluster, stage.environment);
  stage.declare();
  const std::string app = stage.subscribe("app");
  const std::string web = stage.subscribe("web");
  stage.project.add_warehouse("app-too", stage.clone_url("app"));
  eventually("the webhooks are made", [&] { return stage.count(app) + stage.count(web) == 2; });
  const auto token = [&](const char* warehouse) {
    return stage.project.warehouse(warehouse).at("/metadata/annotations/kargo.akuity.io~1refresh");
  };
  const auto deliver = [&](const std::string& slug) {
    stage.bitbucket.deliver(stage.name_of(slug), [&](const StoredWebhook& webhook) -> unsigned {
      if (!op) return 0;
      return post(op->url("/kargo" + stage.path()), push_to(stage, slug, webhook.secret)).status;
    });
  };
  eventually("pushes are delivered", [&] {
    deliver("web");
    return !token("web").empty();
  });
  const std::string before = token("web");

  op.reset();
  for (int i = 0; i < 10; ++i) deliver("app");
  op.emplace(stage.cluster, stage.environment);
  eventually("both Warehouses are refreshed",
             [&] { return !token("app").empty() && !token("app-too").empty(); });
  CHECK(token("web") == before);
  std::string told;
  eventually("it is told", [&] {
    told = stage.project.events("DeliveriesMissed");
    return !told.empty();
  });
  CHECK_THAT(told, Catch::Contains("repository SHOP/app: ") &&
                       Catch::Contains("Webhook failed too many times") &&
                       !Catch::Contains("SHOP/web"));
  CHECK(op->metric("bitbucket_receiver_missed_deliveries_total") == 1);
}

}  // namespace receiver::test
