#include <string>

#include <catch2/catch.hpp>

#include "controllers/registrar.h"
#include "test/unit/controllers/registrar_world.h"

namespace receiver::controllers {

TEST_CASE("only the leader writes, and another goes on where it ended") {
  RegistrarWorld world;
  world.registrar->set_leading(false);
  world.derive("secret-1");
  world.pass(1h);
  CHECK(world.asked().empty());
  world.registrar->set_leading(true);
  SECTION("its Lease runs out unnoticed between reading and writing") {
    world.center.before_answer = [&] { world.leads = false; };
    world.pass(1h);
    CHECK(world.asked() == Strings{"GET app"});
    CHECK(world.told().empty());
    world.leads = true;
    world.center.before_answer = [] {};
    world.registrar->set_leading(true);
  }
  SECTION("or with the last write") {
    world.center.before_answer = [&] { world.leads = world.center.asked.size() < 2; };
    world.pass(1h);
    CHECK(world.asked() == Strings{"GET app", "POST app"});
    CHECK(world.told() == Strings{"demo WebhookRegistered"});  // only this replica can report it
    // It still has the Lease, and gets no notice of that.
    world.leads = true;
    world.center.before_answer = [] {};
    world.pass(5s);
    CHECK(world.asked() == Strings{"GET web", "POST web", "GET app"});
  }
  world.pass(2h);
  CHECK(world.url_of("app") == world.url("secret-1"));
  CHECK(world.url_of("web") == world.url("secret-1"));
}

TEST_CASE("who does not lead tells nothing, and what still holds when it leads again") {
  RegistrarWorld world;
  world.center.fails = {403, "", "", ""};
  world.derive("secret-1");
  world.pass(1min);
  CHECK(world.told() == Strings{"demo WebhookRegistrationFailed"});
  CHECK_FALSE(world.registrar->states().empty());
  world.registrar->set_leading(false);
  world.registrar->changed("demo");
  world.pass(1h);
  CHECK(world.told().empty());
  CHECK(world.registrar->states().empty());
  world.registrar->set_leading(true);
  world.pass(2h);
  CHECK(world.told() == Strings{"demo WebhookRegistrationFailed"});
}

TEST_CASE("of two webhooks that two leaders have made at once the newer goes within two minutes") {
  RegistrarWorld world;
  world.slugs = {"app"};
  world.derive("secret-1");
  world.pass(10s);
  auto& webhooks = world.center.repositories["app"];
  webhooks.push_back(webhooks.at(0));  // by a slow POST of the former leader
  webhooks[1].id = "99";
  world.pass(110s);
  REQUIRE(webhooks.size() == 1);
  CHECK(webhooks[0].id == "1");
  CHECK(world.told() == Strings{"demo WebhookRegistered", "demo WebhookCorrected"});
}

TEST_CASE("a leader looks at once at what another has led meanwhile") {
  RegistrarWorld world;
  world.derive("secret-1");
  world.pass(1h);
  world.registrar->set_leading(false);
  world.pass(1h);
  (void)world.asked();
  world.center.repositories["app"].clear();
  world.registrar->set_leading(true);
  world.pass(5s);
  CHECK(world.asked() == Strings{"GET app", "POST app", "GET web"});
}

TEST_CASE("a webhook whose making was not answered is not made again") {
  RegistrarWorld world;
  world.center.loses_writes = true;
  world.derive("secret-1");
  world.pass(1h);
  CHECK(world.registered() == 2);
  CHECK(world.registrar->states()[RegistrationSchedule::State::kRegistered] == 2);
  CHECK_THAT(world.told(), Catch::VectorContains(std::string("demo WebhookRegistrationFailed")));
}

TEST_CASE("a leader that ends in the middle leaves nothing twice") {
  RegistrarWorld world;
  world.subscribe_to_two_hundred();
  world.derive("secret-1");
  world.pass(100s);
  const auto begun = world.registered();
  CHECK(begun > 50);
  CHECK(begun < 150);
  world.change_leader();
  world.derive("secret-1");
  world.pass(4min);
  CHECK(world.registered() == 200);
}

}  // namespace receiver::controllers
