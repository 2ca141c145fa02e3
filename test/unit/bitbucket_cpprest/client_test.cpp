#include "bitbucket_cpprest/client.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <catch2/catch.hpp>

#include "bitbucket_rest/authorization.h"
#include "bitbucket_rest/registrar.h"
#include "test/bitbucket_server/bitbucket_server.h"
#include "test/bitbucket_server/documents.h"

namespace receiver::bitbucket_cpprest {
namespace {

using namespace std::chrono_literals;
using bitbucket::Source;
using bitbucket_rest::Action;
using bitbucket_rest::ApiFailure;
using bitbucket_rest::ApiRequest;
using bitbucket_rest::authorization;
using bitbucket_rest::BitbucketError;
using bitbucket_rest::Difference;
using bitbucket_rest::patient;
using bitbucket_rest::Pausing;
using bitbucket_rest::Plan;
using bitbucket_rest::RegisterWebhook;
using bitbucket_rest::Registration;
using bitbucket_rest::Send;
using test::BitbucketServer;
using test::Grant;
using test::StoredWebhook;

constexpr const char* kToken = "token-of-the-tests";
constexpr const char* kSecret = "the-secret-of-the-receiver";
const std::string kUrl = "https://hooks.example.com/bitbucket/" + std::string(64, 'a');
const std::string kOldUrl = "https://hooks.example.com/bitbucket/" + std::string(64, 'b');

/// One product's server with a repository, and a client for it.
class World {
 public:
  explicit World(Source product, ClientOptions options = {}) : server(product) {
    server.accept(std::string("Bearer ") + kToken);
    server.add_repository(name());
    options.authorization = *authorization("", crypto::SecretString(kToken));
    options.ca_pem = server.ca_pem();
    options.user_agent = "receiverctl/test";
    client.emplace(*Client::create(std::move(options)));
  }

  [[nodiscard]] std::string name() const {
    return server.product() == Source::kCloud ? "team/shop" : "SHOP/web";
  }
  [[nodiscard]] std::string push() const {
    return server.product() == Source::kCloud ? "repo:push" : "repo:refs_changed";
  }
  [[nodiscard]] Registration registration() const {
    const std::string owner = server.product() == Source::kCloud ? "team" : "SHOP";
    return {.repository = {server.product(), server.url(), owner, name().substr(owner.size() + 1)},
            .wanted = {.name = "Kargo demo/bb",
                       .mark = "[0123456789ab/bb]",
                       .url = kUrl,
                       .secret = crypto::SecretString(kSecret)}};
  }
  [[nodiscard]] tl::expected<Plan, BitbucketError> make(const Registration& registration) const {
    RegisterWebhook registering(registration);
    client->run(registering);
    return registering.result();
  }
  static tl::expected<Plan, BitbucketError> register_webhook(const Send& send,
                                                             const Registration& registration) {
    RegisterWebhook registering(registration);
    run(registering, send);
    return registering.result();
  }
  /// It lacks the push event, but keeps what somebody has added.
  [[nodiscard]] StoredWebhook drifted() const {
    StoredWebhook webhook = right();
    webhook.events = {another_event()};
    return webhook;
  }
  [[nodiscard]] std::string another_event() const {
    return server.product() == Source::kCloud ? "repo:fork" : "repo:forked";
  }
  [[nodiscard]] Send send() const {
    return [this](const ApiRequest& request) { return client->send(request); };
  }
  [[nodiscard]] StoredWebhook right() const {
    return {.title = "Kargo demo/bb [0123456789ab/bb]",
            .url = kUrl,
            .events = {push()},
            .secret = kSecret};
  }

  BitbucketServer server;
  std::optional<Client> client;
};

/// Everything but the id.
bool is_same(StoredWebhook left, const StoredWebhook& right) {
  left.id = right.id;
  return left == right;
}

}  // namespace

TEMPLATE_TEST_CASE_SIG("a webhook is created once, and then left alone", "", ((Source V), V),
                       Source::kCloud, Source::kDataCenter) {
  World world(V);
  const auto created = world.make(world.registration());
  REQUIRE(created);
  CHECK(created->action == Action::kCreate);
  REQUIRE(world.server.webhooks(world.name()).size() == 1);
  CHECK(is_same(world.server.webhooks(world.name())[0], world.right()));

  CHECK(world.make(world.registration())->action == Action::kNone);
  CHECK(world.server.writes() == 1);
  CHECK(world.server.webhooks(world.name()).size() == 1);
}

TEMPLATE_TEST_CASE_SIG("a rotated secret updates the webhook, on whatever page it is", "",
                       ((Source V), V), Source::kCloud, Source::kDataCenter) {
  World world(V);
  std::vector<StoredWebhook> webhooks;
  for (int i = 0; i < 6; ++i) {
    webhooks.push_back({.title = "other " + std::to_string(i),
                        .url = "https://ci.example.com/" + std::to_string(i),
                        .events = {world.push()}});
  }
  StoredWebhook old = world.right();
  old.url = kOldUrl;
  old.secret = "the-secret-of-yesterday";
  old.verifies_certificate = false;
  webhooks.push_back(old);
  world.server.add_repository(world.name(), webhooks);
  world.server.set_page_length(2);

  const auto updated = world.make(world.registration());
  REQUIRE(updated);
  CHECK(updated->action == Action::kUpdate);
  const auto after = world.server.webhooks(world.name());
  REQUIRE(after.size() == 7);
  StoredWebhook right = world.right();
  right.verifies_certificate = false;
  CHECK(is_same(after[6], right));
  for (std::size_t i = 0; i < 6; ++i) CHECK(is_same(after[i], webhooks[i]));
  CHECK(world.server.requests().size() == 5);  // four pages and the write
}

TEMPLATE_TEST_CASE_SIG("a dry run tells the difference and writes nothing", "", ((Source V), V),
                       Source::kCloud, Source::kDataCenter) {
  World world(V);
  world.server.add_repository(world.name(), {world.drifted()});
  Registration dry = world.registration();
  dry.dry_run = true;
  const auto told = world.make(dry);
  REQUIRE(told);
  CHECK(told->action == Action::kUpdate);
  const std::string was = world.another_event();
  CHECK(told->differences == std::vector<Difference>{{"events", was, was + ", " + world.push()}});
  CHECK(world.server.writes() == 0);
  CHECK(is_same(world.server.webhooks(world.name())[0], world.drifted()));
}

TEMPLATE_TEST_CASE_SIG("a webhook that is deleted between reading and writing is created again", "",
                       ((Source V), V), Source::kCloud, Source::kDataCenter) {
  World world(V);
  world.server.add_repository(world.name(), {world.drifted()});
  world.server.before_next_write([](std::vector<StoredWebhook>& webhooks) { webhooks.clear(); });
  const auto created = world.make(world.registration());
  REQUIRE(created);
  CHECK(created->action == Action::kCreate);
  REQUIRE(world.server.webhooks(world.name()).size() == 1);
  CHECK(is_same(world.server.webhooks(world.name())[0], world.right()));
}

TEST_CASE("a webhook that somebody else creates meanwhile is not created twice") {
  World world(Source::kCloud);
  world.server.before_next_write([&](std::vector<StoredWebhook>& webhooks) {
    webhooks.push_back(world.right());
    webhooks.back().id = "{1}";
  });
  const auto found = world.make(world.registration());
  REQUIRE(found);
  CHECK(found->action == Action::kNone);
  CHECK(world.server.webhooks(world.name()).size() == 1);
}

TEMPLATE_TEST_CASE_SIG("what people have set stays, though a write replaces all", "",
                       ((Source V), V), Source::kCloud, Source::kDataCenter) {
  World world(V);
  StoredWebhook theirs = world.drifted();
  theirs.title = "Chat [0123456789ab/bb], see the wiki";
  theirs.verifies_certificate = false;
  if (V == Source::kDataCenter) {
    theirs.credentials = R"({"username":"me","password":"a\"b"})";
    theirs.configuration = {{"createdBy", R"("bitbucket")"}, {"limits", R"({"a":[1,null]})"}};
  }
  world.server.add_repository(world.name(), {theirs});
  CHECK(world.make(world.registration())->action == Action::kUpdate);
  theirs.events = {world.another_event(), world.push()};
  const auto after = world.server.webhooks(world.name());
  REQUIRE(after.size() == 1);
  CHECK(is_same(after[0], theirs));
  CHECK(world.make(world.registration())->action == Action::kNone);
  CHECK(world.server.writes() == 1);
}

TEMPLATE_TEST_CASE_SIG("a webhook that is switched off is not written", "", ((Source V), V),
                       Source::kCloud, Source::kDataCenter) {
  World world(V);
  StoredWebhook off = world.drifted();
  off.active = false;
  world.server.add_repository(world.name(), {off});
  CHECK(world.make(world.registration())->action == Action::kSkip);
  CHECK(world.server.writes() == 0);
}

TEMPLATE_TEST_CASE_SIG("no webhook is made beside one of the project or workspace", "",
                       ((Source V), V), Source::kCloud, Source::kDataCenter) {
  World world(V);
  const std::string owner = world.registration().repository.owner;
  Registration asked = world.registration();
  SECTION("that leads here") {
    world.server.add_inherited(owner, {world.right()});
    CHECK(world.make(asked)->action == Action::kNone);
    // Facts about the owner are not requested again.
    CHECK(world.make(asked)->action == Action::kNone);
    CHECK(world.server.requests().size() == 3);
    CHECK(world.server.writes() == 0);
  }
  SECTION("but beside one that leads elsewhere, or that the token may not see") {
    if (GENERATE(false, true)) {
      StoredWebhook elsewhere = world.right();
      elsewhere.url = kOldUrl;
      world.server.add_inherited(owner, {elsewhere});
    }
    CHECK(world.make(asked)->action == Action::kCreate);
    CHECK(world.server.webhooks(world.name()).size() == 1);
  }
}

TEST_CASE("of two that a race has made, one is left") {
  World world(Source::kDataCenter);
  const StoredWebhook right = world.right();
  world.server.add_repository(world.name(), {world.drifted(), right, right});
  SECTION("by the first who sees them") {}
  SECTION("also if another sees them, too") {
    world.server.before_next_write(
        [](std::vector<StoredWebhook>& webhooks) { webhooks.erase(webhooks.begin() + 1); });
  }
  const std::string first = world.server.webhooks(world.name()).at(0).id;
  const auto done = world.make(world.registration());
  REQUIRE(done);
  CHECK(done->action == Action::kUpdate);
  const auto left = world.server.webhooks(world.name());
  REQUIRE(left.size() == 1);
  CHECK(left[0].id == first);
  CHECK(world.make(world.registration())->action == Action::kNone);
}

TEMPLATE_TEST_CASE_SIG("each refusal is told apart", "", ((Source V), V), Source::kCloud,
                       Source::kDataCenter) {
  World world(V);
  Registration asked = world.registration();
  SECTION("a token that is not accepted") {
    world.client.emplace(
        *Client::create({.authorization = *authorization("", crypto::SecretString("another-token")),
                         .ca_pem = world.server.ca_pem(),
                         .user_agent = "receiverctl/test"}));
    const auto refused = world.make(asked);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ApiFailure::kUnauthorized);
    CHECK_THAT(refused.error().message,
               Catch::Contains("answered 401 (") && !Catch::Contains("another-token"));
  }
  SECTION("a token that may only read") {
    world.server.accept(std::string("Bearer ") + kToken, Grant::kReadOnly);
    const auto refused = world.make(asked);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ApiFailure::kForbidden);
  }
  SECTION("no such repository") {
    asked.repository.slug = "missing";
    const auto refused = world.make(asked);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ApiFailure::kNotFound);
    CHECK_THAT(refused.error().message, Catch::Contains("/missing"));
  }
  SECTION("a webhook that is not valid, without its URL and secret") {
    asked.wanted.url = "ftp://hooks.example.com/bitbucket/" + std::string(64, 'a');
    const auto refused = world.make(asked);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ApiFailure::kRefused);
    CHECK_THAT(refused.error().message,
               Catch::Contains("Enter a valid URL: ftp://hooks.example.com/bitbucket/aaaaaaaa…") &&
                   !Catch::Contains(kSecret));
  }
  SECTION("a redirect, which is not followed") {
    world.server.answer_next({{.status = 302, .location = world.server.url() + "/elsewhere"}});
    const auto refused = world.make(asked);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ApiFailure::kUnexpected);
    CHECK_THAT(refused.error().message, Catch::Contains("redirects are not followed"));
    CHECK(world.server.requests().size() == 1);
  }
  SECTION("a next page that is no URL") {
    world.server.answer_next({{.body = R"({"values": [], "isLastPage": true, "next": ")" +
                                       world.server.url() + R"(/a b"})"}});
    const auto refused = world.make(asked);
    CHECK(refused.has_value() == (V == Source::kDataCenter));  // Data Center has no such member
    return;
  }
  SECTION("a page of somebody else") {
    world.server.answer_next({{.body = "<html></html>", .content_type = "text/html"}});
    const auto refused = world.make(asked);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Catch::Contains("is this Bitbucket's REST API?"));
  }
  CHECK(world.server.webhooks(world.name()).empty());
}

TEMPLATE_TEST_CASE_SIG("a rate limit is waited out as the server asks", "", ((Source V), V),
                       Source::kCloud, Source::kDataCenter) {
  World world(V);
  world.server.answer_next({{.status = 429,
                             .body = "Rate limit for this resource has been exceeded",
                             .retry_after = "7",
                             .content_type = "text/plain"},
                            {.status = 429}});
  std::vector<std::chrono::seconds> pauses;
  const auto created = World::register_webhook(
      patient(
          world.send(),
          [&](Pausing, std::chrono::seconds pause, const std::string&) { pauses.push_back(pause); },
          60s),
      world.registration());
  REQUIRE(created);
  CHECK(created->action == Action::kCreate);
  CHECK(pauses == std::vector{7s, 10s});

  world.server.answer_next({{.status = 429, .retry_after = "3600"}});
  const auto refused = World::register_webhook(
      patient(
          world.send(), [](Pausing, std::chrono::seconds, const std::string&) {}, 60s),
      world.registration());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ApiFailure::kRateLimited);
  CHECK_THAT(refused.error().message, Catch::Contains("try again in 3600 s"));
}

TEST_CASE("a user with a token is sent as Basic") {
  World world(Source::kCloud);
  world.server.accept("Basic bWVAZXhhbXBsZS5jb206dG9rZW4=");
  world.client.emplace(*Client::create(
      {.authorization = *authorization("me@example.com", crypto::SecretString("token\n")),
       .ca_pem = world.server.ca_pem(),
       .user_agent = "receiverctl/test"}));
  CHECK(world.make(world.registration()));
}

TEST_CASE("a token that cannot be one is refused without being repeated") {
  for (const std::string token : {"", "\n", "two words", "a\r\nX-Header: b", "gr\xc3\xbcn"}) {
    INFO(token);
    const auto refused = authorization("", crypto::SecretString(std::string(token)));
    REQUIRE_FALSE(refused);
    CHECK((token.size() < 2 || refused.error().find(token) == std::string::npos));
  }
  CHECK_FALSE(authorization("a:b", crypto::SecretString("token")));
  CHECK_FALSE(authorization("a b", crypto::SecretString("token")));
}

TEST_CASE("that the hourly limit is near is told") {
  World world(Source::kCloud);
  world.server.answer_next({{.near_limit = true}, {}});
  const ApiRequest request{"GET", world.server.url() + "/2.0/repositories/team/shop", ""};
  CHECK(world.client->send(request)->near_limit);
  CHECK_FALSE(world.client->send(request)->near_limit);
}

TEST_CASE("nobody listening, and a host that does not exist, are told as such") {
  World world(Source::kCloud);
  Registration asked = world.registration();
  {
    const BitbucketServer gone(Source::kCloud);
    asked.repository.server = gone.url();
  }
  CHECK(world.make(asked).error().kind == ApiFailure::kUnreachable);
  asked.repository.server = "https://no-such-host.invalid";
  CHECK(world.make(asked).error().kind == ApiFailure::kUnreachable);
}

TEST_CASE("a server that takes a request and says nothing is given up at the deadline") {
  World world(Source::kCloud, {.authorization = {}, .deadline = 300ms});
  world.server.hold(true);
  const auto failed = world.make(world.registration());
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ApiFailure::kTimeout);
  world.server.hold(false);
}

TEST_CASE("an answer that nobody wants any more is not waited for") {
  std::atomic<bool> given_up{false};
  World world(Source::kCloud, {.authorization = {}, .given_up = [&] { return given_up.load(); }});
  world.server.hold(true);
  std::jthread later([&] {
    std::this_thread::sleep_for(100ms);
    given_up = true;
  });
  const auto begun = std::chrono::steady_clock::now();
  const auto failed = world.make(world.registration());
  CHECK(std::chrono::steady_clock::now() - begun < 10s);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ApiFailure::kUnknown);
  world.server.hold(false);
}

TEST_CASE("an answer beyond all bounds is not kept") {
  World world(Source::kCloud);
  world.server.answer_next({{.body = std::string(Client::kMaxAnswerBytes + 1, ' ')}});
  const auto failed = world.make(world.registration());
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ApiFailure::kUnreachable);
}

}  // namespace receiver::bitbucket_cpprest
