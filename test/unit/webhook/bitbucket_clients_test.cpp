#include "webhook/bitbucket_clients.h"

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "bitbucket_rest/questions.h"
#include "test/support/scripted_server.h"

namespace receiver::webhook {
namespace {

using namespace std::chrono_literals;

/// A Data Center that answers `main` to every question.
struct ScriptedDataCenter {
  test::TestAuthority authority;
  std::mutex mutex;
  std::vector<std::string> requests;
  std::atomic<std::chrono::milliseconds> takes{std::chrono::milliseconds(0)};
  test::ScriptedServer server{
      [this](test::Peer& peer) {
        while (const auto request = peer.request()) {
          std::this_thread::sleep_for(takes.load());
          const std::lock_guard lock(mutex);
          requests.push_back(*request);
          peer.answer(R"({"id":"refs/heads/main","displayId":"main"})");
        }
      },
      test::ServerIdentity{.identity = authority.issue(), .client_ca_pem = {}}};

  [[nodiscard]] std::string url() const {
    return fmt::format("https://localhost:{}", server.port());
  }
  std::vector<std::string> take_requests() {
    const std::lock_guard lock(mutex);
    return std::exchange(requests, {});
  }
};

struct ClientsFixture {
  explicit ClientsFixture(BitbucketClientsOptions options)
      : clients(io.get_executor(), std::move(options)) {}

  using Answer = tl::expected<std::string, bitbucket_rest::BitbucketError>;

  /// Of a Secret of that version; with another authority, if one is given.
  Answer ask(const std::string& version, const std::string& authority = {}) {
    return ask_at_once({version}, authority).at(0);
  }
  std::vector<Answer> ask_at_once(const std::vector<std::string>& versions,
                                  const std::string& authority = {}) {
    std::deque<bitbucket_rest::DefaultBranch> questions;
    std::size_t ended = 0;
    for (const std::string& version : versions) {
      controllers::BitbucketAccess access;
      access.secret_uid = "uid";
      access.secret_version = version;
      access.product = bitbucket::Source::kDataCenter;
      access.server = center.url();
      access.authorization = crypto::SecretString("Bearer token-" + version);
      access.ca =
          crypto::SecretString(authority.empty() ? center.authority.pem() : std::string(authority));
      auto& question = questions.emplace_back(
          bitbucket_rest::Repository{bitbucket::Source::kDataCenter, access.server, "PRJ", "app"});
      boost::asio::co_spawn(
          io,
          clients.ask(std::make_shared<const controllers::BitbucketAccess>(std::move(access)),
                      question, clock::Steady::now() + 20s),
          [&](const std::exception_ptr& error) {
            if (error) std::rethrow_exception(error);
            ++ended;
          });
    }
    io.restart();
    while (ended < versions.size()) REQUIRE(io.run_one() == 1);
    std::vector<Answer> answers;
    for (auto& question : questions) answers.push_back(question.result());
    return answers;
  }

  ScriptedDataCenter center;
  boost::asio::io_context io{1};
  BitbucketClients clients;
};

}  // namespace

TEST_CASE("a Bitbucket is asked with the token of its Secret, over one connection") {
  ClientsFixture f({.user_agent = "test"});
  CHECK(f.ask("1") == "refs/heads/main");
  CHECK(f.ask("1") == "refs/heads/main");
  const auto requests = f.center.take_requests();
  REQUIRE(requests.size() == 2);
  CHECK_THAT(requests[0], Catch::StartsWith("GET /rest/api/latest/projects/PRJ/repos/app/") &&
                              Catch::Contains("Authorization: Bearer token-1\r\n") &&
                              Catch::Contains("User-Agent: test\r\n"));
  CHECK(f.center.server.accepted() == 1);
  CHECK(f.ask("2") == "refs/heads/main");
  CHECK_THAT(f.center.take_requests().at(0), Catch::Contains("Authorization: Bearer token-2\r\n"));
  CHECK(f.clients.size() == 2);
}

TEST_CASE("no token is shown to a server whose certificate is a stranger's") {
  ClientsFixture f({});
  const auto answer = f.ask("1", test::TestAuthority("another").pem());
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == bitbucket_rest::ApiFailure::kUnreachable);
  CHECK_THAT(answer.error().message, !Catch::Contains("token"));
  CHECK(f.center.take_requests().empty());
}

TEST_CASE("clients are bounded, and go when they are idle") {
  ClientsFixture f({.clients = 2, .idle_time = 300ms});
  for (const char* version : {"1", "2", "3"}) CHECK(f.ask(version));
  CHECK(f.clients.size() == 2);
  CHECK(f.ask("3"));
  CHECK(f.center.server.accepted() == 3);  // the newest has stayed
  f.io.restart();
  f.io.run_for(5s);  // until nothing is left to wait for
  CHECK(f.clients.size() == 0);
}

TEST_CASE("a client that is in use is kept until its questions have ended") {
  ClientsFixture f({.clients = 1, .idle_time = 100ms});
  f.center.takes = 500ms;
  for (const auto& answer : f.ask_at_once({"1", "2", "1"})) CHECK(answer == "refs/heads/main");
  CHECK(f.center.take_requests().size() == 3);  // none was sent again
  f.io.restart();
  f.io.run_for(5s);
  CHECK(f.clients.size() == 0);
}

TEST_CASE("a Secret that names no server is an answer like any other") {
  boost::asio::io_context io;
  BitbucketClients clients(io.get_executor(), {});
  bitbucket_rest::DefaultBranch question(
      {bitbucket::Source::kDataCenter, "http://nowhere", "PRJ", "app"});
  auto access = std::make_shared<controllers::BitbucketAccess>();
  access->server = "http://nowhere";
  boost::asio::co_spawn(io, clients.ask(access, question, clock::Steady::now() + 1s),
                        [](const std::exception_ptr&) {});
  io.run();
  CHECK(question.next() == nullptr);
  CHECK_FALSE(question.result());
  CHECK(clients.size() == 0);
}

}  // namespace receiver::webhook
