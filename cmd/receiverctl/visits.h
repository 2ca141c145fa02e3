#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "bitbucket_rest/operation.h"
#include "bitbucket_rest/repository.h"
#include "cmd/receiverctl/context.h"

/// Runs one operation for each of many repositories: four at a time, with progress, retries, and an
/// immediate end at Ctrl-C. Operations do not repeat finished work, so a second run continues where
/// the first one ended.
namespace receiver::ctl {

/// Progress is shown for more repositories than this.
inline constexpr std::size_t kManyRepositories = 10;

/// The first names, and the number of the others.
[[nodiscard]] std::string few_of(std::vector<std::string> names, std::size_t most);

/// Why the operation for a repository failed.
struct VisitFailure {
  std::string message;  ///< for people
  bool tried = true;    ///< false: not begun, or interrupted by Ctrl-C
};

template <class T>
struct Visited {
  bitbucket_rest::Repository repository;
  tl::expected<T, VisitFailure> result;
};

template <class T>
struct Visits {
  std::vector<Visited<T>> all;  ///< in the order of the repositories
  /// kNotWell if one failed, kUnreachable if Bitbucket caused it; kInterrupted after Ctrl-C, even
  /// if all was done.
  ExitCode code = ExitCode::kOk;
};

/// Whether Bitbucket caused the failure, not the repository or the token.
[[nodiscard]] bool is_bitbuckets_fault(bitbucket_rest::ApiFailure failure);

/// Decides from the visits so far whether to try the others. Pure.
class Prospects {
 public:
  /// Stops after this many visits in a row without an answer.
  static constexpr unsigned kInARow = 4;

  void ended(const std::optional<bitbucket_rest::ApiFailure>& failure);
  /// Why to stop; empty: continue.
  [[nodiscard]] const std::string& lost() const { return lost_; }

 private:
  unsigned in_a_row_ = 0;
  std::string lost_;
};

/// Shows the progress for many repositories: `17/200` on a terminal, in a line that is overwritten;
/// elsewhere one line per repository.
class Progress {
 public:
  Progress(Context& context, std::size_t total) : context_(context), total_(total) {}

  void ended(const std::string& repository, const std::string& how);
  /// Shows another message.
  void say(const std::string& line);
  /// At the end: lists what has failed, and what was not tried or interrupted.
  void summarise(const std::vector<std::string>& failed, const std::vector<std::string>& not_tried,
                 bool interrupted);

 private:
  void leave_bar();

  Context& context_;
  std::size_t total_;
  std::size_t done_ = 0;
  bool on_bar_ = false;  ///< the cursor is at its end
};

namespace visits {

/// Runs an operation to its end, or returns why it was interrupted.
using Drive = std::function<std::optional<std::string>(bitbucket_rest::Operation&)>;
struct Ended {
  std::string how;  ///< for the progress
  std::optional<bitbucket_rest::ApiFailure> failure{};
  bool cut_short = false;  ///< by Ctrl-C
};
/// Visits the repository with that index; called on several threads.
using Visit = std::function<Ended(std::size_t, const Drive&)>;
struct Outcome {
  ExitCode code = ExitCode::kOk;
  std::string why_not_tried;
};
/// Lets the calling thread sleep.
using Sleep = std::function<void(std::chrono::milliseconds)>;
void sleep(std::chrono::milliseconds time);
Outcome run(Context& context, const bitbucket_rest::Send& send,
            const std::vector<bitbucket_rest::Repository>& repositories, const Visit& visit,
            const Sleep& sleep);

}  // namespace visits

/// `make` returns the operation for a repository; `how` describes its result in a word. They,
/// `send` and `sleep` are called on several threads.
template <class Operation, class Make, class How>
Visits<typename Operation::Value> visit_each(
    Context& context, const bitbucket_rest::Send& send,
    const std::vector<bitbucket_rest::Repository>& repositories, Make make, How how,
    const visits::Sleep& sleep = visits::sleep) {
  using T = typename Operation::Value;
  std::vector<std::optional<tl::expected<T, VisitFailure>>> results(repositories.size());
  const auto visit = [&](std::size_t place, const visits::Drive& drive) -> visits::Ended {
    auto& result = results[place];
    Operation operation(make(repositories[place]));
    if (auto why = drive(operation)) {
      result.emplace(tl::unexpect, VisitFailure{.message = std::move(*why), .tried = false});
      return {.how = {}, .cut_short = true};
    }
    auto& ended = operation.result();
    if (ended) {
      result.emplace(std::move(*ended));
      return {.how = how(**result)};
    }
    result.emplace(tl::unexpect, VisitFailure{.message = std::move(ended.error().message)});
    return {.how = "failed: " + result->error().message, .failure = ended.error().kind};
  };
  const auto outcome = visits::run(context, send, repositories, visit, sleep);
  Visits<T> done{.all = {}, .code = outcome.code};
  for (std::size_t place = 0; place < repositories.size(); ++place) {
    auto& result = results[place];
    const VisitFailure not_tried{.message = outcome.why_not_tried, .tried = false};
    if (!result) result.emplace(tl::unexpect, not_tried);
    done.all.push_back({repositories[place], std::move(*result)});
  }
  return done;
}

}  // namespace receiver::ctl
