#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "bitbucket_rest/messages.h"
#include "clock/clock.h"

namespace receiver::bitbucket_rest {

/// A question to Bitbucket, without I/O: a small state machine that says which request comes next,
/// takes its answer, and ends with a value or an error.
///
///     while (operation.next() != nullptr) operation.take(send(*operation.next()));
///     auto result = operation.result();
///
/// A driver does that: run() below, bitbucket_http::Client::run() as a coroutine. One thread.
class Operation {
 public:
  virtual ~Operation() = default;

  /// The request to send now; null: it has ended.
  [[nodiscard]] const ApiRequest* next() const { return next_ ? &*next_ : nullptr; }
  /// Takes the answer to next(), with any status, or why there is none: kUnreachable, kTimeout, or
  /// kUnknown for an answer beyond the driver's limits.
  void take(tl::expected<ApiAnswer, BitbucketError> answer);

  /// Sent so far.
  [[nodiscard]] unsigned requests() const { return requests_; }
  /// Whether Bitbucket has said that most of the hour's requests are used up.
  [[nodiscard]] bool near_limit() const { return near_limit_; }
  /// When the last answer was sent, by Bitbucket's clock; nothing if it is not known.
  [[nodiscard]] std::optional<clock::Wall::time_point> answered_at() const { return answered_at_; }
  [[nodiscard]] const Repository& repository() const { return repository_; }

 protected:
  /// Limits of the whole operation; beyond them it ends with kUnknown.
  struct Bounds {
    unsigned requests = 1;
    std::size_t answer_bytes = 0;
  };

  Operation(Repository repository, Purpose purpose, Bounds bounds)
      : repository_(std::move(repository)), purpose_(purpose), bounds_(bounds) {}
  Operation(const Operation&) = default;
  Operation(Operation&&) = default;
  Operation& operator=(const Operation&) = default;
  Operation& operator=(Operation&&) = default;

  void ask(ApiRequest request);
  /// Takes the body of a 2xx answer to `asked`.
  virtual void read(const ApiRequest& asked, const std::string& body) = 0;
  /// Handles a failed request: ends the operation, or asks another way.
  virtual void failed(BitbucketError error) = 0;
  /// A secret that no error may repeat.
  [[nodiscard]] virtual std::string_view secret() const { return {}; }

 private:
  Repository repository_;
  Purpose purpose_;
  Bounds bounds_;
  std::optional<ApiRequest> next_;
  unsigned requests_ = 0;
  std::size_t answer_bytes_ = 0;
  bool near_limit_ = false;
  std::optional<clock::Wall::time_point> answered_at_;
};

/// An operation that ends with a T.
template <class T>
class Question : public Operation {
 public:
  using Value = T;

  /// Valid once next() is null; may be moved from.
  [[nodiscard]] tl::expected<T, BitbucketError>& result() { return *result_; }

 protected:
  using Operation::Operation;

  void end(T value) { result_.emplace(std::move(value)); }
  void failed(BitbucketError error) override { result_.emplace(tl::unexpect, std::move(error)); }
  void fail(ApiFailure kind, std::string message) {
    Question::failed({.kind = kind, .message = std::move(message)});
  }

 private:
  std::optional<tl::expected<T, BitbucketError>> result_;
};

/// Sends one request. The error says why there is no answer: kUnreachable or kTimeout.
using Send = std::function<tl::expected<ApiAnswer, BitbucketError>(const ApiRequest&)>;
/// The scope of a pause.
enum class Pausing : std::uint8_t {
  kAll,      ///< every request with this token, after too many of them
  kThisOne,  ///< only this request, which is sent again
};
/// Waits for this time, and may show the reason.
using Pause = std::function<void(Pausing, std::chrono::seconds, const std::string& why)>;

/// The driver for callers that may block.
void run(Operation& operation, const Send& send);

/// How often a read is sent again.
inline constexpr unsigned kReadRetries = 2;

/// `send` with retries. After a 429 it waits as asked and sends the request again, up to `limit` in
/// total; then it returns the 429. A read that is answered 5xx, or times out, is sent again after
/// one second and after two more; a write is not, because it may have been done.
[[nodiscard]] Send patient(Send send, Pause pause, std::chrono::seconds limit);

}  // namespace receiver::bitbucket_rest
