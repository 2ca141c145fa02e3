#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace receiver::http {

/// One answer, taken apart as its bytes arrive. No input or output; copies no byte of the body.
class ResponseParser {
 public:
  static constexpr std::size_t kHeadBytes =
      16 * 1024;  ///< cap of the head, and of a chunk's header

  /// An answer to HEAD has no body whatever its head says.
  explicit ResponseParser(bool answers_head);
  ~ResponseParser();
  ResponseParser(ResponseParser&&) noexcept;
  ResponseParser& operator=(ResponseParser&&) noexcept;

  enum class Step {
    kNeedsMore,  ///< show what is left of `bytes` again, with more behind it
    kHead,       ///< status() and headers() are there
    kPiece,      ///< piece() is the next part of the body
    kEnd,        ///< the answer is complete; what is left of `bytes` is not part of it
    kMalformed,  ///< problem() says why
  };
  /// Goes on to the next event; takes what it used off the front of `bytes`.
  [[nodiscard]] Step step(std::string_view& bytes);
  /// The peer sends no more: whether that is the proper end of this answer.
  [[nodiscard]] bool finish();

  [[nodiscard]] unsigned status() const;
  [[nodiscard]] Headers& headers();
  [[nodiscard]] std::optional<std::uint64_t> content_length() const;
  [[nodiscard]] std::string_view piece() const;
  /// Whether another request may follow on the connection. Known at the end.
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] std::string_view problem() const;

 private:
  class Grammar;
  std::unique_ptr<Grammar> grammar_;
};

}  // namespace receiver::http
