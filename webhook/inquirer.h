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
  std::size_t inquiries = 200;  ///< of deliveries at once; further ones find out nothing
  /// That are asked at once; further ones are not. Each may hold one answer and what it has read of
  /// others, which all together fit the chart's memory limit.
  std::size_t questions = 32;
  /// Of a question, and of all that one delivery waits for.
  std::chrono::milliseconds time{2'500};
  AnswerBookLimits book{};
};

/// How a question to Bitbucket ended.
inline constexpr std::array<std::string_view, 12> kQuestionResults{
    "ok",       "unreachable",  "timeout", "unauthorized", "forbidden",  "not_found",
    "conflict", "rate_limited", "refused", "server_error", "unexpected", "unknown"};

struct InquirerCounters {
  using OfProduct = std::array<std::atomic<std::uint64_t>, kQuestionResults.size()>;
  OfProduct cloud{}, data_center{};          ///< questions by result
  std::atomic<std::uint64_t> from_cache{0};  ///< questions that were answered before
  std::atomic<std::uint64_t> shared{0};      ///< questions that another delivery had asked
  std::atomic<std::uint64_t> not_asked{0};   ///< questions left out: paused, or beyond a bound
  std::atomic<std::int64_t> cache_bytes{0};
};

/// Asks the Bitbuckets of receivers what deliveries need to know (SPEC 6). Answers about commits
/// are kept, per version of a receiver's Secret; deliveries that ask the same share a question.
/// Its state lives on `executor`'s single thread; the execution contexts of all callers must be
/// destroyed after `executor`'s, as Refresher has it.
class Inquirer {
 public:
  using Access = std::shared_ptr<const controllers::BitbucketAccess>;
  /// Runs the operation until it has ended, at the latest shortly after the deadline. On the
  /// executor. The operation outlives the call.
  using Ask = std::function<boost::asio::awaitable<void>(
      Access access, bitbucket_rest::Operation& operation, clock::Steady::time_point deadline)>;
  /// Told how long each question took. On the executor.
  using Asked = std::function<void(bitbucket::Source product, std::chrono::nanoseconds took)>;

  /// A delivery's questions.
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

  /// What can be found out within the limits, at the latest shortly after `deadline`; everything in
  /// it counts as asked. `caller` is the executor that this is called on, which runs one handler at
  /// a time, such as a connection's strand.
  boost::asio::awaitable<Findings> find_out(boost::asio::any_io_executor caller, Request request,
                                            clock::Steady::time_point deadline);

  /// Those who wait learn what is known, and later ones nothing: for shutdown. From the executor.
  void stop();

  [[nodiscard]] const InquirerCounters& counters() const;
  [[nodiscard]] const InquirerLimits& limits() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::webhook
