#include "webhook/answer_book.h"

#include <list>
#include <random>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/unit/webhook/allocations.h"

namespace receiver::webhook {
namespace {

using namespace std::chrono_literals;
using bitbucket_rest::ApiFailure;
using bitbucket_rest::BitbucketError;
using Time = AnswerBook::Time;

const QuestionKey kCommitKey{"uid 1", "https://api.bitbucket.org orchard/fruit", "a b"};

AnswerBook::Answer files_in_all(std::size_t count, std::size_t bytes = 20) {
  return std::make_shared<const std::vector<std::string>>(count, std::string(bytes, 'x'));
}

BitbucketError failure(ApiFailure kind, std::optional<std::chrono::seconds> retry_after = {}) {
  return {.kind = kind, .message = "no", .status = 0, .retry_after = retry_after};
}

}  // namespace

TEST_CASE("an answer is found again under the same version of the same Secret only") {
  AnswerBook book;
  CHECK_FALSE(book.find(kCommitKey));
  book.keep(kCommitKey, files_in_all(2));
  REQUIRE(book.find(kCommitKey));
  CHECK(std::get<Paths>(*book.find(kCommitKey))->size() == 2);
  for (const QuestionKey& other :
       {QuestionKey{"uid 2", kCommitKey.repository, kCommitKey.commit},
        QuestionKey{kCommitKey.token, "https://evil.example.com orchard/fruit", kCommitKey.commit},
        QuestionKey{kCommitKey.token, kCommitKey.repository, "a c"}}) {
    CHECK_FALSE(book.find(other));
  }
}

TEST_CASE("an answer that is too large is not kept, and a newer one takes the place of the old") {
  AnswerBook book({.bytes = 100'000, .bytes_of_answer = 10'000});
  book.keep(kCommitKey, files_in_all(1));
  const std::size_t bytes = book.bytes();
  book.keep(kCommitKey, files_in_all(1));
  CHECK(book.bytes() == bytes);
  CHECK(book.size() == 1);
  book.keep(kCommitKey, files_in_all(1, 10'001));
  CHECK_FALSE(book.find(kCommitKey));
  CHECK(book.bytes() == 0);
}

// Compared with a model: a list of keys, the most recently used in front.
TEST_CASE("whatever is asked, the book stays within its bytes and forgets what was used least") {
  const auto seed = GENERATE(range(0U, 20U));
  std::mt19937 random(seed);
  const auto below = [&](std::size_t count) { return random() % count; };
  AnswerBook book({.bytes = 60'000, .bytes_of_answer = 20'000});
  std::list<QuestionKey> model;
  std::size_t kept = 0;
  std::size_t most = 0;
  for (int step = 0; step < 2'000; ++step) {
    QuestionKey key{fmt::format("uid {}", below(3)), "repository", fmt::format("{}", below(40))};
    const auto known = std::find(model.begin(), model.end(), key);
    const auto found = book.find(key);
    if (found) {
      REQUIRE(known != model.end());
      model.splice(model.begin(), model, known);
      continue;
    }
    // The book has dropped what the model has at its end.
    if (known != model.end()) model.erase(known, model.end());
    AnswerBook::Answer answer = AnswerBook::Steps(1 + below(5), {std::string(40, 'a'), "b"});
    if (below(2) == 0) answer = files_in_all(below(200), below(100));
    book.keep(key, std::move(answer));
    if (book.find(key)) {
      model.push_front(key);
      ++kept;
    }
    CHECK(book.bytes() <= 60'000);
    CHECK(book.size() <= model.size());
    most = std::max(most, book.bytes());
  }
  // The remaining keys are the first ones of the model, in its order.
  std::size_t left = 0;
  const std::list<QuestionKey> order = model;
  for (const QuestionKey& key : order) {
    if (!book.find(key)) break;
    ++left;
  }
  CHECK(left == book.size());
  CHECK(kept > 300);
  CHECK(most > 40'000);
}

TEST_CASE("ten thousand distinct commits leave the book at its bound") {
  AnswerBook book;
  for (int commit = 0; commit < 10'000; ++commit) {
    book.keep({kCommitKey.token, kCommitKey.repository, fmt::format("{:040}", commit)},
              files_in_all(50, 60));
  }
  CHECK(book.bytes() <= AnswerBookLimits{}.bytes);
  CHECK(book.bytes() > AnswerBookLimits{}.bytes * 9 / 10);
}

#ifdef COUNTS_ALLOCATIONS
TEST_CASE("the answers take no more memory than the book says") {
  for (const std::size_t path_bytes : {5U, 16U, 25U, 60U, 300U}) {
    const std::size_t before = bytes_held();
    AnswerBook book({.bytes = 1'000'000});
    for (int commit = 0; commit < 3'000; ++commit) {
      book.keep({kCommitKey.token, kCommitKey.repository, fmt::format("{:040}", commit)},
                files_in_all(20, path_bytes));
    }
    CAPTURE(path_bytes, book.size());
    CHECK(bytes_held() - before <= book.bytes());
    CHECK(bytes_held() - before >= book.bytes() / 2);
  }
}
#endif

TEST_CASE("a refusal pauses what it is about") {
  struct Case {
    std::string what;
    ApiFailure failure;
    bool commit, repository, token;  ///< another commit, another repository of the token
  };
  for (const Case& c : std::vector<Case>{
           {"401", ApiFailure::kUnauthorized, true, true, true},
           {"429", ApiFailure::kRateLimited, true, true, true},
           {"403", ApiFailure::kForbidden, true, true, false},
           {"404", ApiFailure::kNotFound, true, false, false},
           {"500", ApiFailure::kServer, false, false, false},
           {"time-out", ApiFailure::kTimeout, false, false, false},
           {"no connection", ApiFailure::kUnreachable, false, false, false},
           {"cut off", ApiFailure::kUnknown, false, false, false},
       }) {
    CAPTURE(c.what);
    AnswerBook book;
    const Time now{};
    book.failed(kCommitKey, failure(c.failure), now);
    const auto paused = [&](const QuestionKey& key, Time time) { return book.paused(key, time); };
    CHECK(paused(kCommitKey, now + 1min - 1ms) == c.commit);
    CHECK(paused({kCommitKey.token, kCommitKey.repository, "other"}, now) == c.repository);
    CHECK(paused({kCommitKey.token, kCommitKey.repository, ""}, now) == c.repository);
    CHECK(paused({kCommitKey.token, "other", "other"}, now) == c.token);
    CHECK_FALSE(paused({"uid 2", kCommitKey.repository, kCommitKey.commit}, now));
    CHECK_FALSE(paused(kCommitKey, now + 1min));
  }
}

TEST_CASE("a repository without a default branch is still asked about its commits") {
  AnswerBook book;
  const Time now{};
  const QuestionKey branch{kCommitKey.token, kCommitKey.repository, ""};
  book.failed(branch, failure(ApiFailure::kNotFound), now);
  CHECK_FALSE(book.paused(kCommitKey, now));
  CHECK_FALSE(book.paused(branch, now));
  book.failed(branch, failure(ApiFailure::kForbidden), now);
  CHECK(book.paused(kCommitKey, now));
}

TEST_CASE("a pause is as long as it is told, and an hour at most") {
  struct Case {
    std::chrono::seconds asked_for, pause;
  };
  for (const Case& c :
       std::vector<Case>{{5s, 5s}, {10min, 10min}, {24h, 1h}, {std::chrono::seconds::max(), 1h}}) {
    CAPTURE(c.asked_for.count());
    AnswerBook book;
    const Time now{};
    book.failed(kCommitKey, failure(ApiFailure::kRateLimited, c.asked_for), now);
    CHECK(book.paused(kCommitKey, now + c.pause - 1ms));
    CHECK_FALSE(book.paused(kCommitKey, now + c.pause));
    // A shorter pause does not end it.
    book.failed(kCommitKey, failure(ApiFailure::kRateLimited, 1s), now);
    CHECK(book.paused(kCommitKey, now + c.pause - 1ms));
  }
}

TEST_CASE("pauses are bounded, and those that have ended give way") {
  AnswerBook book({.pauses = 2});
  const Time now{};
  const auto key = [](const std::string& commit) {
    return QuestionKey{kCommitKey.token, kCommitKey.repository, commit};
  };
  book.failed(key("a"), failure(ApiFailure::kNotFound), now);
  book.failed(key("b"), failure(ApiFailure::kNotFound), now);
  book.failed(key("c"), failure(ApiFailure::kNotFound), now);
  CHECK_FALSE(book.paused(key("c"), now));
  book.failed(key("b"), failure(ApiFailure::kNotFound, 2min), now);
  CHECK(book.paused(key("b"), now + 90s));
  book.failed(key("c"), failure(ApiFailure::kNotFound), now + 90s);
  CHECK(book.paused(key("c"), now + 90s));
}

TEST_CASE("the default branch of a repository is asked for ten times a minute at most") {
  AnswerBook book({.repositories = 2});
  Time now{};
  for (int question = 0; question < 10; ++question) {
    CHECK(book.take_default_branch_question(kCommitKey, now));
    now += 1s;
  }
  CHECK_FALSE(book.take_default_branch_question(kCommitKey, now));
  CHECK_FALSE(book.take_default_branch_question(kCommitKey, Time{} + 1min - 1ms));
  CHECK(book.take_default_branch_question(kCommitKey, Time{} + 1min));
  CHECK_FALSE(book.take_default_branch_question(kCommitKey, Time{} + 1min));
  // Other repositories are counted separately, while there is room for them.
  const auto other = [](const std::string& repository) {
    return QuestionKey{kCommitKey.token, repository, ""};
  };
  CHECK(book.take_default_branch_question(other("b"), Time{} + 1min));
  CHECK_FALSE(book.take_default_branch_question(other("c"), Time{} + 1min));
  CHECK(book.take_default_branch_question(other("c"), Time{} + 3min));
}

}  // namespace receiver::webhook
