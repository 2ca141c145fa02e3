#include "cmd/receiverctl/visits.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "bitbucket_rest/messages.h"
#include "bitbucket_rest/registrar.h"
#include "cmd/receiverctl/interruption.h"
#include "test/support/simulated_time.h"
#include "test/unit/cmd/receiverctl/terminal.h"

namespace receiver::ctl {
namespace {

using bitbucket_rest::ApiAnswer;
using bitbucket_rest::ApiFailure;
using bitbucket_rest::ApiRequest;
using bitbucket_rest::BitbucketError;
using bitbucket_rest::Repository;
using bitbucket_rest::Send;
using Answered = tl::expected<ApiAnswer, BitbucketError>;
using Failures = std::vector<std::optional<ApiFailure>>;

/// Sends one request for a repository.
class Ask : public bitbucket_rest::Question<std::string> {
 public:
  Ask(const Repository& repository, const char* method)
      : Question(repository, bitbucket_rest::Purpose::kRegister, {1, 1000}) {
    ask({method, repository.slug, ""});
  }

 private:
  void read(const ApiRequest& /*asked*/, const std::string& body) override { end(body); }
};
struct Look final : Ask {
  explicit Look(const Repository& repository) : Ask(repository, "GET") {}
};
struct Change final : Ask {
  explicit Change(const Repository& repository) : Ask(repository, "PUT") {}
};

std::vector<Repository> repositories(std::size_t count) {
  std::vector<Repository> all;
  for (std::size_t i = 1; i <= count; ++i) {
    all.push_back({bitbucket::Source::kDataCenter, "https://git", "S", std::to_string(i)});
  }
  return all;
}

/// The messages and the exit code for this many repositories.
struct Seen {
  Visits<std::string> visits;
  std::string out, err;
};
template <class Operation = Look>
Seen visit_all(std::size_t count, const Send& send, const visits::Sleep& sleep = visits::sleep) {
  Terminal terminal;
  const auto make = [](const Repository& repository) { return repository; };
  auto visits = visit_each<Operation>(
      terminal.context, send, repositories(count), make,
      [](const std::string& body) { return body; }, sleep);
  return {std::move(visits), terminal.out.str(), terminal.err.str()};
}

/// `1 done`, `2 failed: why`, `3 not tried: why` of each.
std::string told(const Visits<std::string>& visits) {
  std::string lines;
  for (const auto& [repository, result] : visits.all) {
    lines +=
        fmt::format("{} {}\n", repository.slug,
                    result ? *result
                           : fmt::format("{}: {}", result.error().tried ? "failed" : "not tried",
                                         result.error().message));
  }
  return lines;
}

Answered no_answer(ApiFailure kind) {
  return tl::unexpected(BitbucketError{.kind = kind, .message = "no answer"});
}

std::string why_after(const Failures& failures) {
  Prospects prospects;
  for (const auto& failure : failures) prospects.ended(failure);
  return prospects.lost();
}

}  // namespace

TEST_CASE("others are not tried once it is clear how they would fare") {
  const std::string silent = "Bitbucket does not answer";
  struct Row {
    Failures failures;
    std::string why;
  };
  const std::vector<Row> rows{
      {{}, ""},
      {{ApiFailure::kUnauthorized}, "Bitbucket rejects the token"},
      {{ApiFailure::kRateLimited}, "too many requests"},
      {{ApiFailure::kForbidden, ApiFailure::kNotFound, ApiFailure::kRefused,
        ApiFailure::kUnexpected, ApiFailure::kConflict, ApiFailure::kUnknown},
       ""},
      {{ApiFailure::kTimeout, ApiFailure::kServer, ApiFailure::kUnreachable}, ""},
      {{ApiFailure::kTimeout, ApiFailure::kServer, ApiFailure::kUnreachable, ApiFailure::kTimeout},
       silent},
      // One slow answer, or any answer, does not stop the run.
      {{ApiFailure::kTimeout, ApiFailure::kTimeout, ApiFailure::kTimeout, std::nullopt,
        ApiFailure::kTimeout},
       ""},
      {{ApiFailure::kTimeout, ApiFailure::kTimeout, ApiFailure::kTimeout, ApiFailure::kNotFound,
        ApiFailure::kTimeout},
       ""},
      // The first reason stays.
      {{ApiFailure::kUnauthorized, ApiFailure::kRateLimited, std::nullopt},
       "Bitbucket rejects the token"},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    INFO(i);
    CHECK(why_after(rows[i].failures) == rows[i].why);
  }
}

TEST_CASE("of more than ten repositories it is told how far it is") {
  const Send done = [](const ApiRequest&) -> Answered { return ApiAnswer{200, "done", "", ""}; };
  CHECK(visit_all(10, done).err.empty());  // the table is enough

  const Seen seen = visit_all(11, done);
  CHECK(seen.visits.code == ExitCode::kOk);
  CHECK(seen.out.empty());
  CHECK_THAT(seen.err, Catch::StartsWith("1/11 S/1: done\n") && Catch::Contains("\n11/11 S/"));
  CHECK(std::ranges::count(seen.err, '\n') == 11);
}

TEST_CASE("on a terminal progress is one line that is overwritten, and others begin a new one") {
  Terminal terminal;
  std::ostringstream bar;
  terminal.context.bar = &bar;
  Progress progress(terminal.context, 12);
  progress.ended("S/1", "done");
  progress.ended("S/2", "failed: why");
  CHECK(bar.str() == "\r1/12\r2/12");
  progress.say("waiting");
  progress.say("still");
  CHECK(bar.str() == "\r1/12\r2/12\n");
  CHECK(terminal.err.str() == "waiting\nstill\n");
  progress.ended("S/3", "done");
  progress.summarise({"S/2"}, {"S/4"}, true);
  CHECK(bar.str() == "\r1/12\r2/12\n\r3/12\n");
  CHECK(
      terminal.err.str() ==
      "waiting\nstill\nInterrupted: 2 of 12 done. Run it again to continue.\n1 of 12 failed: S/2\n"
      "1 of 12 were not tried: S/4\n");
}

TEST_CASE(
    "at the end the failed ones are named, ten at most, and the code says whose fault it is") {
  const auto answers = [](unsigned status) {
    return [status](const ApiRequest& request) -> Answered {
      return ApiAnswer{std::stoi(request.url) % 2 == 0 ? status : 200, "done", "", ""};
    };
  };
  const Seen seen = visit_all(24, answers(404));
  CHECK(seen.visits.code == ExitCode::kNotWell);
  CHECK_THAT(seen.err, Catch::Contains("\n12 of 24 failed: S/2, ") &&
                           Catch::EndsWith(" and 2 more\n") && Catch::Contains("S/2: failed: "));
  CHECK_THAT(told(seen.visits),
             Catch::StartsWith("1 done\n2 failed: ") && Catch::Contains("\n23 done\n"));
  CHECK(visit_all(2, answers(400)).visits.code == ExitCode::kNotWell);
}

TEST_CASE("repositories are named in their order, not in that of their answers") {
  std::atomic<bool> others{false};
  const Seen seen = visit_all(11, [&](const ApiRequest& request) -> Answered {
    if (request.url == "6") {  // one of the three beside it has ended
      others = true;
      others.notify_all();
    }
    if (request.url == "2") others.wait(false);
    return ApiAnswer{404, "", "", ""};
  });
  CHECK_THAT(seen.err, Catch::Contains("\n11 of 11 failed: S/1, S/2, S/3, "));
}

TEST_CASE("four are visited at a time, after the first one alone") {
  std::mutex mutex;
  std::condition_variable all_there;
  std::size_t asked = 0;
  std::size_t inside = 0;
  std::size_t most = 0;
  const Send send = [&](const ApiRequest&) -> Answered {
    std::unique_lock lock(mutex);
    const bool first = ++asked == 1;
    most = std::max(most, ++inside);
    // The second to the fifth wait for each other.
    if (!first && asked <= 5) {
      all_there.notify_all();
      CHECK(all_there.wait_for(lock, std::chrono::seconds(10), [&] { return asked >= 5; }));
    } else if (first) {
      all_there.wait_for(lock, std::chrono::milliseconds(100), [&] { return asked > 1; });
      CHECK(asked == 1);
    }
    --inside;
    return ApiAnswer{200, "done", "", ""};
  };
  const Seen seen = visit_all(9, send);
  CHECK(most == 4);
  CHECK(asked == 9);
  CHECK(told(seen.visits) ==
        "1 done\n2 done\n3 done\n4 done\n5 done\n6 done\n7 done\n8 done\n9 done\n");
}

TEST_CASE("a token that is refused is shown once, and others are not tried") {
  std::atomic<int> asked{0};
  const Seen seen = visit_all(3, [&](const ApiRequest&) -> Answered {
    ++asked;
    return ApiAnswer{401, "", "", ""};
  });
  CHECK(asked == 1);
  CHECK(seen.visits.code == ExitCode::kNotWell);
  CHECK_THAT(told(seen.visits), Catch::StartsWith("1 failed: ") &&
                                    Catch::EndsWith("2 not tried: Bitbucket rejects the token\n3 "
                                                    "not tried: Bitbucket rejects the token\n"));
}

TEST_CASE("one repository that is not answered does not end the others, a dead Bitbucket does") {
  const Seen one = visit_all(9, [](const ApiRequest& request) -> Answered {
    if (request.url == "1") return no_answer(ApiFailure::kUnreachable);
    return ApiAnswer{200, "done", "", ""};
  });
  CHECK(one.visits.code == ExitCode::kUnreachable);
  CHECK_THAT(told(one.visits),
             Catch::StartsWith("1 failed: no answer\n2 done\n") && Catch::EndsWith("9 done\n"));

  std::atomic<int> asked{0};
  const Seen all = visit_all(20, [&](const ApiRequest&) -> Answered {
    ++asked;
    return no_answer(ApiFailure::kUnreachable);
  });
  CHECK(asked < 9);  // four in a row, and those in flight
  CHECK(all.visits.code == ExitCode::kUnreachable);
  CHECK_THAT(told(all.visits), Catch::EndsWith("20 not tried: Bitbucket does not answer\n"));
  CHECK_THAT(all.err, Catch::Contains("of 20 were not tried: "));
}

TEST_CASE("what one request is told to wait for, all wait for") {
  test::SimulatedTime time;
  std::mutex mutex;
  std::vector<clock::Steady::time_point> asked;
  const auto answer = [&](const ApiRequest&) -> Answered {
    const std::lock_guard lock(mutex);
    asked.push_back(clock::Steady::now());
    if (asked.size() == 1) return ApiAnswer{200, "done", "", ""};
    if (asked.size() == 2) return ApiAnswer{429, "", "1", ""};
    return ApiAnswer{200, "done", "", ""};
  };
  const Seen seen = visit_all(6, answer, [&](auto slept) { time.pass(slept); });
  CHECK(seen.visits.code == ExitCode::kOk);
  CHECK(seen.err == "Bitbucket limits requests (429): waiting 1 s\n");
  // At most three more were in flight.
  REQUIRE(asked.size() == 7);
  CHECK(asked.back() - asked[1] >= std::chrono::seconds(1));
}

TEST_CASE("Ctrl-C ends it, and tells what was done and what was not") {
  std::atomic<int> asked{0};
  const Seen seen = visit_all(200, [&](const ApiRequest&) -> Answered {
    const int number = ++asked;
    if (number == 20) (void)std::raise(SIGINT);
    while (number > 20 && !Interruption::happened()) std::this_thread::yield();
    return ApiAnswer{200, "done", "", ""};
  });
  CHECK(seen.visits.code == ExitCode::kInterrupted);
  CHECK(asked < 30);
  std::size_t done = 0;
  for (const auto& [repository, result] : seen.visits.all) done += result ? 1 : 0;
  CHECK(done >= 20);
  CHECK(done < 30);
  CHECK_THAT(seen.err, Catch::Contains(fmt::format(
                           "Interrupted: {} of 200 done. Run it again to continue.\n", done)));
  CHECK_THAT(told(seen.visits), Catch::EndsWith("200 not tried: interrupted\n"));
}

TEST_CASE("Ctrl-C ends a wait, too") {
  const auto begun = std::chrono::steady_clock::now();
  const Seen seen = visit_all(2, [&](const ApiRequest&) -> Answered {
    (void)std::raise(SIGTERM);
    return ApiAnswer{429, "", "60", ""};
  });
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(30));
  CHECK(seen.visits.code == ExitCode::kInterrupted);
  CHECK(told(seen.visits) == "1 not tried: interrupted\n2 not tried: interrupted\n");
}

TEST_CASE("Ctrl-C waits for no answer, and what was under way has not failed") {
  // Like a client that is interrupted.
  const Send send = [](const ApiRequest& request) -> Answered {
    if (request.url == "1") return ApiAnswer{200, "done", "", ""};
    if (request.url == "5") (void)std::raise(SIGINT);
    while (!Interruption::happened()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return no_answer(ApiFailure::kUnknown);
  };
  const Seen read = visit_all(12, send);
  CHECK(read.visits.code == ExitCode::kInterrupted);
  CHECK_THAT(told(read.visits),
             Catch::StartsWith("1 done\n2 not tried: interrupted\n") && !Catch::Contains("failed"));
  CHECK_THAT(read.err, Catch::Contains("Interrupted: 1 of 12 done. Run it again to continue.\n"
                                       "11 of 12 were not tried: "));

  const Seen written = visit_all<Change>(5, send);
  CHECK_THAT(told(written.visits),
             Catch::StartsWith("1 done\n2 not tried: interrupted before Bitbucket answered: it may "
                               "be done; the next run finds out\n"));
}

TEST_CASE("Ctrl-C at the very end asks for no other run") {
  const Seen seen = visit_all(2, [](const ApiRequest& request) -> Answered {
    if (request.url == "2") (void)std::raise(SIGINT);
    return ApiAnswer{200, "done", "", ""};
  });
  CHECK(seen.visits.code == ExitCode::kInterrupted);
  CHECK(told(seen.visits) == "1 done\n2 done\n");
  CHECK(seen.err.empty());
}

TEST_CASE("the second signal, of either kind, ends the process at once") {
  struct Row {
    int first;
    int second;
  };
  for (const Row& row : {Row{SIGINT, SIGTERM}, Row{SIGTERM, SIGINT}, Row{SIGINT, SIGINT}}) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const Interruption interruption;
      (void)std::raise(row.first);
      if (Interruption::signal() == row.first) (void)std::raise(row.second);
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == row.second);
  }
}

TEST_CASE("what is ignored stays ignored, and what was before comes back") {
  struct sigaction before {};
  REQUIRE(::sigaction(SIGTERM, nullptr, &before) == 0);
  REQUIRE(std::signal(SIGTERM, SIG_IGN) != SIG_ERR);
  {
    const Interruption interruption;
    (void)std::raise(SIGTERM);
    CHECK_FALSE(Interruption::happened());
    (void)std::raise(SIGINT);
    CHECK(Interruption::signal() == SIGINT);
    (void)std::raise(SIGTERM);
  }
  CHECK(std::signal(SIGTERM, before.sa_handler) == SIG_IGN);
}

TEST_CASE("a read that is sent again holds up no other") {
  test::SimulatedTime time;
  std::mutex mutex;
  std::vector<std::string> asked;
  const auto answer = [&](const ApiRequest& request) -> Answered {
    const std::lock_guard lock(mutex);
    asked.push_back(request.url);
    const bool again = std::ranges::count(asked, request.url) > 1;
    return ApiAnswer{request.url == "2" && !again ? 503U : 200U, "done", "", ""};
  };
  const auto sleep = [&](std::chrono::milliseconds slept) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::lock_guard lock(mutex);
    // As slow as real time until every repository has been asked.
    time.pass(asked.size() == 9 ? slept : std::chrono::milliseconds(1));
  };
  const Seen seen = visit_all(9, answer, sleep);
  CHECK(seen.visits.code == ExitCode::kOk);
  CHECK(seen.err == "Bitbucket answered 503: waiting 1 s\n");
  REQUIRE(asked.size() == 10);
  CHECK(asked.back() == "2");
}

TEST_CASE("what repositories inherit is shared by their registrations without a race") {
  const bitbucket_rest::InheritedWebhooks inherited =
      std::make_shared<bitbucket_rest::InheritedWebhooks::element_type>();
  std::atomic<unsigned> asked{0};
  const Send send = [&](const ApiRequest& request) -> Answered {
    const bool of_all = request.url.find("/repos/") == std::string::npos;
    // The first repository did not read them: the next ones do, at once.
    if (of_all) ++asked;
    if (!of_all && request.url.find("/repos/1/") != std::string::npos) {
      return ApiAnswer{404, "", "", ""};
    }
    return ApiAnswer{200, R"({"values": [], "isLastPage": true})", "", ""};
  };
  Terminal terminal;
  const auto make = [&](const Repository& repository) {
    return bitbucket_rest::Registration{
        .repository = repository,
        .wanted = {.name = "Kargo demo/bb",
                   .mark = "[0123456789ab/bb]",
                   .url = "https://hooks.example.com/bitbucket/" + std::string(64, 'a'),
                   .secret = crypto::SecretString("the-secret")},
        .dry_run = true,
        .inherited = inherited};
  };
  const auto how = [](const bitbucket_rest::Plan&) { return "done"; };
  const auto visits = visit_each<bitbucket_rest::RegisterWebhook>(terminal.context, send,
                                                                  repositories(40), make, how);
  CHECK(visits.code == ExitCode::kNotWell);
  CHECK(asked >= 1);
  CHECK(asked <= 4);
  CHECK(std::ranges::count_if(visits.all, [](const auto& visited) {
          return visited.result && visited.result->action == bitbucket_rest::Action::kCreate;
        }) == 39);
}

}  // namespace receiver::ctl
