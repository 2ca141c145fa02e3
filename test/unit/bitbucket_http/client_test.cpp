#include "bitbucket_http/client.h"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "bitbucket_rest/authorization.h"
#include "bitbucket_rest/latest_failure.h"
#include "bitbucket_rest/questions.h"
#include "bitbucket_rest/registrar.h"
#include "test/bitbucket_server/bitbucket_server.h"
#include "test/bitbucket_server/connect_proxy.h"
#include "test/support/scripted_server.h"
#include "test/support/test_certificates.h"

namespace receiver::bitbucket_http {
namespace {

using namespace std::chrono_literals;
using bitbucket::Source;
using bitbucket_rest::Action;
using bitbucket_rest::ApiFailure;
using bitbucket_rest::authorization;
using bitbucket_rest::ChangedFiles;
using bitbucket_rest::DefaultBranch;
using bitbucket_rest::LatestFailure;
using bitbucket_rest::Operation;
using bitbucket_rest::RegisterWebhook;
using bitbucket_rest::Registration;
using bitbucket_rest::Repository;
using Catch::Contains;
using test::BitbucketServer;
using test::CertificateSpec;
using test::ConnectProxy;
using test::Peer;
using test::ScriptedServer;
using test::ServerIdentity;
using test::TestAuthority;

constexpr const char* kToken = "token-of-the-tests";
constexpr std::chrono::seconds kLongest{30};  // far longer than any wait of a test

/// A client and its thread: the test's own.
class World {
 public:
  explicit World(ClientOptions options) {
    options.authorization = *authorization("", crypto::SecretString(kToken));
    options.user_agent = "bitbucket-receiver/test";
    auto made = Client::create(io.get_executor(), std::move(options));
    INFO((made ? std::string() : made.error()));
    REQUIRE(made);
    client = std::move(*made);
  }

  void start(Operation& operation, std::chrono::milliseconds time = kLongest) {
    start(client->run(operation, std::chrono::steady_clock::now() + time));
  }
  void start(boost::asio::awaitable<void> running) {
    ++running_;
    boost::asio::co_spawn(io, std::move(running), [this](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
      --running_;
    });
  }
  void finish() {
    io.restart();
    while (running_ > 0) io.run_one();
  }
  template <class Asked>
  auto ask(Asked question, std::chrono::milliseconds time = kLongest) {
    start(question, time);
    finish();
    CHECK(question.next() == nullptr);
    if (!question.result()) CHECK_THAT(question.result().error().message, !Contains(kToken));
    return question.result();
  }

  boost::asio::io_context io{1};
  std::unique_ptr<Client> client;

 private:
  int running_ = 0;
};

/// A Bitbucket that runs a script, and records its requests.
class Bitbucket {
 public:
  using Script = std::function<void(Peer&, const std::string& request)>;

  explicit Bitbucket(Script script, const CertificateSpec& certificate = {})
      : server_(
            [this, script = std::move(script)](Peer& peer) {
              while (const auto request = peer.request()) {
                {
                  const std::lock_guard lock(mutex_);
                  requests_.push_back(*request);
                }
                script(peer, *request);
              }
            },
            ServerIdentity{authority_.issue(certificate), {}}) {}

  [[nodiscard]] std::string url() const {
    return "https://127.0.0.1:" + std::to_string(server_.port());
  }
  [[nodiscard]] ClientOptions options() const {
    return {.server = url(), .ca_pem = authority_.pem()};
  }
  [[nodiscard]] Repository repository() const {
    return {Source::kDataCenter, url() + "/git", "SHOP", "web"};
  }
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] const ScriptedServer& server() const { return server_; }

 private:
  TestAuthority authority_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  ScriptedServer server_;
};

void answer_main(Peer& peer, const std::string& /*request*/) {
  peer.answer(R"({"id":"refs/heads/main"})");
}

void answer_status(Peer& peer, const std::string& head, const std::string& body = "") {
  peer.send("HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
            body);
}

}  // namespace

TEST_CASE("a question is asked over TLS, with the token, on a connection that is kept") {
  const Bitbucket bitbucket(answer_main);
  World world(bitbucket.options());
  for (int i = 0; i < 3; ++i) {
    const auto branch = world.ask(DefaultBranch(bitbucket.repository()));
    REQUIRE(branch);
    CHECK(*branch == "refs/heads/main");
  }
  CHECK(bitbucket.server().accepted() == 1);
  REQUIRE(bitbucket.requests().size() == 3);
  CHECK_THAT(bitbucket.requests()[0],
             Catch::StartsWith(
                 "GET /git/rest/api/latest/projects/SHOP/repos/web/default-branch HTTP/1.1\r\n") &&
                 Contains("\r\nAuthorization: Bearer token-of-the-tests\r\n") &&
                 Contains("\r\nAccept: application/json\r\n") &&
                 Contains("\r\nUser-Agent: bitbucket-receiver/test\r\n"));
}

TEST_CASE("an operation goes on until it has ended") {
  const std::string older = std::string(40, 'a');
  const std::string newer = std::string(40, 'b');
  const Bitbucket bitbucket([](Peer& peer, const std::string& request) {
    const bool is_first = request.find("start=0") != std::string::npos;
    peer.answer(is_first ? R"({"values":[{"type":"ADD","path":{"toString":"a"}}],
                               "isLastPage":false,"start":0,"nextPageStart":1})"
                         : R"({"values":[{"type":"ADD","path":{"toString":"b"}}],
                               "isLastPage":true})");
  });
  World world(bitbucket.options());
  const auto files = world.ask(ChangedFiles(bitbucket.repository(), {newer, older}));
  REQUIRE(files);
  CHECK(*files == std::vector<std::string>{"a", "b"});
  CHECK(bitbucket.requests().size() == 2);
}

TEST_CASE("before each request it is asked when it may be sent, and whether") {
  const Bitbucket bitbucket([](Peer& peer, const std::string& request) {
    const bool is_first = request.find("start=0") != std::string::npos;
    peer.answer(is_first ? R"({"values":[{"type":"ADD","path":{"toString":"a"}}],
                               "isLastPage":false,"start":0,"nextPageStart":1})"
                         : R"({"values":[],"isLastPage":true})");
  });
  World world(bitbucket.options());
  std::size_t asked = 0;
  std::size_t allowed = 2;
  const Before before =
      [&]() -> boost::asio::awaitable<std::optional<std::chrono::steady_clock::time_point>> {
    CHECK(bitbucket.requests().size() == asked);
    if (asked++ == allowed) co_return std::nullopt;
    co_return std::chrono::steady_clock::now() + kLongest;
  };
  const auto ask = [&] {
    ChangedFiles question(bitbucket.repository(), {std::string(40, 'b'), std::string(40, 'a')});
    world.start(world.client->run(question, before));
    world.finish();
    return question.result();
  };
  CHECK(ask());
  CHECK(asked == 2);
  CHECK(bitbucket.requests().size() == 2);
  allowed = 3;
  const auto stopped = ask();
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == ApiFailure::kUnknown);
  CHECK_THAT(stopped.error().message, Contains("not sent"));
  CHECK(bitbucket.requests().size() == 3);
}

TEST_CASE("questions are asked beside each other, within the bound of connections") {
  const Bitbucket bitbucket(answer_main);
  ClientOptions options = bitbucket.options();
  options.connections = 2;
  options.waiting = 3;
  World world(std::move(options));
  std::vector<DefaultBranch> questions(6, DefaultBranch(bitbucket.repository()));
  for (DefaultBranch& question : questions) world.start(question);
  world.finish();
  int answered = 0;
  for (DefaultBranch& question : questions) {
    if (question.result()) {
      ++answered;
    } else {
      CHECK(question.result().error().kind == ApiFailure::kUnreachable);
      CHECK_THAT(question.result().error().message, Contains("too many requests are waiting"));
    }
  }
  CHECK(answered == 5);
  CHECK(bitbucket.server().accepted() == 2);
}

TEST_CASE("no token is shown to a server whose certificate is not its own") {
  struct Row {
    const char* why;
    CertificateSpec certificate;
    bool is_strange;
  };
  const std::vector<Row> rows{
      {"of a stranger", {}, true},
      {"for another host", {.alternative_names = "DNS:bitbucket.example.com"}, false},
      {"by its common name alone", {.common_name = "127.0.0.1", .alternative_names = ""}, false},
      {"expired", {.expires_in = -1h}, false},
  };
  for (const Row& row : rows) {
    INFO(row.why);
    const Bitbucket bitbucket(answer_main, row.certificate);
    ClientOptions options = bitbucket.options();
    if (row.is_strange) options.ca_pem = TestAuthority("another").pem();
    World world(std::move(options));
    const auto refused = world.ask(DefaultBranch(bitbucket.repository()));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ApiFailure::kUnreachable);
    CHECK_THAT(refused.error().message, Contains("certificate"));
    CHECK(bitbucket.requests().empty());
  }
}

TEST_CASE("a server that answers nothing, or not in whole, is given up at the deadline") {
  const std::string begin = GENERATE("", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
  const Bitbucket bitbucket([&](Peer& peer, const std::string& /*request*/) {
    peer.send(begin);
    peer.wait_for_close();
  });
  World world(bitbucket.options());
  const auto start = std::chrono::steady_clock::now();
  const auto late = world.ask(DefaultBranch(bitbucket.repository()), 200ms);
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == ApiFailure::kTimeout);
  CHECK(bitbucket.requests().size() == 1);
}

TEST_CASE("the deadline is of the whole operation") {
  const Bitbucket bitbucket([](Peer& peer, const std::string& request) {
    if (request.find("/default-branch") == std::string::npos) {
      peer.wait_for_close();
    } else {
      answer_status(peer, "404 Not Found");
    }
  });
  World world(bitbucket.options());
  const auto late = world.ask(DefaultBranch(bitbucket.repository()), 200ms);
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == ApiFailure::kTimeout);
  CHECK(bitbucket.requests().size() == 2);
}

TEST_CASE("a redirect is not followed, wherever it leads") {
  const Bitbucket elsewhere(answer_main);
  const Bitbucket bitbucket([&](Peer& peer, const std::string& /*request*/) {
    answer_status(peer, "302 Found\r\nLocation: " + elsewhere.url() + "/x");
  });
  World world(bitbucket.options());
  const auto refused = world.ask(DefaultBranch(bitbucket.repository()));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ApiFailure::kUnexpected);
  CHECK(refused.error().status == 302);
  CHECK(bitbucket.requests().size() == 1);
  CHECK(elsewhere.server().accepted() == 0);
}

TEST_CASE("a question for another server is not asked") {
  const Bitbucket bitbucket(answer_main);
  const Bitbucket other(answer_main);
  World world(bitbucket.options());
  const std::string port = std::to_string(bitbucket.server().port());
  for (const std::string& server :
       {other.url(), "http://127.0.0.1:" + port, "https://localhost:" + port,
        "https://me@127.0.0.1:" + port, std::string("https://127.0.0.1"), std::string("x")}) {
    INFO(server);
    const auto refused = world.ask(DefaultBranch({Source::kCloud, server, "team", "shop"}));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ApiFailure::kUnexpected);
    CHECK_THAT(refused.error().message, Contains("not sent: the request is not for"));
  }
  CHECK(bitbucket.server().accepted() == 0);
  CHECK(other.server().accepted() == 0);
}

TEST_CASE("headers of an answer are told: when to come back, and that a limit is near") {
  const Bitbucket bitbucket([](Peer& peer, const std::string& request) {
    if (request.find("/busy/") != std::string::npos) {
      answer_status(peer, "429 Too Many Requests\r\nRetry-After: 33", "slow down");
    } else {
      answer_status(peer, "200 OK\r\nX-RateLimit-NearLimit: true", R"({"id":"refs/heads/main"})");
    }
  });
  World world(bitbucket.options());
  Repository busy = bitbucket.repository();
  busy.slug = "busy";
  const auto limited = world.ask(DefaultBranch(busy));
  REQUIRE_FALSE(limited);
  CHECK(limited.error().kind == ApiFailure::kRateLimited);
  CHECK(limited.error().retry_after == 33s);
  DefaultBranch near(bitbucket.repository());
  world.start(near);
  world.finish();
  CHECK(near.result());
  CHECK(near.near_limit());
}

TEST_CASE("a token that the server repeats gets into no error") {
  const Bitbucket bitbucket([](Peer& peer, const std::string& request) {
    const std::size_t at = request.find("Authorization: ");
    answer_status(peer, "403 Forbidden",
                  "you sent " + request.substr(at, request.find('\r', at) - at));
  });
  World world(bitbucket.options());
  const auto refused = world.ask(DefaultBranch(bitbucket.repository()));
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Contains("you sent Authorization: Bearer ****"));
}

TEST_CASE("an answer beyond the bound is not kept") {
  const Bitbucket bitbucket(
      [](Peer& peer, const std::string& /*request*/) { peer.answer(std::string(2000, ' ')); });
  ClientOptions options = bitbucket.options();
  options.body_bytes = 1999;
  World world(std::move(options));
  const auto failed = world.ask(DefaultBranch(bitbucket.repository()));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ApiFailure::kUnknown);
  CHECK_THAT(failed.error().message, Contains("larger than 1999 bytes"));
}

TEST_CASE("operations end when their client goes") {
  std::promise<void> asked;
  const Bitbucket bitbucket([&](Peer& peer, const std::string& /*request*/) {
    asked.set_value();
    peer.wait_for_close();
  });
  World world(bitbucket.options());
  DefaultBranch question(bitbucket.repository());
  world.start(question);
  const auto is_asked = asked.get_future();
  while (is_asked.wait_for(0s) != std::future_status::ready) {
    world.io.restart();
    world.io.run_one_for(1ms);
  }
  world.client.reset();
  world.finish();
  REQUIRE_FALSE(question.result());
  CHECK(question.result().error().kind == ApiFailure::kUnreachable);
}

TEST_CASE("Bitbucket is reached through a proxy, which does not see the token") {
  const CertificateSpec certificate{.common_name = "bitbucket.test",
                                    .alternative_names = "DNS:bitbucket.test"};
  const Bitbucket bitbucket(answer_main, certificate);
  const ConnectProxy proxy(bitbucket.server().port());
  ClientOptions options = bitbucket.options();
  options.server = "https://bitbucket.test";  // only the proxy resolves it
  options.proxy.proxy = *http::parse_proxy("http://" + proxy.address());
  const Repository repository{Source::kDataCenter, options.server, "SHOP", "web"};
  {
    World world(options);
    CHECK(world.ask(DefaultBranch(repository)));
    CHECK(proxy.connects() == std::vector<std::string>{"bitbucket.test:443"});
  }
  options.proxy.exceptions = ".test";
  World world(std::move(options));
  CHECK_FALSE(world.ask(DefaultBranch(repository)));
  CHECK(proxy.connects().size() == 1);
}

TEST_CASE("a server that no token may be sent to is refused at once") {
  boost::asio::io_context io;
  const auto refusal = [&](ClientOptions options) {
    const auto client = Client::create(io.get_executor(), std::move(options));
    return client ? std::string() : client.error();
  };
  for (const std::string server : {"", "bitbucket.org", "http://git.example.com",
                                   "https://me:word@git.example.com", "https://", "ftp://a"}) {
    INFO(server);
    const std::string refused = refusal({.server = server});
    CHECK_THAT(refused, Catch::StartsWith("the server's URL ") && !Contains("word"));
  }
  CHECK_THAT(refusal({.server = "https://git.example.com", .ca_pem = "no PEM"}),
             Contains("no readable PEM certificate"));
  CHECK(refusal({.server = "https://git.example.com/context"}).empty());
}

TEMPLATE_TEST_CASE_SIG("webhooks are registered by this driver too, once", "", ((Source V), V),
                       Source::kCloud, Source::kDataCenter) {
  BitbucketServer server(V);
  server.accept(std::string("Bearer ") + kToken);
  const bool of_cloud = V == Source::kCloud;
  server.add_repository(of_cloud ? "team/shop" : "SHOP/web");
  World world({.server = server.url(), .ca_pem = server.ca_pem()});
  const Registration registration{
      .repository = {V, server.url(), of_cloud ? "team" : "SHOP", of_cloud ? "shop" : "web"},
      .wanted = {.name = "Kargo demo/bb",
                 .mark = "[0123456789ab/bb]",
                 .url = "https://hooks.example.com/bitbucket/" + std::string(64, 'a'),
                 .secret = crypto::SecretString("the-secret-of-the-receiver")}};
  const auto created = world.ask(RegisterWebhook(registration));
  REQUIRE(created);
  CHECK(created->action == Action::kCreate);
  RegisterWebhook again(registration);
  world.start(again);
  world.finish();
  REQUIRE(again.result());
  CHECK(again.result()->action == Action::kNone);
  CHECK(again.result()->webhook.id == created->webhook.id);
  CHECK(again.answered_at());
  CHECK(server.writes() == 1);
  if (of_cloud) return;
  const auto latest = [&] {
    return world.ask(LatestFailure(registration.repository, created->webhook.id));
  };
  REQUIRE(latest());
  CHECK_FALSE(*latest());
  server.deliver("SHOP/web", [](const test::StoredWebhook&) { return 0U; });
  const auto failure = latest();
  REQUIRE((failure && *failure));
  CHECK((*failure)->words == "Connection refused");
}

TEST_CASE("a write that may have been done is not sent again") {
  const Bitbucket bitbucket([](Peer& peer, const std::string& request) {
    if (request.starts_with("GET")) {
      peer.answer(R"({"values":[],"isLastPage":true})");
    } else {
      peer.end();
      peer.wait_for_close();
    }
  });
  World world(bitbucket.options());
  const auto failed = world.ask(RegisterWebhook(
      {.repository = bitbucket.repository(),
       .wanted = {.name = "Kargo demo/bb",
                  .mark = "[0123456789ab/bb]",
                  .url = "https://hooks.example.com/bitbucket/" + std::string(64, 'a'),
                  .secret = crypto::SecretString("the-secret-of-the-receiver")}}));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ApiFailure::kUnreachable);
  CHECK(bitbucket.requests().size() == 3);  // two lists before it
  CHECK(bitbucket.server().accepted() == 2);
}

}  // namespace receiver::bitbucket_http
