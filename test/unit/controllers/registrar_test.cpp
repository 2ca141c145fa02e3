#include "controllers/registrar.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "test/unit/controllers/registrar_world.h"

namespace receiver::controllers {

TEST_CASE("webhooks are made at once, told, and then looked at every six hours") {
  RegistrarWorld world;
  world.derive("secret-1");
  world.pass(5s);
  CHECK(world.asked() == Strings{"GET app", "POST app", "GET web", "POST web"});
  CHECK(world.told() == Strings(2, "demo WebhookRegistered"));
  CHECK(world.logged(
      R"(WebhookRegistered object=demo/demo note="receiver \"bb\": repository DEMO/app)"));
  CHECK(world.url_of("app") == world.url("secret-1"));
  CHECK(world.registrar->states().at(RegistrationSchedule::State::kRegistered) == 2);
  // A former leader may have written until a moment ago.
  world.pass(2min);
  CHECK(world.asked() == Strings{"GET app", "GET web"});
  // Nothing else is asked until the round, which corrects drift.
  world.center.repositories["app"][0].events = {"repo:forked"};
  world.pass(6h - 2min);
  CHECK(world.asked().empty());
  world.pass(1h);
  Strings round = world.asked();
  std::ranges::sort(round);
  CHECK(round == Strings{"GET app", "GET web", "PUT app"});
  CHECK(world.told() == Strings{"demo WebhookCorrected"});
}

TEST_CASE("a new Warehouse's webhook is made within ten seconds") {
  RegistrarWorld world;
  world.derive("secret-1");
  world.pass(2min);
  (void)world.asked();
  world.slugs.insert("new");
  for (int i = 0; i < 20; ++i) {  // continuing changes do not delay it
    world.registrar->changed("demo");
    world.pass(500ms);
  }
  CHECK(world.asked() == Strings{"GET new", "POST new"});
  CHECK(world.center.asked_of_project == 1);
  // Webhooks of repositories without a subscription are left to `receiverctl unregister`.
  world.slugs.erase("new");
  world.registrar->changed("demo");
  world.pass(7h);
  CHECK(world.url_of("new") == world.url("secret-1"));
  // By then the project may have webhooks of its own.
  world.slugs.insert("newer");
  world.registrar->changed("demo");
  world.pass(10s);
  CHECK(world.center.asked_of_project == 2);
}

TEST_CASE("whose objects change is looked at, and changes at once are looked at once") {
  RegistrarWorld world;
  world.of_cluster = GENERATE(false, true);
  world.derive("secret-1");
  world.pass(1min);
  CHECK(world.looks == 1);
  for (int i = 0; i < 100; ++i) world.registrar->changed("demo");
  world.pass(1min);
  CHECK(world.looks == 2);
  world.registrar->changed("another");
  world.pass(1min);
  CHECK(world.looks == (world.of_cluster ? 3 : 2));
  world.registrar->changed("");  // of ClusterPromotionTasks
  world.pass(1min);
  CHECK(world.looks == (world.of_cluster ? 4 : 3));
}

TEST_CASE("a rotated secret is taken to Bitbucket once it was served for a minute") {
  RegistrarWorld world;
  world.derive("secret-1");
  world.pass(1h);
  (void)world.told();
  world.derive("secret-2", "secret-1");
  world.pass(59s);
  CHECK(world.url_of("app") == world.url("secret-1"));
  world.pass(5s);
  CHECK(world.url_of("app") == world.url("secret-2"));
  CHECK(world.url_of("web") == world.url("secret-2"));
  CHECK(world.told() ==
        Strings{"demo WebhookCorrected", "demo WebhookCorrected", "demo WebhooksMoved"});

  // If a Secret is not watched, another replica may notice a change five minutes later.
  world.is_watched = false;
  world.derive("secret-3", "secret-2");
  world.pass(359s);
  CHECK(world.url_of("app") == world.url("secret-2"));
  world.pass(5s);
  CHECK(world.url_of("app") == world.url("secret-3"));
}

TEST_CASE("whatever has drifted is put right in the round, but for what people may decide") {
  RegistrarWorld world;
  world.slugs = {"title", "url", "events", "secret", "gone", "twice", "off", "stranger"};
  world.derive("secret-1");
  world.pass(1min);
  (void)world.told();
  auto& webhooks = world.center.repositories;
  const StoredWebhook right = webhooks["title"].at(0);
  webhooks["title"][0].title = "Mine";
  webhooks["url"][0].url = "https://elsewhere.example.com/";
  webhooks["events"][0].events = {"repo:forked"};
  webhooks["secret"][0].secret = "another";
  webhooks["gone"].clear();
  webhooks["twice"].push_back(right);
  webhooks["twice"][1].id = "99";
  webhooks["off"][0].active = false;
  webhooks["off"][0].title = "Mine";
  StoredWebhook strangers = right;
  strangers.id = "98";
  strangers.title = "Kargo demo/bb";
  strangers.url = world.url("of another");
  webhooks["stranger"].push_back(strangers);
  const auto off = webhooks["off"];
  const auto stranger = webhooks["stranger"];

  world.pass(7h);
  for (const char* slug : {"title", "url", "events", "secret", "gone", "twice"}) {
    INFO(slug);
    REQUIRE(webhooks[slug].size() == 1);
    const StoredWebhook& now = webhooks[slug][0];
    CHECK(now.url == right.url);
    CHECK(now.secret == right.secret);
    CHECK(now.active);
    CHECK_THAT(now.events, Catch::VectorContains(std::string("repo:refs_changed")));
  }
  CHECK(webhooks["title"][0].title == "Mine " + right.title.substr(right.title.rfind('[')));
  CHECK(webhooks["events"][0].events == Strings{"repo:forked", "repo:refs_changed"});
  CHECK(webhooks["off"] == off);
  CHECK(webhooks["stranger"] == stranger);
  Strings told = world.told();
  std::ranges::sort(told);
  Strings expected(5, "demo WebhookCorrected");
  expected.insert(expected.end(), {"demo WebhookLeftAlone", "demo WebhookRegistered"});
  CHECK(told == expected);
  // A second round changes nothing, and says nothing.
  const auto after = webhooks;
  world.pass(7h);
  CHECK(webhooks == after);
  CHECK(world.told().empty());
}

TEST_CASE("what Data Center could not deliver refreshes the repository's Warehouses once") {
  RegistrarWorld world(true);
  world.slugs = {"app"};
  world.center.date = "Thu, 01 Jan 2026 00:00:00 GMT";
  world.derive("secret-1");
  world.pass(4min);
  CHECK(world.asked() ==
        Strings{"GET app", "POST app", "DELIVERIES app", "DELIVERIES app", "GET app"});
  CHECK(world.told() == Strings{"demo WebhookRegistered"});
  CHECK(world.refreshed().empty());

  // A minute ago by Bitbucket's clock; our clock does not matter.
  world.center.failed_delivery = R"({"finish": "2025-12-31T23:59:00Z", "result": {}})";
  world.pass(11min);
  CHECK(world.refreshed() == Strings{"demo DEMO/app"});
  CHECK(world.told() == Strings{"demo DeliveriesMissed"});
  CHECK(world.registrar->counters().missed == 1);
  world.center.failed_delivery = R"({"finish": "2025-12-31T23:59:00.001Z", "result": {}})";
  world.pass(11min);
  CHECK(world.refreshed() == Strings{"demo DEMO/app"});
  CHECK(world.asked().size() == 10);  // nothing but those questions

  SECTION("not by one that has lost the Lease meanwhile") {
    (void)world.told();
    world.center.failed_delivery = R"({"finish": "2025-12-31T23:59:59Z", "result": {}})";
    world.center.before_answer = [&] { world.leads = false; };
    world.pass(6min);
    CHECK(world.refreshed().empty());
    CHECK(world.told().empty());
    world.center.before_answer = [] {};
    world.leads = true;
    world.pass(6min);
    CHECK(world.refreshed() == Strings{"demo DEMO/app"});
  }
  SECTION("another leader looks back for a quarter of an hour") {
    world.registrar->set_leading(false);
    world.pass(1h);
    CHECK(world.asked().empty());
    world.registrar->set_leading(true);
    world.pass(6min);
    CHECK(world.refreshed() == Strings{"demo DEMO/app"});
  }
  SECTION("and does not report older ones") {
    world.registrar->set_leading(false);
    world.pass(1h);
    world.registrar->set_leading(true);
    world.center.failed_delivery = R"({"finish": "2025-12-31T23:44:50Z", "result": {}})";
    world.pass(1h);
    CHECK(world.refreshed().empty());
  }
  SECTION("a rotation does not make it news again") {
    world.derive("secret-2", "secret-1");
    world.pass(1h);
    CHECK(world.refreshed().empty());
  }
  SECTION("it is asked for no more when nothing is wanted any more") {
    (void)world.asked();
    world.registrar->gone({"demo", "demo"});
    world.pass(1h);
    CHECK(world.asked().empty());
  }
}

TEST_CASE(
    "where the whole project has the webhook none is made, and its deliveries are not followed") {
  RegistrarWorld world(true);
  world.slugs = {"app"};
  world.center.of_project = {{.id = "7",
                              .title = "all",
                              .url = world.url("secret-1"),
                              .events = {"repo:refs_changed"},
                              .secret = "secret-1",
                              .of_project = true}};
  world.derive("secret-1");
  SECTION("while its deliveries would do") {
    world.pass(1h);
    CHECK(world.asked() == Strings{"GET app", "GET app"});
    CHECK(world.logged(R"(repository=DEMO/app note="webhook 7 (all) of the whole project leads)"));
  }
  SECTION("unless it signs by another secret, which no look at the repository changes") {
    world.center.of_project[0].secret = "another";
    world.pass(30s);
    CHECK(world.asked().at(1) == "POST app");
    CHECK(world.url_of("app") == world.url("secret-1"));
  }
  CHECK(world.registrar->states().at(RegistrationSchedule::State::kRegistered) == 1);
}

TEST_CASE("two hundred repositories are registered in four minutes, by two requests a second") {
  RegistrarWorld world;
  world.subscribe_to_two_hundred();
  world.derive("secret-1");
  world.pass(4min);
  CHECK(world.registered() == 200);
  const auto& at = world.center.asked_at;
  REQUIRE(at.size() > 400);
  for (std::size_t i = 1; i < at.size(); ++i) CHECK(at[i] - at[i - 1] >= 500ms);

  // When nothing changes, no repository is asked about twice in six hours.
  (void)world.asked();
  world.pass(6h - 4min);
  CHECK(world.asked().empty());
}

TEST_CASE("answers that take long do not slow that down") {
  RegistrarWorld world;
  world.subscribe_to_two_hundred();
  world.center.takes = 2s;
  world.derive("secret-1");
  world.pass(4min);
  CHECK(world.registered() == 200);
  const auto& at = world.center.asked_at;
  for (std::size_t i = 1; i < at.size(); ++i) CHECK(at[i] - at[i - 1] >= 500ms);
}

TEST_CASE("a rate limit stops visits in progress, too") {
  RegistrarWorld world;
  world.slugs = {"a", "b", "c"};
  world.center.takes = 2s;
  world.center.before_answer = [&] {
    world.center.fails.reset();
    if (world.center.asked.back() == "GET b") world.center.fails = {429, "", "60", ""};
  };
  world.derive("secret-1");
  world.pass(1min);
  CHECK(world.asked() == Strings{"GET a", "GET b", "GET c"});
  world.center.before_answer = [&] { world.center.fails.reset(); };
  world.pass(1min);
  CHECK(world.registered() == 3);
  CHECK(world.told() == Strings{"demo WebhookRegistrationFailed", "demo WebhookRegistered",
                                "demo WebhookRegistered", "demo WebhookRegistered"});
}

TEST_CASE("what is not wanted any more is not written, though it was read for") {
  RegistrarWorld world;
  world.slugs = {"web"};
  world.derive("secret-1");
  world.pass(2min);
  (void)world.asked();
  bool is_first = true;
  // Half a second passes until the write, less than the time for collecting changes.
  const auto while_read = [&](std::function<void()> change) {
    world.center.before_answer = [&, change = std::move(change)] {
      if (std::exchange(is_first, false)) change();
    };
    world.slugs.insert("app");
    world.registrar->changed("demo");
    world.pass(5s);
  };
  SECTION("the receiver's secret is another") {
    while_read([&] { world.derive("secret-2"); });
    CHECK(world.asked() == Strings{"GET app", "GET app", "POST app"});
    CHECK(world.url_of("app") == world.url("secret-2"));
  }
  SECTION("its token is another") {
    while_read([&] {
      world.token = "another";
      world.derive("secret-1");
    });
    CHECK(world.asked() == Strings{"GET app", "GET app", "POST app", "GET web"});
  }
  SECTION("nobody subscribes to the repository") {
    while_read([&] {
      world.slugs.erase("app");
      world.registrar->changed("demo");
    });
    CHECK(world.asked() == Strings{"GET app"});
  }
  SECTION("the owner is gone") {
    while_read([&] { world.registrar->gone({"demo", "demo"}); });
    CHECK(world.asked() == Strings{"GET app"});
  }
  SECTION("another leads") {
    while_read([&] { world.registrar->set_leading(false); });
    CHECK(world.asked() == Strings{"GET app"});
  }
  for (const std::string& told : world.told()) CHECK(told == "demo WebhookRegistered");
}

TEST_CASE("what else changes of the Secret is no reason to look, another token is one at once") {
  RegistrarWorld world;
  world.derive("secret-1");
  world.pass(2min);
  (void)world.asked();
  world.derive("secret-1");  // of another version
  world.pass(1min);
  CHECK(world.asked().empty());
  world.center.fails = {429, "", "3600", ""};
  world.slugs.insert("new");
  world.registrar->changed("demo");
  world.pass(10min);
  CHECK(world.asked() == Strings{"GET new"});
  world.center.fails.reset();
  world.token = "another";
  world.derive("secret-1");
  world.pass(10s);
  CHECK(world.url_of("new") == world.url("secret-1"));
}

TEST_CASE("the events of pull requests come when promotions wait for some, and do not go") {
  RegistrarWorld world;
  world.slugs = {"app"};
  world.derive("secret-1");
  world.pass(2min);
  (void)world.asked();
  for (int i = 0; i < 3; ++i) {
    world.waits_for_pull_requests = true;
    world.registrar->changed("demo");
    world.pass(1min);
    CHECK(world.asked() == (i == 0 ? Strings{"GET app", "PUT app"} : Strings{}));
    world.waits_for_pull_requests = false;
    world.registrar->changed("demo");
    world.pass(1min);
    CHECK(world.asked().empty());
  }
  CHECK(world.center.repositories["app"].at(0).events.size() == 4);
}

TEST_CASE("a receiver whose registration cannot begin counts as a failure") {
  using State = RegistrationSchedule::State;
  RegistrarWorld world;
  SECTION("its keys lead nowhere") {
    world.has_one = false;
    world.cannot_register = {"bb"};
    world.derive("secret-1");
    world.pass(1min);
    CHECK(world.registrar->states() == std::map<State, std::size_t>{{State::kFailed, 1}});
  }
  SECTION("it would register everywhere") {
    world.of_cluster = true;
    world.is_bounded = false;
    world.derive("secret-1");
    world.pass(1min);
    CHECK(world.registrar->states() == std::map<State, std::size_t>{{State::kFailed, 1}});
    CHECK(world.told() == Strings{" WebhookRegistrationFailed"});
  }
  CHECK(world.asked().empty());
}

TEST_CASE("a rotation does not end while one is switched off that only its former URL tells") {
  RegistrarWorld world;
  world.derive("secret-1");
  world.pass(2min);
  StoredWebhook& webhook = world.center.repositories["app"].at(0);
  const std::string marked = std::exchange(webhook.title, "by hand");
  webhook.active = false;
  world.derive("secret-2", "secret-1");
  world.pass(7h);
  CHECK(std::ranges::count(world.told(), "demo WebhooksMoved") == 0);
  CHECK(world.url_of("app") == world.url("secret-1"));
  CHECK(world.url_of("web") == world.url("secret-2"));
  webhook.title = marked;
  world.pass(7h);
  CHECK(world.told() == Strings{"demo WebhooksMoved"});
}

TEST_CASE("a webhook that is switched off is told once, whatever else changes") {
  RegistrarWorld world;
  world.slugs = {"app"};
  world.derive("secret-1");
  world.pass(2min);
  (void)world.told();
  StoredWebhook& webhook = world.center.repositories["app"].at(0);
  webhook.active = false;
  world.pass(7h);
  CHECK(world.told() == Strings{"demo WebhookLeftAlone"});
  world.token = "another";
  world.derive("secret-1");
  world.pass(2min);
  world.derive("secret-2", "secret-1");
  world.pass(2min);
  world.center.fails = {500, "", "", ""};
  world.pass(7h);
  world.center.fails.reset();
  world.pass(7h);
  CHECK(std::ranges::count(world.told(), "demo WebhookLeftAlone") == 0);
  webhook.active = true;
  world.pass(7h);
  webhook.active = false;
  world.pass(7h);
  CHECK(std::ranges::count(world.told(), "demo WebhookLeftAlone") == 1);
}

TEST_CASE("a Bitbucket that was away for an hour is made up for in minutes, and asked little",
          "[single-threaded]") {
  RegistrarWorld world;
  world.subscribe_to_two_hundred();
  world.center.is_away = true;
  world.derive("secret-1");
  world.pass(1h);
  CHECK(world.center.repositories.empty());
  // Each repository at first, then less and less often.
  CHECK(world.center.asked_at.size() < 200 * 8);
  world.center.is_away = false;
  world.pass(10min);  // until the next retry, plus the time for the work
  CHECK(world.registered() == 200);
}

TEST_CASE("a failure is told once a day by its cause") {
  RegistrarWorld world;
  world.center.fails = {403, "", "", ""};
  world.derive("secret-1");
  world.pass(23h);
  CHECK(world.told() == Strings{"demo WebhookRegistrationFailed"});
  world.pass(2h);
  CHECK(world.told() == Strings{"demo WebhookRegistrationFailed"});
  SECTION("until it is over") {
    world.center.fails.reset();
    world.pass(2h);
    CHECK(world.told() == Strings(2, "demo WebhookRegistered"));
  }
  SECTION("or nobody subscribes to the repository any more") {
    world.slugs.erase("app");
    world.registrar->changed("demo");
    world.center.fails.reset();
    world.pass(2h);
    CHECK(world.told() == Strings{"demo WebhookRegistered"});
  }
  world.pass(48h);
  CHECK(world.told().empty());
}

TEST_CASE("a receiver that asks for nothing any more is left alone") {
  RegistrarWorld world;
  world.derive("secret-1");
  world.pass(2min);
  (void)world.asked();
  SECTION("its owner is gone") {
    world.registrar->gone({"demo", "demo"});
  }
  SECTION("its Secret lacks the key") {
    api::ReceiverOwner owner;
    owner.meta.key = {"demo", "demo"};
    world.registrar->derived(owner, {});
  }
  world.pass(24h);
  CHECK(world.asked().empty());
  // The registrar forgets it.
  world.derive("secret-1");
  world.pass(5s);
  CHECK(world.asked() == Strings{"GET app", "GET web"});
}

TEST_CASE("a receiver that is gone is forgotten, and the others of its owner go on") {
  RegistrarWorld world;
  world.has_another = true;
  world.derive("secret-1");
  world.pass(2min);
  CHECK(world.asked().size() == 12);
  world.has_another = false;
  world.derive("secret-1");
  world.pass(1min);
  CHECK(world.asked().empty());
  world.has_another = true;
  world.derive("secret-1");
  world.pass(1min);
  CHECK(world.asked() == Strings{"GET app", "GET web"});
}

}  // namespace receiver::controllers
