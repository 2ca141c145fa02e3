#include "controllers/secret_sources.h"

#include <catch2/catch.hpp>

#include "test/support/simulated_time.h"
#include "test/unit/controllers/secret_server.h"

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using Known = SecretState::Known;

struct SourcesFixture {
  explicit SourcesFixture(SecretAccess access)
      : rest(server.server().client(io)),
        sources(
            *rest, access, [this](const std::string& ns) { changed.push_back(ns); },
            log::Logger::none()) {}
  ~SourcesFixture() {
    sources.stop();
    rest->close();
    test::SimulatedTime::settle(io);
  }
  SourcesFixture(const SourcesFixture&) = delete;
  SourcesFixture& operator=(const SourcesFixture&) = delete;

  Known known(const std::string& ns, const std::string& name) {
    return sources.lookup(ns, name).known;
  }
  void await(const std::string& ns, const std::string& name, Known wanted) {
    run_until([&] { return known(ns, name) == wanted; });
  }
  template <typename Condition>
  void run_until(Condition condition) {
    REQUIRE(time.run_until(io, condition));
  }
  std::string value(const std::string& ns, const std::string& name) {
    const SecretState state = sources.lookup(ns, name);
    return state.secret.value ? std::string(state.secret.value->view()) : "";
  }

  test::SimulatedTime time;
  boost::asio::io_context io;
  SecretServer server{io};
  std::unique_ptr<kube::RestClient> rest;
  std::vector<std::string> changed;
  SecretSources sources;
};

}  // namespace

TEST_CASE("a namespace with a reference is watched, and its named Secrets are known") {
  SourcesFixture f(SecretAccess::kNamespaced);
  f.server.put("a", "one", "value-1");
  f.server.put("a", "other", "never kept");
  CHECK(f.sources.settled());
  f.sources.reference("a", {"one", "absent"});
  CHECK(f.known("a", "one") == Known::kNotRead);
  CHECK_FALSE(f.sources.settled());
  f.await("a", "one", Known::kPresent);
  f.await("a", "absent", Known::kMissing);
  CHECK(f.value("a", "one") == "value-1");
  CHECK(f.known("a", "other") == Known::kNotRead);
  CHECK(f.sources.settled());
  CHECK(f.sources.watches() == 1);
  CHECK(f.sources.status().settled == kube::ReflectorStatus::Settled::kSynced);
  CHECK(f.sources.status().lists == 1);
  CHECK(f.sources.status().last_heard > clock::Steady::time_point());
  CHECK(std::count(f.changed.begin(), f.changed.end(), "a") >= 1);
  CHECK(f.server.reads() == 0);

  SECTION("a name that is referenced later is read, since the list before passed it over") {
    f.sources.reference("a", {"one", "other"});
    f.await("a", "other", Known::kPresent);
    CHECK(f.value("a", "other") == "never kept");
    CHECK(f.server.reads() == 1);
    CHECK(f.known("a", "absent") == Known::kNotRead);
  }
  SECTION("the last reference ends the watch and forgets the values") {
    f.sources.reference("a", {});
    CHECK(f.sources.watches() == 0);
    CHECK(f.sources.status().lists == 1);  // a counter does not fall
    CHECK(f.known("a", "one") == Known::kNotRead);
  }
}

TEST_CASE("a namespace that may not be read fails its own receivers only, and recovers") {
  SourcesFixture f(SecretAccess::kNamespaced);
  f.server.put("a", "s", "value-a");
  f.server.put("b", "s", "value-b");
  f.server.forbid("b", true);
  f.sources.reference("a", {"s"});
  f.sources.reference("b", {"s"});
  f.await("a", "s", Known::kPresent);
  f.await("b", "s", Known::kRefused);
  CHECK_FALSE(f.sources.lookup("b", "s").why.empty());
  CHECK(f.known("a", "s") == Known::kPresent);
  CHECK(f.sources.settled());
  CHECK(f.sources.status().settled == kube::ReflectorStatus::Settled::kRefused);
}

TEST_CASE("a name that is referenced while a list is under way is not taken for missing") {
  SourcesFixture f(SecretAccess::kNamespaced);
  f.server.put("a", "one", "value-1");
  f.server.listed = [&] {
    if (f.server.lists() > 1) return;
    f.server.put("a", "late", "value-2");
    f.sources.reference("a", {"one", "late"});
  };
  f.sources.reference("a", {"one"});
  f.await("a", "one", Known::kPresent);
  f.await("a", "late", Known::kPresent);
  CHECK(f.value("a", "late") == "value-2");
}

TEST_CASE("one namespace whose Secrets answer 500 holds nobody up, and they are read one by one") {
  SourcesFixture f(SecretAccess::kNamespaced);
  f.server.put("fine", "s", "value-a");
  f.server.put("broken", "good", "value-b");
  f.server.put("broken", "bad", "value-c");
  const auto trouble = test::refusal(500, "InternalError");
  f.server.instead_of_listing["broken"] = trouble;
  f.server.instead_of_this_one["broken/bad"] = trouble;
  f.sources.reference("broken", {"good", "bad"});
  f.sources.reference("fine", {"s"});
  f.await("fine", "s", Known::kPresent);
  f.await("broken", "good", Known::kPresent);
  CHECK(f.value("broken", "good") == "value-b");
  CHECK_FALSE(f.sources.lookup("broken", "good").watched);
  f.await("broken", "bad", Known::kUnreadable);
  CHECK(f.sources.lookup("broken", "bad").why ==
        "cannot list the Secrets of namespace broken: InternalError");
  CHECK(f.sources.settled());
  CHECK(f.server.lists() >= 4);

  // All is well once the API server is.
  f.server.instead_of_listing.clear();
  f.await("broken", "bad", Known::kPresent);
  CHECK(f.sources.lookup("broken", "good").watched);
}

TEST_CASE("the Secrets of a namespace that may not be listed are read one by one") {
  SourcesFixture f(SecretAccess::kNamespaced);
  f.server.put("a", "s", "value");
  f.server.instead_of_listing["a"] = test::refusal(403, "Forbidden");
  f.sources.reference("a", {"s", "absent"});
  f.await("a", "s", Known::kPresent);
  f.await("a", "absent", Known::kMissing);
  CHECK(f.sources.lookup("a", "s").why.find("list and watch of secrets in namespace a") !=
        std::string::npos);
}

TEST_CASE("a namespace whose lists are not answered is read one by one after three of them") {
  test::SimulatedTime time;
  boost::asio::io_context io;
  const test::FakeApiServer server(io, [](const test::FakeApiServer::ExchangePtr& exchange) {
    if (exchange->target().find("/secrets/s") != std::string::npos) {
      exchange->answer(200, R"({"metadata":{"namespace":"a","name":"s","resourceVersion":"1"}})");
    }
  });
  const auto rest = server.client(io);
  SecretSources sources(
      *rest, SecretAccess::kNamespaced, [](const std::string&) {}, log::Logger::none());
  const auto begin = clock::Steady::now();
  sources.reference("a", {"s"});
  REQUIRE(time.run_until(io, [&] { return sources.lookup("a", "s").known == Known::kPresent; }));
  CHECK(clock::Steady::now() - begin >= 3 * 20s + 800ms + 1600ms);
  CHECK(clock::Steady::now() - begin <= 3 * 20s + 1200ms + 2400ms);
}

TEST_CASE("with cluster access one watch of labelled Secrets serves all namespaces") {
  SourcesFixture f(SecretAccess::kCluster);
  f.server.put("a", "labelled", "value-a");
  f.server.put("b", "plain", "value-b", false);
  f.sources.reference("a", {"labelled"});
  f.sources.reference("b", {"plain"});
  f.time.run_for(f.io, 20ms);
  CHECK(f.server.lists() == 0);  // more names may follow
  f.sources.owners_settled();
  f.await("a", "labelled", Known::kPresent);
  CHECK(f.sources.watches() == 1);
  CHECK(f.server.lists() == 1);

  SECTION("an unlabelled Secret that is named works all the same") {
    f.await("b", "plain", Known::kPresent);
    CHECK(f.value("b", "plain") == "value-b");
    CHECK_FALSE(f.sources.lookup("b", "plain").watched);
    CHECK(f.sources.lookup("a", "labelled").watched);
  }
  SECTION("a change of an unlabelled one is found when somebody asks") {
    f.await("b", "plain", Known::kPresent);
    f.server.put("b", "plain", "changed", false);
    f.sources.refresh_uncovered("b");
    f.run_until([&] { return f.value("b", "plain") == "changed"; });
  }
  SECTION("names that come later are read one by one") {
    for (int i = 0; i < 50; ++i) {
      f.server.put(fmt::format("p{}", i), "s", fmt::format("value-{}", i));
      f.sources.reference(fmt::format("p{}", i), {"s"});
    }
    f.sources.reference("nowhere", {"s"});
    for (int i = 0; i < 50; ++i) f.await(fmt::format("p{}", i), "s", Known::kPresent);
    f.await("nowhere", "s", Known::kMissing);
    CHECK(f.value("p49", "s") == "value-49");
    CHECK(f.server.lists() == 1);
    CHECK(f.server.reads() == 52);
    CHECK(f.sources.settled());
  }
}

TEST_CASE("a Secret is missing when the API server itself says so, not when a proxy does") {
  SourcesFixture f(SecretAccess::kCluster);
  f.server.put("b", "plain", "value-b", false);
  f.sources.reference("b", {"plain"});
  f.sources.owners_settled();
  f.await("b", "plain", Known::kPresent);
  f.changed.clear();
  f.server.put("b", "plain", "changed", false);
  f.server.instead_of_reading = {{404, "<html>no such page</html>"}};
  const auto begin = clock::Steady::now();
  f.sources.refresh_uncovered("b");
  f.run_until([&] { return f.value("b", "plain") == "changed"; });
  CHECK(clock::Steady::now() - begin == 500ms);
  CHECK(f.server.instead_of_reading.empty());
  CHECK(f.changed.size() == 1);
}

TEST_CASE("a failed read of a Secret is repeated after a pause") {
  SourcesFixture f(SecretAccess::kCluster);
  f.server.put("a", "s", "value");
  f.sources.reference("a", {"s"});
  f.sources.owners_settled();
  f.await("a", "s", Known::kPresent);
  f.server.put("b", "late", "value-b");
  f.server.instead_of_reading.assign(3, test::refusal(403, "Forbidden"));
  const auto begin = clock::Steady::now();
  f.sources.reference("b", {"late"});
  f.await("b", "late", Known::kRefused);
  f.await("b", "late", Known::kPresent);
  CHECK(clock::Steady::now() - begin == 500ms + 1s + 2s);
  CHECK(f.server.reads() == 4);
}

TEST_CASE("a change of an unlabelled Secret is found by the next round") {
  SourcesFixture f(SecretAccess::kCluster);
  f.server.put("b", "plain", "value-b", false);
  f.sources.reference("b", {"plain", "later"});
  f.sources.owners_settled();
  f.await("b", "plain", Known::kPresent);
  f.await("b", "later", Known::kMissing);
  f.server.put("b", "plain", "changed", false);
  f.server.put("b", "later", "made", false);
  const auto begin = clock::Steady::now();
  f.run_until([&] { return f.value("b", "plain") == "changed"; });
  f.await("b", "later", Known::kPresent);
  CHECK(clock::Steady::now() - begin == 5min);
}

TEST_CASE("nothing but the metadata of a Secret that nobody names is ever decoded") {
  SourcesFixture f(SecretAccess::kNamespaced);
  f.server.put("a", "one", "value-1");
  // Decoding it fails.
  f.server.put_json("a", "stranger",
                    R"({"metadata":{"namespace":"a","name":"stranger","resourceVersion":"1"},)"
                    R"("data":{"secret":"\ud800"}})");
  f.sources.reference("a", {"one"});
  f.await("a", "one", Known::kPresent);
  f.run_until([&] { return f.sources.settled(); });
  CHECK(f.sources.status().bad_objects == 0);
  f.sources.reference("b", {"other"});
  f.server.put_json("b", "other",
                    R"({"metadata":{"namespace":"b","name":"other","resourceVersion":"1"},)"
                    R"("data":{"secret":"\ud800"}})");
  f.run_until([&] { return f.sources.status().bad_objects == 1; });
}

TEST_CASE("once stopped, nothing is watched, read or told any more") {
  SourcesFixture f(SecretAccess::kNamespaced);
  f.server.put("a", "one", "value-1");
  f.server.put("a", "other", "value-2");
  f.sources.reference("a", {"one"});
  f.await("a", "one", Known::kPresent);
  f.changed.clear();
  SECTION("whoever asks") {
    f.sources.stop();
    f.sources.reference("a", {"one", "other"});
    f.sources.reference("b", {"s"});
    f.sources.owners_settled();
    f.sources.refresh_uncovered("a");
  }
  SECTION("nor is a read sent that was to begin") {
    f.sources.reference("a", {"one", "other"});
    f.sources.stop();
  }
  f.time.run_for(f.io, 10min);
  CHECK(f.sources.watches() == 0);
  CHECK(f.server.lists() == 1);
  CHECK(f.server.reads() == 0);
  CHECK(f.changed.empty());
}

}  // namespace receiver::controllers
