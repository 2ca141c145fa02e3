#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "http/message.h"
#include "http/server.h"

namespace receiver::http {

/// Why the server answers a request itself, before any handler sees it.
struct Refusal {
  enum class Kind { kMalformed, kHeaderTooLarge, kUnsupportedEncoding };
  Kind kind;
  std::string reason;  ///< for people; contains nothing that the peer sent
};

/// Turns the bytes of one connection into requests, one after the other: first the head, then the
/// body piece by piece. No I/O and no clock. Beast's grammar, with its gaps closed: everything that
/// two readers could take for different requests (folded lines, list-valued or repeated lengths,
/// codings other than exactly `chunked`) is refused.
///
///   begin → parse_head until not kNeedsMore → parse_body until it ends or fails → begin …
///   whenever more bytes are needed: read into prepare(), then commit()
class RequestParser {
 public:
  explicit RequestParser(const ServerLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// The buffer for the next bytes of the connection: never empty, sized by what the request may
  /// still contain.
  [[nodiscard]] std::span<char> prepare();
  void commit(std::size_t bytes);
  /// Whether there are bytes after the current request: the peer did not wait for the answer.
  [[nodiscard]] bool has_bytes() const;

  void begin(std::chrono::steady_clock::time_point first_byte);

  enum class HeadStep { kNeedsMore, kComplete, kRefused };
  [[nodiscard]] HeadStep parse_head();
  /// Why parse_head() returned kRefused.
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }

  // Valid once parse_head() returned kComplete:

  [[nodiscard]] const RequestHead& head() const;
  /// Whether the peer and its HTTP version allow another request on this connection.
  [[nodiscard]] bool keep_alive() const;
  /// Whether the peer waits for `100 Continue`, and has sent none of the body.
  [[nodiscard]] bool awaits_continue() const;
  /// Whether the request was read to its end.
  [[nodiscard]] bool complete() const;

  /// A piece (valid until prepare()), empty at the end of the body; nothing while more bytes are
  /// needed.
  [[nodiscard]] tl::expected<std::optional<std::string_view>, BodyError> parse_body();

  /// Frees the memory of the finished request. Call between requests only.
  void release();

 private:
  class Grammar;

  HeadStep refuse(Refusal::Kind kind, std::string reason);
  HeadStep check_head(std::string_view text);

  const ServerLimits& limits_;
  std::unique_ptr<Grammar> grammar_;  ///< null between requests
  std::unique_ptr<char[]> storage_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0, end_ = 0;  ///< range of the unread bytes in storage_
  std::size_t parsed_ = 0;  ///< bytes of an incomplete header among them that the grammar has read
  std::size_t body_wire_bytes_ =
      0;  ///< bytes of the body and its framing that the grammar has read
  Refusal refusal_{};
};

}  // namespace receiver::http
