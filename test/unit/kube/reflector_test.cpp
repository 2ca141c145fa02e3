#include "kube/reflector.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/fake_api_server.h"
#include "test/support/simulated_time.h"

namespace receiver::kube {
namespace {

using namespace std::chrono_literals;
using Settled = ReflectorStatus::Settled;
using test::FakeApiServer;
using Exchange = FakeApiServer::ExchangePtr;

std::string fruit(const std::string& name, int version, const std::string& colour) {
  return fmt::format(
      R"({{"metadata":{{"name":"{}","namespace":"ns","resourceVersion":"{}"}},"colour":"{}"}})",
      name, version, colour);
}
std::string list(const std::string& version, const std::vector<std::string>& items,
                 const std::string& token = {}) {
  return fmt::format(
      R"({{"kind":"FruitList","metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
      version, token, fmt::join(items, ","));
}
std::string event(const std::string& type, const std::string& object) {
  return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
}
std::string bookmark(int version) {
  return event("BOOKMARK", fmt::format(R"({{"metadata":{{"resourceVersion":"{}"}}}})", version));
}
std::string status(int code, const std::string& reason) {
  return fmt::format(R"({{"kind":"Status","code":{},"reason":"{}","message":"because"}})", code,
                     reason);
}

/// A reflector of fruit against a server that the test scripts.
struct ReflectorFixture {
  test::SimulatedTime time;
  boost::asio::io_context context;
  FakeApiServer server{context, [this](const Exchange& exchange) { script(exchange); }};
  std::unique_ptr<RestClient> rest = server.client(context);
  Store<std::string> store{
      [](const ObjectMeta&,
         const rapidjson::Value& object) -> tl::expected<std::string, std::string> {
        std::string colour(json::string_at(object, "/colour"));
        if (colour.empty()) return tl::unexpected(std::string("no colour"));
        return colour;
      }};
  std::vector<std::string> lines;
  std::vector<Settled> settled;
  Reflector reflector;
  bool ended = false;

  /// The server's behavior: lists are answered with `listed`, watches begin and are kept open.
  std::string listed = list("10", {fruit("apple", 1, "red"), fruit("pear", 2, "green")});
  std::function<bool(const Exchange&)> special;  ///< true: it has handled the request
  std::vector<Exchange> watches, lists;

  explicit ReflectorFixture(std::function<bool(const ObjectKey&)> wanted = {})
      : reflector(
            *rest,
            {.resource = {"fruit.example", "v1", "fruits"},
             .ns = "ns",
             .label_selector = {},
             .field_selector = {},
             .projection = {"/colour"},
             .times = {},
             .wanted = std::move(wanted)},
            store,
            log::Logger::to_callback(log::Level::kInfo, log::Format::kConsole,
                                     [this](std::string_view line) { lines.emplace_back(line); })) {
    reflector.on_settled([this](const ReflectorStatus& now) { settled.push_back(now.settled); });
  }

  void start() {
    boost::asio::co_spawn(context, reflector.run(), [this](const std::exception_ptr& thrown) {
      ended = true;
      if (thrown) std::rethrow_exception(thrown);
    });
  }

  void script(const Exchange& exchange) {
    (exchange->is_watch() ? watches : lists).push_back(exchange);
    if (special && special(exchange)) return;
    if (exchange->is_watch()) {
      exchange->begin();
    } else {
      exchange->answer(200, listed);
    }
  }

  bool run_until(const std::function<bool()>& condition) {
    return time.run_until(context, condition);
  }
  void settle() { test::SimulatedTime::settle(context); }
  void start_and_watch() {
    start();
    REQUIRE(run_until([this] { return !watches.empty(); }));
  }
  [[nodiscard]] bool has_line(const std::string& part) const {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  }
  [[nodiscard]] std::string colour(const std::string& name) const {
    const auto object = store.get({"ns", name});
    return object ? *object : "-";
  }
  bool becomes(const std::string& name, const std::string& colour_wanted) {
    return run_until([&] { return colour(name) == colour_wanted; });
  }
  /// The resource version that a watch resumes from.
  static std::string version_of(const Exchange& watch) {
    const auto at = watch->target().find("&resourceVersion=");
    return watch->target().substr(at + 17);
  }
};

}  // namespace

TEST_CASE("a reflector lists, settles, and follows the watch") {
  ReflectorFixture f;
  f.start_and_watch();
  CHECK(f.lists.size() == 1);
  CHECK(f.lists[0]->target() ==
        "/apis/fruit.example/v1/namespaces/ns/fruits?limit=500&resourceVersion=0");
  CHECK(ReflectorFixture::version_of(f.watches[0]) == "10");
  CHECK(f.settled == std::vector{Settled::kSynced});
  CHECK(f.store.synced());
  CHECK(f.colour("apple") == "red");

  f.watches[0]->piece(event("ADDED", fruit("plum", 11, "blue")) +
                      event("MODIFIED", fruit("apple", 12, "yellow")) +
                      event("DELETED", fruit("pear", 13, "green")) + bookmark(20));
  CHECK(f.run_until([&] { return f.colour("pear") == "-"; }));
  CHECK(f.colour("plum") == "blue");
  CHECK(f.colour("apple") == "yellow");
  f.run_until([&] { return f.reflector.status().events == 4; });
  CHECK(f.reflector.status().lists == 1);
  CHECK(f.reflector.status().watches == 1);
  CHECK(f.reflector.status().events == 4);

  // Each byte of a watch counts as activity.
  f.time.run_for(f.context, 30s);
  f.watches[0]->piece(bookmark(21).substr(0, 10));
  f.settle();
  CHECK(f.reflector.status().last_heard == clock::Steady::now());
}

TEST_CASE("events are taken byte by byte as well") {
  ReflectorFixture f;
  f.start_and_watch();
  for (const char c : event("ADDED", fruit("plum", 11, "blue"))) {
    f.watches[0]->piece(std::string(1, c));
    f.settle();
  }
  CHECK(f.becomes("plum", "blue"));
}

TEST_CASE("a list in pages is one list") {
  ReflectorFixture f;
  f.special = [&](const Exchange& exchange) {
    if (exchange->is_watch()) return false;
    const bool second = exchange->target().find("continue=") != std::string::npos;
    CHECK(f.store.size() == 0);
    exchange->answer(200, second ? list("10", {fruit("plum", 3, "blue")})
                                 : list("10", {fruit("apple", 1, "red")}, "t/1"));
    return true;
  };
  f.start_and_watch();
  REQUIRE(f.lists.size() == 2);
  CHECK(f.lists[1]->target() ==
        "/apis/fruit.example/v1/namespaces/ns/fruits?limit=500&continue=t%2F1");
  CHECK(f.store.size() == 2);
}

TEST_CASE("a continue token that has expired starts the list again, from storage") {
  ReflectorFixture f;
  f.special = [&](const Exchange& exchange) {
    if (exchange->is_watch()) return false;
    if (f.lists.size() == 1) {
      exchange->answer(200, list("10", {fruit("stale", 1, "red")}, "t"));
    } else if (f.lists.size() == 2) {
      exchange->answer(410, status(410, "Expired"));
    } else {
      exchange->answer(200, list("20", {fruit("plum", 3, "blue")}));
    }
    return true;
  };
  f.start_and_watch();
  CHECK(f.lists[2]->target() == "/apis/fruit.example/v1/namespaces/ns/fruits?limit=500");
  CHECK(f.colour("plum") == "blue");
  CHECK(f.colour("stale") == "-");
  CHECK(ReflectorFixture::version_of(f.watches[0]) == "20");
}

TEST_CASE("a page that breaks off is read again, and the list goes on") {
  ReflectorFixture f;
  f.special = [&](const Exchange& exchange) {
    if (exchange->is_watch()) return false;
    if (f.lists.size() == 1) {
      exchange->answer(200, list("10", {fruit("apple", 1, "red")}, "t"));
    } else if (f.lists.size() == 2) {
      exchange->begin();
      exchange->piece(list("10", {fruit("plum", 3, "blue")}).substr(0, 80));
      exchange->lose();
    } else if (f.lists.size() == 3) {
      exchange->answer(200, "<html>a proxy's page</html>");
    } else {
      exchange->answer(200, list("10", {fruit("plum", 3, "blue")}));
    }
    return true;
  };
  f.start_and_watch();
  CHECK(f.lists.size() == 4);
  CHECK(f.lists[3]->target() == f.lists[1]->target());
  CHECK(f.store.size() == 2);
  CHECK(f.reflector.status().failures == 2);
}

TEST_CASE("a watch that ends is resumed at once, after the last version seen") {
  ReflectorFixture f;
  f.start_and_watch();
  const auto begun = clock::Steady::now();
  f.watches[0]->piece(bookmark(33));
  f.watches[0]->end();
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK(clock::Steady::now() == begun);
  CHECK(ReflectorFixture::version_of(f.watches[1]) == "33");
  f.watches[1]->piece(event("ADDED", fruit("plum", 40, "blue")));
  REQUIRE(f.becomes("plum", "blue"));
  f.watches[1]->lose();
  REQUIRE(f.run_until([&] { return f.watches.size() == 3; }));
  CHECK(ReflectorFixture::version_of(f.watches[2]) == "40");
  CHECK(f.lists.size() == 1);
  CHECK(f.reflector.status().failures == 0);
}

TEST_CASE("a reflector is current while a watch is open, and at no other time") {
  ReflectorFixture f;
  std::vector<bool> told;
  f.reflector.on_current([&](bool current) {
    CHECK(f.reflector.status().current == current);
    told.push_back(current);
  });
  const auto tells = [&](const std::vector<bool>& all) {
    return f.run_until([&] { return told.size() >= all.size(); }) && told == all;
  };
  bool refuses = true;
  f.special = [&](const Exchange& exchange) {
    if (!exchange->is_watch() || !refuses) return false;
    exchange->answer(500, status(500, "InternalError"));
    return true;
  };
  f.start();
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK_FALSE(f.reflector.status().current);
  CHECK(told.empty());

  refuses = false;
  REQUIRE(tells({true}));
  f.watches.back()->piece(bookmark(33));
  refuses = true;
  f.watches.back()->lose();
  REQUIRE(tells({true, false}));
  const auto failures = f.reflector.status().failures;
  REQUIRE(f.run_until([&] { return f.reflector.status().failures > failures; }));
  refuses = false;
  CHECK(tells({true, false, true}));
}

TEST_CASE("a watch that ends well and is opened again at once was current all the time") {
  ReflectorFixture f;
  std::vector<bool> told;
  f.reflector.on_current([&](bool current) { told.push_back(current); });
  f.start();
  REQUIRE(f.run_until([&] { return told == std::vector{true}; }));
  for (std::size_t opened = 2; opened < 5; ++opened) {
    f.watches.back()->piece(bookmark(33));
    f.watches.back()->end();
    REQUIRE(f.run_until([&] { return f.watches.size() == opened; }));
  }
  CHECK(told == std::vector{true});
}

TEST_CASE("a watch that ends as it begins is not opened in a loop") {
  ReflectorFixture f;
  f.special = [&](const Exchange& exchange) {
    if (!exchange->is_watch()) return false;
    exchange->begin();
    exchange->end();
    return true;
  };
  f.start_and_watch();
  const auto begun = clock::Steady::now();
  REQUIRE(f.run_until([&] { return f.watches.size() == 4; }));
  CHECK(clock::Steady::now() - begun >= 800ms + 1600ms + 3200ms);
  CHECK(clock::Steady::now() - begun <= (800ms + 1600ms + 3200ms) * 3 / 2);
  CHECK(f.lists.size() == 1);
}

TEST_CASE("a watch that has brought nothing is opened again at once if it lasted for a second") {
  const auto [lasts, pause] =
      GENERATE(table<std::chrono::milliseconds, bool>({{1s, false}, {999ms, true}}));
  ReflectorFixture f;
  f.start_and_watch();
  f.time.run_for(f.context, lasts);
  const auto ended = clock::Steady::now();
  f.watches[0]->end();
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK((clock::Steady::now() > ended) == pause);
}

TEST_CASE("a version that is too old leads to a new list, which replaces by difference") {
  ReflectorFixture f;
  f.start_and_watch();
  f.listed = list("99", {fruit("apple", 1, "red"), fruit("plum", 50, "blue")});
  SECTION("told in the stream") {
    f.watches[0]->piece(event("ERROR", status(410, "Expired")));
  }
  SECTION("told by the answer's status") {
    f.special = [&](const Exchange& exchange) {
      if (!exchange->is_watch() || f.watches.size() != 2) return false;
      exchange->answer(410, status(410, "Gone"));
      return true;
    };
    f.watches[0]->piece(bookmark(11));
    f.watches[0]->end();
  }
  REQUIRE(f.becomes("plum", "blue"));
  CHECK(f.colour("pear") == "-");
  CHECK(f.lists.size() == 2);
  CHECK(f.lists[1]->target() == "/apis/fruit.example/v1/namespaces/ns/fruits?limit=500");
  CHECK(f.run_until([&] { return ReflectorFixture::version_of(f.watches.back()) == "99"; }));
  CHECK(f.settled == std::vector{Settled::kSynced});
}

TEST_CASE("a busy server is waited for as long as it asks, and nothing is listed") {
  ReflectorFixture f;
  f.special = [&](const Exchange& exchange) {
    if (!exchange->is_watch() || f.watches.size() > 1) return false;
    exchange->answer(429, status(429, "TooManyRequests"), "Retry-After: 20\r\n");
    return true;
  };
  f.start_and_watch();
  const auto begun = clock::Steady::now();
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK(clock::Steady::now() - begun == 20s);
  CHECK(f.lists.size() == 1);
}

TEST_CASE("an error in the stream that is not about the version is not the end of the world") {
  ReflectorFixture f;
  f.start_and_watch();
  f.watches[0]->piece(event("ERROR", status(500, "InternalError")));
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK(ReflectorFixture::version_of(f.watches[1]) == "10");
  CHECK(f.lists.size() == 1);
  CHECK(f.has_line("because"));
}

TEST_CASE("an API server that is killed and comes back loses nothing and is not listed again") {
  ReflectorFixture f;
  f.start_and_watch();
  f.watches[0]->piece(bookmark(30));
  REQUIRE(f.run_until([&] { return f.reflector.status().events == 1; }));
  f.server.shut_down();
  REQUIRE(f.run_until([&] { return f.reflector.status().failures >= 3; }));
  CHECK(f.colour("apple") == "red");
  // Its caches are empty at first.
  int refused = 0;
  f.special = [&](const Exchange& exchange) {
    if (++refused > 3) return false;
    exchange->answer(403, status(403, "Forbidden"));
    return true;
  };
  f.server.start_again();
  REQUIRE(f.run_until([&] { return f.watches.size() >= 5; }));
  CHECK(ReflectorFixture::version_of(f.watches.back()) == "30");
  f.watches.back()->piece(event("ADDED", fruit("plum", 31, "blue")));
  CHECK(f.becomes("plum", "blue"));
  CHECK(f.lists.size() == 1);
  CHECK(f.settled == std::vector{Settled::kSynced});
  CHECK(f.reflector.status().refusal.empty());
  CHECK(f.has_line("list and watch work again"));
}

TEST_CASE("a watch that says nothing is taken for dead and opened again") {
  ReflectorFixture f;
  f.start_and_watch();
  const auto begun = clock::Steady::now();
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK(clock::Steady::now() - begun == 110s);
  REQUIRE(f.run_until([&] { return f.watches[0]->abandoned(); }));
  CHECK(f.lists.size() == 1);
  CHECK(f.reflector.status().failures == 0);
}

TEST_CASE("a list that falls silent is given up and begun again") {
  ReflectorFixture f;
  f.special = [&](const Exchange& exchange) {
    if (exchange->is_watch() || f.lists.size() > 1) return false;
    exchange->begin();
    exchange->piece("{\"kind\":");
    return true;
  };
  const auto begun = clock::Steady::now();
  f.start_and_watch();
  CHECK(clock::Steady::now() - begun >= 30s + 800ms);
  CHECK(clock::Steady::now() - begun <= 30s + 1200ms);
  CHECK(f.lists.size() == 2);
  CHECK(f.store.size() == 2);
}

TEST_CASE("a list or a watch whose answer does not begin is given up and asked for again") {
  const bool watch = GENERATE(false, true);
  ReflectorFixture f;
  std::size_t asked = 0;
  f.special = [&](const Exchange& exchange) {
    return exchange->is_watch() == watch && ++asked == 1;
  };
  f.start();
  REQUIRE(f.run_until([&] { return asked == 1; }));
  const auto begun = clock::Steady::now();
  REQUIRE(f.run_until([&] { return asked == 2; }));
  const auto patience = watch ? 30s : 60s;
  CHECK(clock::Steady::now() - begun >= patience + 800ms);
  CHECK(clock::Steady::now() - begun <= patience + 1200ms);
}

TEST_CASE("a missing permission or kind is named, settles as refused, and recovers by itself") {
  const int code = GENERATE(403, 404);
  ReflectorFixture f;
  f.special = [&](const Exchange& exchange) {
    exchange->answer(code, status(code, "No"));
    return true;
  };
  f.start();
  REQUIRE(f.run_until([&] { return !f.settled.empty(); }));
  CHECK(f.settled == std::vector{Settled::kRefused});
  CHECK(f.lists.size() == 3);
  CHECK_THAT(f.reflector.status().refusal, Catch::Contains("fruits.fruit.example"));
  CHECK(f.has_line(f.reflector.status().refusal));
  CHECK_FALSE(f.store.synced());
  f.special = {};
  REQUIRE(f.run_until([&] { return f.store.synced(); }));
  REQUIRE(f.run_until([&] { return f.settled.size() == 2; }));
  CHECK(f.settled.back() == Settled::kSynced);
  CHECK(f.reflector.status().refusal.empty());
}

TEST_CASE("a refusal that passes is an API server that has just started") {
  ReflectorFixture f;
  f.special = [&](const Exchange& exchange) {
    if (exchange->is_watch() || f.lists.size() > 2) return false;
    exchange->answer(403, status(403, "Forbidden"));
    return true;
  };
  f.start_and_watch();
  CHECK(f.settled == std::vector{Settled::kSynced});
}

TEST_CASE("an object that cannot be read is counted, named and skipped, and the others are not") {
  ReflectorFixture f;
  f.listed = list(
      "10",
      {fruit("apple", 1, "red"),
       R"({"metadata":{"name":"stone","namespace":"ns","resourceVersion":"3"}})",
       R"({"metadata":{"namespace":"ns"}})", "7",
       R"({"metadata":{"name":"split","namespace":"ns","resourceVersion":"4"},"colour":"\ud800"})",
       fruit("pear", 2, "green")});
  f.start_and_watch();
  CHECK(f.store.size() == 2);
  CHECK(f.reflector.status().bad_objects == 4);
  CHECK(f.has_line("ns/stone"));
  CHECK(f.has_line("no colour"));

  f.watches[0]->piece(
      event("MODIFIED",
            R"({"metadata":{"name":"apple","namespace":"ns","resourceVersion":"12"}})") +
      "{\"type\":\"RENAMED\",\"object\":{}}\n" + event("ADDED", "{}") + event("ADDED", "[]") +
      event("ADDED", fruit("plum", 13, "blue")));
  CHECK(f.becomes("plum", "blue"));
  CHECK(f.colour("apple") == "red");
  CHECK(f.reflector.status().bad_objects == 8);
  f.watches[0]->end();
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK(ReflectorFixture::version_of(f.watches[1]) == "13");
}

TEST_CASE("an object that becomes unreadable is not deleted by a list") {
  ReflectorFixture f;
  f.start_and_watch();
  f.listed = list(
      "99",
      {R"({"metadata":{"name":"apple","namespace":"ns","resourceVersion":"50"},"colour":"\ud800"})",
       R"({"metadata":{"name":"pear","namespace":"ns","resourceVersion":"51"}})"});
  f.watches[0]->piece(event("ERROR", status(410, "Expired")));
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK(f.colour("apple") == "red");
  CHECK(f.colour("pear") == "green");
}

TEST_CASE("an event that is no JSON ends the watch, not the reflector") {
  ReflectorFixture f;
  f.start_and_watch();
  f.watches[0]->piece("<html>");
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK(f.reflector.status().failures == 1);
}

TEST_CASE("stop ends it at once, whatever it waits for") {
  ReflectorFixture f;
  SECTION("before it runs") {
    f.reflector.stop();
    f.start();
  }
  SECTION("for the head of a list") {
    f.special = [](const Exchange&) { return true; };
    f.start();
    REQUIRE(f.run_until([&] { return !f.lists.empty(); }));
  }
  SECTION("in the middle of a list") {
    f.special = [](const Exchange& exchange) {
      exchange->begin();
      exchange->piece("{\"items\":[" + fruit("apple", 1, "red"));
      return true;
    };
    f.start();
    REQUIRE(f.run_until([&] { return !f.lists.empty(); }));
  }
  SECTION("in the middle of a watch") {
    f.start_and_watch();
  }
  SECTION("for the end of a rest") {
    f.special = [](const Exchange& exchange) {
      exchange->answer(500, "{}");
      return true;
    };
    f.start();
    REQUIRE(f.run_until([&] { return f.reflector.status().failures == 1; }));
    f.settle();
  }
  const auto stopped = clock::Steady::now();
  f.reflector.stop();
  REQUIRE(f.run_until([&] { return f.ended; }));
  CHECK(clock::Steady::now() == stopped);
  const auto size = f.store.size();
  // Later events are ignored.
  for (const auto& watch : f.watches) watch->piece(event("ADDED", fruit("plum", 40, "blue")));
  for (const auto& one : f.lists) one->piece(fmt::format(",{}]}}", fruit("plum", 3, "blue")));
  f.settle();
  CHECK(f.store.size() == size);
}

TEST_CASE("it ends when the client is closed") {
  ReflectorFixture f;
  SECTION("while it watches") {
    f.start_and_watch();
  }
  SECTION("while it waits for a list") {
    f.special = [](const Exchange&) { return true; };
    f.start();
    REQUIRE(f.run_until([&] { return !f.lists.empty(); }));
  }
  f.rest->close();
  CHECK(f.run_until([&] { return f.ended; }));
}

TEST_CASE("it may be stopped from what it calls") {
  ReflectorFixture f;
  SECTION("the sink") {
    f.store.observe([&](const ObjectKey&, const auto&, const auto&) { f.reflector.stop(); });
  }
  SECTION("for a try") {
    f.special = [](const Exchange& exchange) {
      exchange->answer(500, "{}");
      return true;
    };
    f.reflector.on_tried([&](const ReflectorStatus&) { f.reflector.stop(); });
  }
  f.start();
  CHECK(f.run_until([&] { return f.ended; }));
  CHECK(f.watches.empty());
}

TEST_CASE("each failure is told, and that all goes well again") {
  ReflectorFixture f;
  std::vector<int> in_a_row;
  std::string failure;
  f.reflector.on_tried([&](const ReflectorStatus& now) {
    in_a_row.push_back(now.failures_in_a_row);
    if (now.failures_in_a_row > 0) failure = now.failure;
  });
  f.special = [&](const Exchange& exchange) {
    const bool fails = exchange->is_watch() ? f.watches.size() == 2 : f.lists.size() < 4;
    if (fails) exchange->answer(500, status(500, "InternalError"));
    return fails;
  };
  f.start_and_watch();
  CHECK(in_a_row == std::vector{1, 2, 3, 0});
  CHECK(failure == "because");
  f.watches[0]->piece(bookmark(11));
  f.watches[0]->end();
  REQUIRE(f.run_until([&] { return f.watches.size() == 3 && in_a_row.size() == 6; }));
  CHECK(in_a_row == std::vector{1, 2, 3, 0, 1, 0});
}

TEST_CASE("of an object that is not wanted nothing but the metadata is ever decoded") {
  std::vector<std::string> asked;
  ReflectorFixture f([&](const ObjectKey& key) {
    asked.push_back(key.str());
    return key.name != "secret";
  });
  // Decoding that value fails.
  const std::string secret =
      R"({"metadata":{"name":"secret","namespace":"ns","resourceVersion":"7"},"colour":"\ud800"})";
  f.listed = list("10", {secret, fruit("apple", 1, "red")});
  f.start_and_watch();
  CHECK(f.store.size() == 1);
  f.watches[0]->piece(event("MODIFIED", secret) + event("DELETED", secret) +
                      event("ADDED", fruit("plum", 11, "blue")) + bookmark(20));
  REQUIRE(f.becomes("plum", "blue"));
  REQUIRE(f.run_until([&] { return f.reflector.status().events == 4; }));
  CHECK(f.reflector.status().bad_objects == 0);
  CHECK(f.colour("secret") == "-");
  CHECK(std::count(asked.begin(), asked.end(), "ns/secret") >= 3);

  // Its versions count nevertheless.
  f.watches[0]->piece(event("MODIFIED", secret));
  f.watches[0]->end();
  REQUIRE(f.run_until([&] { return f.watches.size() == 2; }));
  CHECK(ReflectorFixture::version_of(f.watches[1]) == "7");
}

}  // namespace receiver::kube
