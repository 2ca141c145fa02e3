#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "bitbucket/ref_changes.h"
#include "bitbucket_rest/operation.h"
#include "clock/clock.h"
#include "controllers/bitbucket_access.h"
#include "log/logger.h"
#include "webhook/answer_book.h"
#include "webhook/changed_files.h"

namespace receiver::webhook {

struct InquirerLimits {
  std::size_t requests_of_ref = 7;
  std::size_t requests_of_delivery = 14;
  std::size_t inquiries = 200;  ///< deliveries at the same time; further ones find out nothing
  /// Limit of questions at the same time; further ones are not asked. Each may hold one answer and
  /// parts of others, which all together fit into the chart's memory limit.
  std::size_t questions = 32;
  /// Time limit of a question, and of all questions of one delivery.
  std::chrono::milliseconds time{2'500};
  AnswerBookLimits book{};
};

/// The results of a question to Bitbucket.
inline constexpr std::array<std::string_view, 12> kQuestionResults{
    "ok",       "unreachable",  "timeout", "unauthorized", "forbidden",  "not_found",
    "conflict", "rate_limited", "refused", "server_error", "unexpected", "unknown"};

struct InquirerCounters {
  using OfProduct = std::array<std::atomic<std::uint64_t>, kQuestionResults.size()>;
  OfProduct cloud{}, data_center{};          ///< questions by result
  std::atomic<std::uint64_t> from_cache{0};  ///< questions with a cached answer
  std::atomic<std::uint64_t> shared{0};      ///< questions shared with another delivery
  std::atomic<std::uint64_t> not_asked{
      0};  ///< questions that were not asked: paused, or beyond a limit
  std::atomic<std::int64_t> cache_bytes{0};
};

/// Asks the Bitbuckets of receivers what deliveries need to know (SPEC 6). Answers about commits
/// are cached, per version of a receiver's Secret; deliveries with the same question share it. Its
/// state belongs to `executor`'s single thread. The execution contexts of all callers must be
/// destroyed after `executor`'s, as for Refresher.
class Inquirer {
 public:
  using Access = std::shared_ptr<const controllers::BitbucketAccess>;
  /// Runs the operation to its end, at the latest shortly after the deadline. On the executor. The
  /// operation must outlive the call.
  using Ask = std::function<boost::asio::awaitable<void>(
      Access access, bitbucket_rest::Operation& operation, clock::Steady::time_point deadline)>;
  /// Called with the time of each question. On the executor.
  using Asked = std::function<void(bitbucket::Source product, std::chrono::nanoseconds took)>;

  /// The questions of a delivery.
  struct Request {
    Access access;
    bitbucket_rest::Repository repository;
    Inquiry inquiry;
    bitbucket::RefChanges push;
  };

  Inquirer(boost::asio::any_io_executor executor, Ask ask, InquirerLimits limits,
           log::Logger logger, Asked asked = {});
  ~Inquirer();
  Inquirer(const Inquirer&) = delete;
  Inquirer& operator=(const Inquirer&) = delete;

  /// Finds out what is possible within the limits, at the latest shortly after `deadline`; every
  /// question then counts as asked. `caller` is the executor of the call, which runs one handler at
  /// a time, such as a connection's strand.
  boost::asio::awaitable<Findings> find_out(boost::asio::any_io_executor caller, Request request,
                                            clock::Steady::time_point deadline);

  /// Returns the current findings to waiting callers, and nothing to later ones: for shutdown. From
  /// the executor.
  void stop();

  [[nodiscard]] const InquirerCounters& counters() const;
  [[nodiscard]] const InquirerLimits& limits() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::webhook
