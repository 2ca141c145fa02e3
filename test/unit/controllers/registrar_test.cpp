#include "controllers/registrar.h"

#include <functional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "async/sleeper.h"
#include "clock/timer.h"
#include "log/end_on_exception.h"
#include "test/bitbucket_server/documents.h"
#include "test/support/simulated_time.h"

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using bitbucket::Source;
using bitbucket_rest::ApiAnswer;
using bitbucket_rest::ApiRequest;
using test::StoredWebhook;
using Strings = std::vector<std::string>;

const std::string kCenter = "https://git.example.com";
const BaseUrl kOurBase{"https://hooks.example.com", ""};

/// A Data Center on the test's own thread, of one project.
struct Center {
  std::map<std::string, std::vector<StoredWebhook>> repositories;
  std::vector<StoredWebhook> of_project{};  ///< the token may read them if there are any
  Strings asked{};                          ///< `METHOD SLUG`
  int asked_of_project = 0;                 ///< for its webhooks
  std::vector<clock::Steady::time_point> asked_at{};
  bool is_away = false;       ///< it answers nothing, and does nothing
  bool loses_writes = false;  ///< it does them, and does not answer
  std::optional<ApiAnswer> fails{};
  std::string failed_delivery{};  ///< the answer for each webhook
  std::string date{};             ///< of its clock
  std::function<void()> before_answer = [] {};
  std::chrono::milliseconds takes{0};  ///< until it answers
  int last_id = 0;

  static ApiAnswer listed(const std::vector<StoredWebhook>& webhooks) {
    std::string values;
    for (const StoredWebhook& webhook : webhooks) {
      values += (values.empty() ? "" : ",") + document_of(Source::kDataCenter, webhook);
    }
    return {200, R"({"isLastPage": true, "values": [)" + values + "]}", "", ""};
  }
  ApiAnswer answer(const ApiRequest& request) {
    const std::string path = request.url.substr(0, request.url.find('?'));
    const std::size_t begin = path.find("/repos/");
    if (begin == std::string::npos) {
      ++asked_of_project;
      if (!of_project.empty()) return listed(of_project);
      return {.status = 401, .body = "", .retry_after = "", .location = ""};
    }
    const std::string rest = path.substr(begin + 7);
    const std::string slug = rest.substr(0, rest.find('/'));
    asked.push_back(request.method + " " + slug);
    before_answer();
    if (fails) return *fails;
    std::vector<StoredWebhook>& webhooks = repositories[slug];
    if (path.ends_with("/latest")) {
      asked.back() = "DELIVERIES " + slug;
      const bool of_errors = request.url.ends_with("outcome=ERROR");
      const bool any = of_errors && !failed_delivery.empty();
      ApiAnswer answer{any ? 200U : 204U, any ? failed_delivery : "", "", ""};
      answer.date = date;
      return answer;
    }
    if (request.method == "GET") return listed(webhooks);
    if (request.method == "DELETE") {
      const std::string id = path.substr(path.rfind('/') + 1);
      const bool there = std::erase_if(webhooks, [&](const auto& one) { return one.id == id; }) > 0;
      return {there ? 204U : 404U, "", "", ""};
    }
    auto webhook = test::read_document(Source::kDataCenter, request.body);
    if (!webhook) return {webhook.error().status, webhook.error().body, "", ""};
    if (request.method == "POST") {
      webhook->id = std::to_string(++last_id);
      webhooks.push_back(*webhook);
      return {201, document_of(Source::kDataCenter, *webhook), "", ""};
    }
    webhook->id = webhooks.at(0).id;
    webhooks.at(0) = *webhook;
    return {200, "{}", "", ""};
  }
};

/// A project with one receiver, `demo/bb`, whose Warehouses subscribe to some repositories.
struct RegistrarWorld {
  explicit RegistrarWorld(bool for_deliveries = false) : follows_deliveries(for_deliveries) {
    change_leader();
  }
  ~RegistrarWorld() {
    registrar->stop();
    test::SimulatedTime::settle(io);
  }
  RegistrarWorld(const RegistrarWorld&) = delete;
  RegistrarWorld& operator=(const RegistrarWorld&) = delete;

  /// To a new leader.
  void change_leader() {
    registrar = make();
    registrar->set_leading(true);
    boost::asio::co_spawn(io, registrar->run(),
                          log::EndOnException{log::Logger::none(), "the registrar"});
  }
  std::unique_ptr<Registrar> make() {
    return std::make_unique<Registrar>(
        io.get_executor(),
        [this](const Registrar::Access&, bitbucket_rest::Operation& operation,
               Registrar::Before before) { return ask(operation, std::move(before)); },
        [this](const std::set<std::string>& projects) {
          CHECK(projects == std::set<std::string>{project()});
          ++looks;
          Reached reached{.pull_requests = waits_for_pull_requests};
          for (const std::string& slug : slugs) {
            reached.urls.insert(fmt::format("{}/scm/demo/{}.git", kCenter, slug));
          }
          return std::map<std::string, Reached>{{project(), reached}};
        },
        [this](const api::ReceiverOwner& owner, const Note& note) {
          events.push_back(owner.meta.key.ns + " " + note.reason);
        },
        options(),
        log::Logger::to_callback(log::Level::kInfo, log::Format::kConsole,
                                 [this](auto line) { lines.emplace_back(line); }));
  }

  boost::asio::awaitable<void> ask(bitbucket_rest::Operation& operation, Registrar::Before before) {
    clock::Timer timer(io);
    while (operation.next() != nullptr) {
      auto waiting = before();
      const auto deadline = co_await std::move(waiting);
      if (!deadline) {
        operation.take(tl::unexpected(bitbucket_rest::BitbucketError{
            .kind = bitbucket_rest::ApiFailure::kUnknown, .message = "not sent"}));
        continue;
      }
      const ApiRequest request = *operation.next();
      center.asked_at.push_back(clock::Steady::now());
      CHECK(*deadline - clock::Steady::now() == 20s);
      if (center.takes.count() > 0) {
        co_await async::sleep_until(timer, clock::Steady::now() + center.takes);
      }
      const auto answer = center.is_away ? ApiAnswer{} : center.answer(request);
      if (center.is_away || (center.loses_writes && request.method != "GET")) {
        operation.take(tl::unexpected(bitbucket_rest::BitbucketError{
            .kind = bitbucket_rest::ApiFailure::kTimeout, .message = "no answer"}));
      } else {
        operation.take(answer);
      }
    }
  }

  /// The names of two hundred repositories are numbers.
  void subscribe_to_two_hundred() {
    slugs.clear();
    for (int i = 0; i < 200; ++i) slugs.insert(std::to_string(i));
  }
  [[nodiscard]] bool logged(const std::string& text) const {
    return std::ranges::any_of(
        lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }
  /// Repositories with exactly one webhook.
  [[nodiscard]] std::ptrdiff_t registered() const {
    return std::ranges::count_if(center.repositories,
                                 [](const auto& one) { return one.second.size() == 1; });
  }

  void derive(const std::string& secret, const std::optional<std::string>& previous = {}) {
    api::ReceiverOwner owner;
    owner.kind = of_cluster ? api::OwnerKind::kClusterConfig : api::OwnerKind::kProjectConfig;
    owner.meta.key = {project(), of_cluster ? "cluster" : "demo"};
    owner.meta.uid = "uid-1";
    auto access = std::make_shared<BitbucketAccess>();
    access->secret_version = std::to_string(++version);
    access->authorization = crypto::SecretString(std::string(token));
    access->product = Source::kDataCenter;
    access->server = kCenter;
    access->registers = true;
    if (is_bounded) access->allow = *bitbucket_rest::AllowList::parse("DEMO");
    DerivedReceivers derived;
    derived.cannot_register = cannot_register;
    const auto route = [&](const std::string& key, bool is_previous,
                           const std::string& receiver = "bb") {
      return Route{receiver_path(kOurBase, project(), receiver, key),
                   project(),
                   receiver,
                   crypto::SecretString(std::string(key)),
                   is_previous,
                   access,
                   is_watched};
    };
    if (has_one) derived.routes.push_back(route(secret, false));
    if (previous) derived.routes.push_back(route(*previous, true));
    if (has_another) derived.routes.push_back(route(secret, false, "another"));
    registrar->derived(owner, derived);
  }
  [[nodiscard]] std::string project() const { return of_cluster ? "" : "demo"; }
  void pass(std::chrono::milliseconds duration) { time.run_for(io, duration); }
  Strings asked() { return std::exchange(center.asked, {}); }
  Strings told() { return std::exchange(events, {}); }
  Strings refreshed() { return std::exchange(refreshes, {}); }
  RegistrarOptions options() {
    RegistrarOptions options{.base_url = kOurBase, .leading = [this] { return leads; }};
    if (follows_deliveries) {
      options.refresh = [this](const std::string& project, const BitbucketAccess& access,
                               const bitbucket_rest::Repository& repository) {
        CHECK(access.server == kCenter);
        refreshes.push_back(project + " " + repository.name());
      };
    }
    return options;
  }
  [[nodiscard]] std::string url(const std::string& secret) const {
    return kOurBase.origin + receiver_path(kOurBase, "demo", "bb", secret);
  }
  [[nodiscard]] std::string url_of(const std::string& slug) const {
    const auto found = center.repositories.find(slug);
    if (found == center.repositories.end() || found->second.empty()) return "none";
    return found->second.size() > 1 ? "several" : found->second[0].url;
  }

  test::SimulatedTime time;
  boost::asio::io_context io;
  Center center;
  std::set<std::string> slugs{"app", "web"};
  Strings events;
  Strings lines;  ///< of the log
  Strings refreshes;
  const bool follows_deliveries;
  bool leads = true;
  bool is_watched = true;  ///< the receiver's Secret
  bool of_cluster = false;
  bool has_one = true;       ///< receiver
  bool has_another = false;  ///< receiver
  bool is_bounded = true;    ///< by bitbucket.allow
  bool waits_for_pull_requests = false;
  Strings cannot_register{};  ///< receivers
  std::string token = "token";
  int version = 0;  ///< of the receiver's Secret
  int looks = 0;    ///< at what receivers reach
  std::unique_ptr<Registrar> registrar;
};

}  // namespace

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
