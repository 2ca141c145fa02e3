#include "webhook/inquirer.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/simulated_time.h"
#include "test/unit/webhook/fake_bitbucket.h"

namespace receiver::webhook {
namespace {

namespace rest = bitbucket_rest;
using namespace std::chrono_literals;
using Files = Inquiry::Files;

Inquirer::Access access_of(const std::string& version) {
  controllers::BitbucketAccess made;
  made.secret_uid = "uid";
  made.secret_version = version;
  made.server = rest::kCloudApi;
  return std::make_shared<const controllers::BitbucketAccess>(std::move(made));
}

bitbucket::RefChange pushed(const std::string& ref, int from, int to) {
  return {.ref = ref, .old_hash = hash_of(from), .new_hash = hash_of(to)};
}

const rest::Repository kRepositoryAsked{bitbucket::Source::kCloud, std::string(rest::kCloudApi),
                                        "orchard", "fruit"};

struct InquirerFixture {
  explicit InquirerFixture(InquirerLimits limits = {})
      : inquirer(
            io.get_executor(),
            [this](const Inquirer::Access&, rest::Operation& operation, auto deadline) {
              return bitbucket.ask(io.get_executor(), operation, deadline);
            },
            limits, logger) {}
  ~InquirerFixture() { test::SimulatedTime::settle(io); }
  InquirerFixture(const InquirerFixture&) = delete;
  InquirerFixture& operator=(const InquirerFixture&) = delete;

  /// A push of `commits` to one ref, whose commits the payload lists if `listed`.
  static Inquirer::Request request(const std::vector<bitbucket::RefChange>& changes,
                                   const std::vector<bitbucket::Commit>& listed = {},
                                   Files files = Files::kYes, bool default_branch = false) {
    return {.access = access_of("1"),
            .repository = kRepositoryAsked,
            .inquiry = {.default_branch = default_branch,
                        .files = std::vector<Files>(changes.size(), files)},
            .push = {changes, listed}};
  }

  struct Outcome {
    std::optional<Findings> findings;
    std::chrono::milliseconds took{};
  };
  std::shared_ptr<Outcome> begin(Inquirer::Request request) {
    auto outcome = std::make_shared<Outcome>();
    const auto begun = clock::Steady::now();
    boost::asio::co_spawn(
        io, inquirer.find_out(io.get_executor(), std::move(request), begun + 2'500ms),
        [outcome, begun](const std::exception_ptr& error, Findings findings) {
          if (error) std::rethrow_exception(error);
          outcome->findings = std::move(findings);
          outcome->took =
              std::chrono::duration_cast<std::chrono::milliseconds>(clock::Steady::now() - begun);
        });
    return outcome;
  }
  Outcome find_out(Inquirer::Request request) {
    const auto outcome = begin(std::move(request));
    REQUIRE(time.run_until(io, [&] { return outcome->findings.has_value(); }));
    return *outcome;
  }
  /// All files of a ref, by commit; `?` if unknown.
  static std::string files(const Findings& findings, std::size_t ref = 0) {
    CHECK(findings.refs.at(ref).asked);
    std::string text;
    for (const Paths& of_commit : findings.refs.at(ref).files) {
      text += (text.empty() ? "" : " ") + of_commit->at(0);
    }
    return text.empty() ? "?" : text;
  }

  test::SimulatedTime time;
  boost::asio::io_context io;
  std::vector<std::string> lines;
  log::Logger logger =
      log::Logger::to_callback(log::Level::kInfo, log::Format::kConsole,
                               [this](std::string_view line) { lines.emplace_back(line); });
  FakeBitbucket bitbucket;
  Inquirer inquirer;
};

const std::string kMainRef = "refs/heads/main";

}  // namespace

TEST_CASE("one commit on top of the old one takes one question") {
  InquirerFixture f;
  f.bitbucket.has_files(1, "a");
  const auto found = f.find_out(f.request({pushed(kMainRef, 0, 1)}, {{hash_of(1), hash_of(0)}}));
  CHECK(f.files(*found.findings) == "a");
  CHECK(found.took == 100ms);
  REQUIRE(f.bitbucket.asked.size() == 1);
  CHECK_THAT(f.bitbucket.asked[0],
             Catch::Contains(hash_of(1) + ".." + hash_of(0)) && Catch::Contains("topic=false"));
  CHECK(f.inquirer.counters().cloud[0] == 1);
  CHECK(f.inquirer.counters().data_center[0] == 0);
}

TEST_CASE("commits are asked for if the payload does not list them, and their files at once") {
  InquirerFixture f;
  f.bitbucket.has_commits(5, 5);
  for (int number = 1; number <= 5; ++number) f.bitbucket.has_files(number, std::to_string(number));
  const auto found = f.find_out(f.request({pushed(kMainRef, 0, 5)}));
  CHECK(f.files(*found.findings) == "5 4 3 2 1");
  CHECK(found.took == 200ms);
  CHECK(f.bitbucket.asked.size() == 6);
  CHECK(f.bitbucket.most_at_once == 5);
}

TEST_CASE("one commit that is not known makes all of the ref unknown") {
  InquirerFixture f;
  f.bitbucket.has_commits(3, 3);
  f.bitbucket.has_files(3, "3");
  f.bitbucket.has_files(1, "1");
  CHECK(f.files(*f.find_out(f.request({pushed(kMainRef, 0, 3)})).findings) == "?");
}

TEST_CASE("more than five steps are not walked") {
  InquirerFixture f;
  f.bitbucket.has_commits(6, 6);
  for (int number = 1; number <= 6; ++number) f.bitbucket.has_files(number, "x");
  CHECK(f.files(*f.find_out(f.request({pushed(kMainRef, 0, 6)})).findings) == "?");
  CHECK(f.bitbucket.asked_for("diffstat") == 0);
}

TEST_CASE("a question is answered once, then from memory, and again for another version") {
  InquirerFixture f;
  f.bitbucket.has_files(1, "a");
  const std::vector<bitbucket::Commit> listed{{hash_of(1), hash_of(0)}};
  const auto push = f.request({pushed(kMainRef, 0, 1)}, listed);
  CHECK(f.files(*f.find_out(push).findings) == "a");
  CHECK(f.files(*f.find_out(push).findings) == "a");
  CHECK(f.bitbucket.asked.size() == 1);
  CHECK(f.inquirer.counters().from_cache == 1);
  CHECK(f.inquirer.counters().cache_bytes > 0);
  auto other_version = push;
  other_version.access = access_of("2");
  CHECK(f.files(*f.find_out(other_version).findings) == "a");
  CHECK(f.bitbucket.asked.size() == 2);
}

TEST_CASE("deliveries at one time share a question") {
  InquirerFixture f;
  f.bitbucket.has_files(1, "a");
  const auto push = f.request({pushed(kMainRef, 0, 1)}, {{hash_of(1), hash_of(0)}});
  std::vector<std::shared_ptr<InquirerFixture::Outcome>> outcomes;
  for (int i = 0; i < 20; ++i) outcomes.push_back(f.begin(push));
  REQUIRE(f.time.run_until(f.io, [&] {
    return std::ranges::all_of(outcomes, [](const auto& o) { return o->findings.has_value(); });
  }));
  for (const auto& outcome : outcomes) CHECK(f.files(*outcome->findings) == "a");
  CHECK(f.bitbucket.asked.size() == 1);
  CHECK(f.inquirer.counters().shared == 19);
}

TEST_CASE("only a default branch asked for after the delivery arrived counts") {
  InquirerFixture f;
  f.bitbucket.has_default_branch("main");
  const auto push = f.request({pushed("refs/heads/x", 0, 1)}, {}, Files::kNo, true);
  const auto first = f.begin(push);
  f.time.run_for(f.io, 50ms);
  f.bitbucket.answers.clear();
  f.bitbucket.has_default_branch("trunk");
  const auto second = f.begin(push);
  const auto third = f.begin(push);
  REQUIRE(f.time.run_until(f.io, [&] { return third->findings.has_value(); }));
  CHECK(second->findings->default_branch == "refs/heads/trunk");
  CHECK(third->findings->default_branch == "refs/heads/trunk");
  CHECK(second->took == 150ms);
  CHECK(f.bitbucket.asked.size() == 2);
  CHECK(f.inquirer.counters().shared == 1);
  // And it is not cached.
  CHECK(f.find_out(push).findings->default_branch == "refs/heads/trunk");
  CHECK(f.bitbucket.asked.size() == 3);
  CHECK(first->findings->default_branch.has_value());
}

TEST_CASE("a repository's default branch is asked for ten times a minute at most") {
  InquirerFixture f;
  f.bitbucket.has_default_branch("main");
  const auto push = f.request({pushed("refs/heads/x", 0, 1)}, {}, Files::kNo, true);
  for (int question = 0; question < 10; ++question) {
    CHECK(f.find_out(push).findings->default_branch == kMainRef);
  }
  const auto beyond = f.find_out(push);
  CHECK_FALSE(beyond.findings->default_branch);
  CHECK(beyond.findings->default_branch_asked);
  CHECK(beyond.took == 0ms);
  CHECK(f.bitbucket.asked.size() == 10);
  f.time.pass(1min);
  CHECK(f.find_out(push).findings->default_branch == kMainRef);
}

TEST_CASE("files on a condition are asked for if it is the default branch, or nobody tells") {
  InquirerFixture f;
  f.bitbucket.has_files(1, "a");
  const std::vector<bitbucket::Commit> listed{{hash_of(1), hash_of(0)}};
  SECTION("another branch") {
    f.bitbucket.has_default_branch("trunk");
    const auto found =
        f.find_out(f.request({pushed(kMainRef, 0, 1)}, listed, Files::kIfDefaultBranch, true));
    CHECK(found.findings->default_branch == "refs/heads/trunk");
    CHECK(f.bitbucket.asked_for("diffstat") == 0);
  }
  SECTION("the default branch") {
    f.bitbucket.has_default_branch("main");
    const auto found =
        f.find_out(f.request({pushed(kMainRef, 0, 1)}, listed, Files::kIfDefaultBranch, true));
    CHECK(f.files(*found.findings) == "a");
    CHECK(found.took == 200ms);
  }
  SECTION("not told") {
    f.bitbucket.answers.emplace_back("repositories/orchard/fruit", says(500));
    const auto found =
        f.find_out(f.request({pushed(kMainRef, 0, 1)}, listed, Files::kIfDefaultBranch, true));
    CHECK_FALSE(found.findings->default_branch);
    CHECK(f.files(*found.findings) == "a");
  }
}

TEST_CASE("a Bitbucket that is slow is waited for 2.5 s, and what was known by then counts") {
  InquirerFixture f;
  f.bitbucket.has_files(1, "a");
  const std::vector<bitbucket::Commit> listed{{hash_of(1), hash_of(0)}};
  (void)f.find_out(f.request({pushed(kMainRef, 0, 1)}, listed));
  f.bitbucket.takes = 1h;
  auto both = f.request({pushed(kMainRef, 0, 1), pushed("refs/heads/x", 1, 2)},
                        {{hash_of(1), hash_of(0)}, {hash_of(2), hash_of(1)}});
  const auto found = f.find_out(both);
  CHECK(found.took >= 2'500ms);
  CHECK(found.took <= 2'600ms);
  CHECK(f.files(*found.findings, 0) == "a");
  CHECK(f.files(*found.findings, 1) == "?");
  CHECK(f.inquirer.counters().cloud[2] == 1);
  CHECK(kQuestionResults[2] == "timeout");
  f.time.run_for(f.io, 1s);
}

TEST_CASE("a ref takes seven requests at most, and a delivery fourteen") {
  InquirerFixture f;
  for (int number = 0; number < 200; ++number) f.bitbucket.has_files(number, "x");
  SECTION("one ref") {
    // Pages without end.
    f.bitbucket.answers.clear();
    f.bitbucket.answers.emplace_back(
        "", says(200, R"({"values":[],"next":"https://api.bitbucket.org/2.0/next"})"));
    CHECK(f.files(*f.find_out(f.request({pushed(kMainRef, 0, 9)})).findings) == "?");
    CHECK(f.bitbucket.asked.size() <= 7);
  }
  SECTION("many refs") {
    const int refs = GENERATE(2, 3, 7, 14, 15, 100);
    std::vector<bitbucket::RefChange> changes;
    std::vector<bitbucket::Commit> listed;
    for (int ref = 0; ref < refs; ++ref) {
      changes.push_back(pushed(fmt::format("refs/heads/{}", ref), ref, ref + 1));
      listed.push_back({hash_of(ref + 1), hash_of(ref)});
    }
    const auto found = f.find_out(f.request(changes, listed));
    std::size_t known = 0;
    for (const auto& ref : found.findings->refs) known += ref.files.empty() ? 0 : 1;
    CHECK(known == static_cast<std::size_t>(refs <= 14 ? refs : 0));
    CHECK(f.bitbucket.asked.size() <= 14);
  }
}

TEST_CASE("after a refusal nothing is asked for a minute, and the log says why") {
  InquirerFixture f;
  f.bitbucket.answers.emplace_back("", says(401, "{}"));
  const auto push = [&](int number) {
    return f.request({pushed(kMainRef, number, number + 1)},
                     {{hash_of(number + 1), hash_of(number)}});
  };
  CHECK(f.files(*f.find_out(push(0)).findings) == "?");
  REQUIRE(f.lines.size() == 1);
  CHECK_THAT(f.lines[0], Catch::Contains("cannot ask Bitbucket which files a push changes") &&
                             Catch::Contains("orchard/fruit"));
  const auto paused = f.find_out(push(1));
  CHECK(f.files(*paused.findings) == "?");
  CHECK(paused.took == 0ms);
  CHECK(f.bitbucket.asked.size() == 1);
  CHECK(f.inquirer.counters().not_asked == 1);
  f.time.pass(1min);
  f.bitbucket.answers.clear();
  f.bitbucket.has_files(2, "b");
  CHECK(f.files(*f.find_out(push(1)).findings) == "b");
}

TEST_CASE("deliveries beyond the bound find out nothing, at once") {
  InquirerFixture f(InquirerLimits{.inquiries = 2});
  f.bitbucket.has_files(1, "a");
  const auto push = f.request({pushed(kMainRef, 0, 1)}, {{hash_of(1), hash_of(0)}});
  const auto first = f.begin(push);
  const auto second = f.begin(push);
  const auto third = f.find_out(push);
  CHECK(f.files(*third.findings) == "?");
  CHECK(third.took == 0ms);
  REQUIRE(f.time.run_until(f.io, [&] { return first->findings && second->findings; }));
  CHECK(f.files(*second->findings) == "a");
}

TEST_CASE("questions beyond the bound are not asked, of files as of default branches") {
  InquirerFixture f(InquirerLimits{.questions = 2});
  for (int number = 0; number < 9; ++number) f.bitbucket.has_files(number, "a");
  f.bitbucket.has_default_branch("main");
  const auto push = [&](int number, bool default_branch = false) {
    const Files files = default_branch ? Files::kNo : Files::kYes;
    return f.request({pushed(kMainRef, number - 1, number)},
                     {{hash_of(number), hash_of(number - 1)}}, files, default_branch);
  };
  const auto first = f.begin(push(1));
  const auto second = f.begin(push(2, true));
  f.time.run_for(f.io, 10ms);
  for (const bool default_branch : {false, true}) {
    Inquirer::Request beyond = push(3, default_branch);
    beyond.access = access_of("of another receiver");
    const auto third = f.find_out(std::move(beyond));
    CHECK(third.took == 0ms);
    CHECK_FALSE(third.findings->default_branch);
    CHECK(f.files(*third.findings) == "?");
  }
  CHECK(f.inquirer.counters().not_asked == 2);
  CHECK(f.bitbucket.asked.size() == 2);
  REQUIRE(f.time.run_until(f.io, [&] { return first->findings && second->findings; }));
  CHECK(f.files(*first->findings) == "a");
  CHECK(second->findings->default_branch == kMainRef);
  // Once they are answered there is room again.
  CHECK(f.files(*f.find_out(push(3)).findings) == "a");
  CHECK(f.find_out(push(4, true)).findings->default_branch == kMainRef);
}

TEST_CASE("who waits when everything ends is told at once, and later ones nothing is asked for") {
  InquirerFixture f;
  f.bitbucket.takes = 2s;
  const auto push = f.request({pushed(kMainRef, 0, 1)}, {{hash_of(1), hash_of(0)}});
  const auto waiting = f.begin(push);
  f.time.run_for(f.io, 100ms);
  f.inquirer.stop();
  REQUIRE(f.time.run_until(f.io, [&] { return waiting->findings.has_value(); }));
  CHECK(waiting->took == 100ms);
  CHECK(f.files(*waiting->findings) == "?");
  CHECK(f.find_out(push).took == 0ms);
  CHECK(f.bitbucket.asked.size() == 1);
  f.time.run_for(f.io, 3s);
}

TEST_CASE("an inquirer that is gone leaves those who wait without answer") {
  test::SimulatedTime time;
  boost::asio::io_context callers;
  std::optional<Findings> findings;
  {
    boost::asio::io_context io;
    std::optional<Inquirer> inquirer;
    inquirer.emplace(
        io.get_executor(),
        [](const Inquirer::Access&, rest::Operation&, auto) -> boost::asio::awaitable<void> {
          co_return;
        },
        InquirerLimits{}, log::Logger::none());
    boost::asio::co_spawn(
        callers,
        inquirer->find_out(callers.get_executor(),
                           InquirerFixture::request({pushed(kMainRef, 0, 1)}),
                           clock::Steady::now() + 1s),
        [&](const std::exception_ptr&, Findings found) { findings = std::move(found); });
    test::SimulatedTime::settle(callers);
    inquirer.reset();
  }
  REQUIRE(time.run_until(callers, [&] { return findings.has_value(); }));
  CHECK(findings->refs.at(0).files.empty());
}

}  // namespace receiver::webhook
