#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace receiver::http {

/// Parses one answer as its bytes arrive. No I/O; copies no byte of the body.
class ResponseParser {
 public:
  static constexpr std::size_t kHeadBytes =
      16 * 1024;  ///< limit of the header, and of a chunk's header

  /// An answer to HEAD has no body, whatever its header says.
  explicit ResponseParser(bool answers_head);
  ~ResponseParser();
  ResponseParser(ResponseParser&&) noexcept;
  ResponseParser& operator=(ResponseParser&&) noexcept;

  enum class Step {
    kNeedsMore,  ///< call again with the rest of `bytes` and more
    kHead,       ///< status() and headers() are available
    kPiece,      ///< piece() is the next part of the body
    kEnd,        ///< the answer is complete; the rest of `bytes` is not part of it
    kMalformed,  ///< problem() gives the reason
  };
  /// Advances to the next event, and removes the used part of `bytes`.
  [[nodiscard]] Step step(std::string_view& bytes);
  /// Call when the peer sends no more: whether that is a valid end of this answer.
  [[nodiscard]] bool finish();

  [[nodiscard]] unsigned status() const;
  [[nodiscard]] Headers& headers();
  [[nodiscard]] std::optional<std::uint64_t> content_length() const;
  [[nodiscard]] std::string_view piece() const;
  /// Whether another request may follow on the connection. Known only at the end.
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] std::string_view problem() const;

 private:
  class Grammar;
  std::unique_ptr<Grammar> grammar_;
};

}  // namespace receiver::http
