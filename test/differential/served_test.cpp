// Checks the answers of a history over TLS as well: tests of the whole use the strict server.

#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "bitbucket_http/client.h"
#include "bitbucket_rest/questions.h"
#include "test/bitbucket_server/bitbucket_server.h"
#include "test/differential/world.h"

namespace receiver::test {
namespace {

using bitbucket::Source;

void run(boost::asio::io_context& io, bitbucket_http::Client& client,
         bitbucket_rest::Operation& operation) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  boost::asio::co_spawn(io, client.run(operation, deadline), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  io.restart();
  while (operation.next() != nullptr) io.run_one();
}

}  // namespace

TEST_CASE("a history's answers come over TLS") {
  const Source product = GENERATE(Source::kCloud, Source::kDataCenter);
  PushWorld world(1, product, 3);
  BitbucketServer server(product);
  server.accept("Bearer token", Grant::kReadOnly);
  Bitbucket bitbucket{world.history, world.bitbucket.repository, {}};
  bitbucket.repository.server = server.url();
  server.answer_reads([&](const std::string& url) {
    const auto answer = answer_of(bitbucket, {"GET", url, ""}, world.history.pushes.size() - 1);
    return Answer{.status = answer.status, .body = answer.body};
  });
  boost::asio::io_context io;
  const auto client = bitbucket_http::Client::create(
      io.get_executor(), {.server = server.url(),
                          .ca_pem = server.ca_pem(),
                          .authorization = crypto::SecretString("Bearer token"),
                          .user_agent = "test"});
  REQUIRE(client);

  bitbucket_rest::DefaultBranch branch(bitbucket.repository);
  run(io, **client, branch);
  REQUIRE(branch.result());
  CHECK(*branch.result() == "refs/heads/" + world.history.default_branch);

  const auto& commits = world.history.commits;
  bitbucket_rest::ChangedFiles files(bitbucket.repository, {commits[0].hash, {}});
  run(io, **client, files);
  REQUIRE(files.result());
  CHECK(*files.result() == differing_paths({}, *commits[0].tree));

  bitbucket_rest::ChangedFiles unknown(bitbucket.repository, {std::string(40, '1'), {}});
  run(io, **client, unknown);
  REQUIRE_FALSE(unknown.result());
  CHECK(unknown.result().error().kind == bitbucket_rest::ApiFailure::kNotFound);
}

}  // namespace receiver::test
