#include <algorithm>
#include <limits>

#include <catch2/catch.hpp>

#include "test/support/commits.h"
#include "test/unit/webhook/allocations.h"
#include "test/unit/webhook/delivery_fixture.h"
#include "test/unit/webhook/fake_bitbucket.h"

namespace receiver::webhook {
namespace {

Inquirer::Access cloud_access(const std::string& uid, bool changed_files = true) {
  controllers::BitbucketAccess made;
  made.secret_uid = uid;
  made.server = rest::kCloudApi;
  made.changed_files = changed_files;
  return std::make_shared<const controllers::BitbucketAccess>(std::move(made));
}

std::string cloud_push_of(int number, const std::string& branch = "main") {
  return test::cloud_commit(kRepository, number, branch).body;
}

struct AskingFixture : Fixture {
  FakeBitbucket bitbucket{.answers = {}, .takes = 0ms, .asked = {}};
  std::vector<std::string> asked_by;  ///< UIDs of Secrets
  Inquirer asking{
      io.get_executor(),
      [this](const Inquirer::Access& access, rest::Operation& operation, auto deadline) {
        asked_by.push_back(access->secret_uid);
        return bitbucket.ask(io.get_executor(), operation, deadline);
      },
      {},
      log::Logger::none()};

  explicit AskingFixture(Inquirer::Access access = cloud_access("uid")) {
    inquirer = &asking;
    make_refresher({});
    add_route("apples", kKey, false, std::move(access));
  }

  void filtered(const std::string& name, const std::string& folder,
                const std::string& ns = "apples") {
    warehouse({ns, name}, {R"("repoURL":")" + kRepository +
                           R"(","branch":"main","includePaths":[")" + folder + R"("])"});
  }
};

}  // namespace

TEST_CASE("a push refreshes the Warehouses whose files it changes, and those without paths") {
  AskingFixture f;
  f.add_warehouses({"plain"});
  f.filtered("web", "apps/web");
  f.filtered("api", "apps/api");
  f.filtered("docs", "docs");
  f.bitbucket.has_files(1, "apps/web/main.go");
  check(f.deliver("repo:push", cloud_push_of(1)), 200, msg("refreshed 2 warehouse(s)"));
  CHECK(f.take_patched() == Names{"apples/plain", "apples/web"});
  CHECK(f.bitbucket.asked.size() == 1);
  CHECK_THAT(f.log("delivery "), Catch::Contains("applied=2") && Catch::Contains("spared=2"));
  CHECK(f.deliveries->counters().spared == 2);
}

TEST_CASE("a push that changes nothing for anybody is answered as one for nobody") {
  AskingFixture f;
  f.filtered("web", "apps/web");
  f.bitbucket.has_files(1, "README.md");
  check(f.deliver("repo:push", cloud_push_of(1)), 200, msg("refreshed 0 warehouse(s)"));
  CHECK(f.take_patched().empty());
  CHECK_THAT(f.log("delivery "), Catch::Contains("spared=1") && Catch::Contains("outcome=ok"));
}

TEST_CASE("whoever has no token, or does not want it, asks nothing") {
  for (const Inquirer::Access& access :
       {Inquirer::Access(), cloud_access("uid", /*changed_files=*/false)}) {
    AskingFixture f(access);
    f.filtered("web", "apps/web");
    f.bitbucket.has_files(1, "README.md");
    check(f.deliver("repo:push", cloud_push_of(1)), 200, msg("refreshed 1 warehouse(s)"));
    CHECK(f.bitbucket.asked.empty());
  }
}

TEST_CASE("a push without filtered Warehouses asks nothing") {
  AskingFixture f;
  f.add_warehouses({"plain", "other"});
  check(f.deliver("repo:push", cloud_push_of(1)), 200, msg("refreshed 2 warehouse(s)"));
  CHECK(f.bitbucket.asked.empty());
  CHECK_THAT(f.log("delivery "), Catch::Contains("spared=0"));
}

#ifdef COUNTS_ALLOCATIONS
TEST_CASE("a push that no paths decide about allocates no more for a token") {
  // The minimum of many, because the fixture's records grow now and then.
  const auto allocations_of_push = [](AskingFixture& f) {
    auto least = std::numeric_limits<std::size_t>::max();
    for (int time = 0; time < 50; ++time) {
      const std::size_t before = allocations();
      const http::Response answer = f.deliver("repo:push", cloud_push_of(1));
      least = std::min(least, allocations() - before);
      REQUIRE(answer.status == 200);
    }
    return least;
  };
  const Names names{"a", "b", "c", "d"};
  AskingFixture without(nullptr);
  without.add_warehouses(names);
  const std::size_t plain = allocations_of_push(without);
  CHECK(plain > 0);

  AskingFixture with;
  with.add_warehouses(names);
  with.warehouse({"apples", "elsewhere"}, {R"("repoURL":"https://bitbucket.org/orchard/tools",)"
                                           R"("branch":"main","includePaths":["apps/web"])"});
  CHECK(allocations_of_push(with) == plain);
  CHECK(with.bitbucket.asked.empty());

  with.filtered("web", "apps/web");
  CHECK(allocations_of_push(with) > plain);
  CHECK_FALSE(with.bitbucket.asked.empty());
}
#endif

TEST_CASE("a Warehouse without branch is refreshed by pushes to the default branch only") {
  AskingFixture f;
  f.warehouse({"apples", "any"}, {R"("repoURL":")" + kRepository + "\""});
  f.bitbucket.has_default_branch("main");
  check(f.deliver("repo:push", cloud_push_of(1, "feature")), 200, msg("refreshed 0 warehouse(s)"));
  check(f.deliver("repo:push", cloud_push_of(1, "main")), 200, msg("refreshed 1 warehouse(s)"));
  CHECK(f.bitbucket.asked_for("diffstat") == 0);
}

TEST_CASE("an answer that does not come, or makes no sense, refreshes") {
  for (const rest::ApiAnswer& answer :
       {says(401), says(403), says(404), says(429), says(500), says(555), says(200, "{"),
        says(200, R"({"values":[]})"), says(302)}) {
    AskingFixture f;
    f.filtered("web", "apps/web");
    f.bitbucket.answers.emplace_back("", answer);
    CAPTURE(answer.status, answer.body);
    check(f.deliver("repo:push", cloud_push_of(1)), 200, msg("refreshed 1 warehouse(s)"));
    CHECK(f.bitbucket.asked.size() == 1);
    CHECK(f.take_patched() == Names{"apples/web"});
  }
}

TEST_CASE("a push in doubt asks nothing and refreshes") {
  AskingFixture f;
  f.filtered("web", "apps/web");
  std::string forced = cloud_push_of(1);
  forced.replace(forced.find(R"("commits")"), 0, R"("forced":true,)");
  for (const std::string& push : {kCloudPush, forced}) {
    check(f.deliver("repo:push", push), 200, msg("refreshed 1 warehouse(s)"));
  }
  CHECK(f.bitbucket.asked.empty());
}

TEST_CASE("what needs no answer is refreshed while Bitbucket is asked") {
  AskingFixture f;
  f.add_warehouses({"plain"});
  f.filtered("web", "apps/web");
  f.bitbucket.has_files(1, "apps/web/x");
  f.bitbucket.takes = 50ms;
  Names before_the_answer;
  f.bitbucket.answering = [&] { before_the_answer = f.patched; };
  check(f.deliver("repo:push", cloud_push_of(1)), 200, msg("refreshed 2 warehouse(s)"));
  CHECK(before_the_answer == Names{"apples/plain"});
}

TEST_CASE("both parts are answered as one delivery") {
  AskingFixture f;
  f.add_warehouses({"plain", "slow"});
  f.filtered("web", "apps/web");
  f.filtered("broken", "apps");
  f.filtered("slow-web", "apps/web");
  f.filtered("docs", "docs");
  f.bitbucket.has_files(1, "apps/web/x");
  f.hanging = {"slow", "slow-web"};
  check(f.deliver_late("repo:push", cloud_push_of(1)), 503,
        error("failed to refresh 2 of 5 warehouses"));
  f.fail("broken", kube::ApiError::Kind::kInvalid, 422);
  check(f.deliver_late("repo:push", cloud_push_of(1)), 500,
        error("failed to refresh 3 of 5 warehouses"));
  CHECK_THAT(f.log("delivery "), Catch::Contains("applied=2") && Catch::Contains("queued=2") &&
                                     Catch::Contains("refused=1") && Catch::Contains("spared=1"));
}

TEST_CASE("Data Center's pushes are asked about where their repository is") {
  controllers::BitbucketAccess made;
  made.secret_uid = "uid";
  made.product = bitbucket::Source::kDataCenter;
  made.server = "https://git.example.com:8443/bitbucket";
  AskingFixture f(std::make_shared<const controllers::BitbucketAccess>(made));
  // The Warehouse's repository is in Bitbucket Cloud: this Bitbucket does not know it.
  f.filtered("web", "apps/web");
  check(f.deliver("repo:refs_changed", test::data_center_commit(kRepository, 1).body), 200,
        msg("refreshed 1 warehouse(s)"));
  CHECK(f.bitbucket.asked.empty());
}

TEST_CASE("one who is told lies by its Bitbucket spares no Warehouse of another delivery") {
  AskingFixture f(cloud_access("uid of the project"));
  const std::string cluster_key = "the key of the cluster's receiver";
  f.add_route("", cluster_key, false, cloud_access("uid of the cluster"));
  f.filtered("web", "apps/web");
  f.filtered("web", "apps/web", "pears");
  const std::string push = cloud_push_of(1);
  const auto deliver_to_cluster = [&] {
    http::RequestHead head = f.head;
    head.headers.add("X-Event-Key", "repo:push");
    head.headers.add("X-Hub-Signature", signature(push, cluster_key));
    return f.send(head, push);
  };
  f.bitbucket.has_files(1, "lies");
  check(deliver_to_cluster(), 200, msg("refreshed 0 warehouse(s)"));
  f.bitbucket.answers.clear();
  f.bitbucket.has_files(1, "apps/web/x");
  check(f.deliver("repo:push", push), 200, msg("refreshed 1 warehouse(s)"));
  CHECK(f.take_patched() == Names{"apples/web"});
  CHECK(f.asked_by == Names{"uid of the cluster", "uid of the project"});
  // The other way round as well: the first one only remembers the lie.
  check(deliver_to_cluster(), 200, msg("refreshed 0 warehouse(s)"));
  CHECK(f.asked_by.size() == 2);
}

TEST_CASE("a receiver without token that shares the path spares nothing") {
  AskingFixture f;
  f.routes.replace({"", "cluster"},
                   {{.path = kPath,
                     .project = "",
                     .receiver = "cluster",
                     .key = crypto::SecretString(std::string(kKey))}},
                   false);
  f.filtered("web", "apps/web");
  f.filtered("web", "apps/web", "pears");
  f.bitbucket.has_files(1, "README");
  check(f.deliver("repo:push", cloud_push_of(1)), 200, msg("refreshed 2 warehouse(s)"));
  CHECK(f.bitbucket.asked.empty());
}

TEST_CASE("a Warehouse that is seen late is refreshed, whatever the push changed") {
  AskingFixture f;
  f.bitbucket.has_files(1, "README");
  f.filtered("web", "apps/web");
  check(f.deliver("repo:push", cloud_push_of(1)), 200, msg("refreshed 0 warehouse(s)"));
  f.filtered("late", "apps/web");
  f.io.restart();
  f.io.run_for(200ms);
  CHECK(f.take_patched() == Names{"apples/late"});
}

}  // namespace receiver::webhook
