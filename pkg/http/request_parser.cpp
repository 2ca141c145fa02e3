#include "http/request_parser.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "text/ascii.h"

namespace receiver::http {

namespace {

namespace beast = boost::beast;
using beast::error_code;
using beast::http::field;

constexpr std::size_t kHeadRead = 4 * 1024;
constexpr std::size_t kBodyRead = 16 * 1024;
/// A chunked body may use this many times its limit on the wire, so that one-byte chunks with long
/// extensions do not occupy a thread.
constexpr std::size_t kChunkOverhead = 8;
/// The shortest end of a body is `0 CRLF CRLF`. Beast 1.74 asserts that a last chunk which it sees
/// for the second time is complete.
constexpr std::size_t kShortestChunkEnd = 5;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

/// The path and query of a target with scheme and host, as proxies send it (RFC 9112, 3.2.2). Any
/// other target is returned unchanged.
std::string origin_form(std::string_view target) {
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return std::string(target);
  const std::string scheme = text::ascii_lower(target.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") return std::string(target);
  const std::string_view rest = target.substr(scheme_end + 3);
  const std::size_t authority = std::min(rest.find_first_of("/?"), rest.size());
  if (authority == 0) return std::string(target);
  const std::string_view path = rest.substr(authority);
  return std::string(path.starts_with('/') ? 0 : 1, '/').append(path);
}

/// A line that begins with white space continues the line before it for some readers, and not for
/// others.
bool has_folded_line(std::string_view head) {
  for (std::size_t at = head.find('\n'); at != std::string_view::npos;
       at = head.find('\n', at + 1)) {
    if (at + 1 < head.size() && (head[at + 1] == ' ' || head[at + 1] == '\t')) return true;
  }
  return false;
}

}  // namespace

/// Collects what Beast parses.
class RequestParser::Grammar final : public beast::http::basic_parser<true> {
 public:
  explicit Grammar(const ServerLimits& limits) : limits_(limits) {
    header_limit(static_cast<std::uint32_t>(
        std::min<std::size_t>(limits.header_bytes, std::numeric_limits<std::uint32_t>::max())));
    // Checked in this class instead: Beast would reject a long body before the handler has seen the
    // header.
    body_limit(std::numeric_limits<std::uint64_t>::max());
  }

  RequestHead head;
  bool http_1_0 = false;
  std::size_t hosts = 0, lengths = 0, encodings = 0;
  bool exactly_chunked = false;
  bool expects_continue = false;
  std::uint64_t body_bytes = 0;  ///< delivered, or announced by chunk sizes
  std::uint64_t chunk_remaining = 0;
  std::string_view piece;
  std::optional<BodyError> body_error;

  [[nodiscard]] bool between_chunks() const { return exactly_chunked && chunk_remaining == 0; }

 private:
  void on_request_impl(beast::http::verb /*verb*/, beast::string_view method,
                       beast::string_view target, int version, error_code& /*ec*/) override {
    head.method = view(method);
    head.target = origin_form(view(target));
    http_1_0 = version == 10;
  }

  void on_response_impl(int, beast::string_view, int, error_code&) override {}

  void on_field_impl(field name, beast::string_view name_text, beast::string_view value,
                     error_code& ec) override {
    if (is_head_done_) {
      return;  // a trailer: never merged into the header, where it could pass for a checked field
    }
    if (head.headers.fields().size() == limits_.header_fields) {
      ec = beast::http::error::header_limit;
      return;
    }
    switch (name) {
      case field::host:
        ++hosts;
        break;
      case field::content_length:
        ++lengths;
        if (!text::is_number(view(value))) {  // Beast also accepts lists
          ec = beast::http::error::bad_content_length;
          return;
        }
        break;
      case field::transfer_encoding:
        ++encodings;
        exactly_chunked = text::equal_ignoring_case(view(value), "chunked");
        break;
      case field::expect:
        expects_continue = text::equal_ignoring_case(view(value), "100-continue");
        break;
      default:
        break;
    }
    head.headers.add(std::string(view(name_text)), std::string(view(value)));
  }

  void on_header_impl(error_code& /*ec*/) override { is_head_done_ = true; }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}

  std::size_t on_body_impl(beast::string_view body, error_code& /*ec*/) override {
    piece = view(body);
    body_bytes += body.size();
    return body.size();
  }

  void on_chunk_header_impl(std::uint64_t size, beast::string_view /*extensions*/,
                            error_code& ec) override {
    if (size > limits_.body_bytes - body_bytes) {
      ec = beast::http::error::body_limit;
      return;
    }
    body_bytes += size;
    chunk_remaining = size;
  }

  std::size_t on_chunk_body_impl(std::uint64_t /*remaining*/, beast::string_view body,
                                 error_code& /*ec*/) override {
    piece = view(body);
    chunk_remaining -= body.size();
    return body.size();
  }

  void on_finish_impl(error_code& /*ec*/) override {}

  const ServerLimits& limits_;
  bool is_head_done_ = false;
};

RequestParser::RequestParser(const ServerLimits& limits) : limits_(limits) {}
RequestParser::~RequestParser() = default;

std::span<char> RequestParser::prepare() {
  const std::size_t held = end_ - begin_;
  std::size_t wanted = kBodyRead;
  if (!grammar_ || !grammar_->is_header_done()) {
    // One byte more than a header may have, so that a longer one is recognized.
    wanted = held > limits_.header_bytes ? 1 : std::min(kHeadRead, limits_.header_bytes + 1 - held);
  } else if (const auto length = grammar_->head.content_length) {
    const std::uint64_t remaining = *length - grammar_->body_bytes;
    wanted = static_cast<std::size_t>(std::clamp<std::uint64_t>(remaining, 1, kBodyRead));
  }
  if (capacity_ - end_ < wanted) {
    if (capacity_ < held + wanted) {
      const std::size_t grown = std::max(held + wanted, std::min(2 * capacity_, kBodyRead));
      auto larger = std::make_unique_for_overwrite<char[]>(grown);
      if (held > 0) std::memcpy(larger.get(), storage_.get() + begin_, held);
      storage_ = std::move(larger);
      capacity_ = grown;
    } else if (held > 0) {
      std::memmove(storage_.get(), storage_.get() + begin_, held);
    }
    begin_ = 0;
    end_ = held;
  }
  return {storage_.get() + end_, wanted};
}

void RequestParser::commit(std::size_t bytes) {
  end_ += bytes;
}

bool RequestParser::has_bytes() const {
  return end_ != begin_;
}

void RequestParser::begin(std::chrono::steady_clock::time_point first_byte) {
  grammar_ = std::make_unique<Grammar>(limits_);
  grammar_->head.first_byte = first_byte;
  parsed_ = 0;
  body_wire_bytes_ = 0;
}

RequestParser::HeadStep RequestParser::refuse(Refusal::Kind kind, std::string reason) {
  refusal_ = {.kind = kind, .reason = std::move(reason)};
  return HeadStep::kRefused;
}

RequestParser::HeadStep RequestParser::parse_head() {
  using beast::http::error;
  const char* bytes = storage_.get() + begin_;
  const std::size_t held = end_ - begin_;
  error_code ec;
  // The bytes of the header stay in the buffer until it is complete, to be checked as a whole.
  parsed_ += grammar_->put({bytes + parsed_, held - parsed_}, ec);
  if (ec == error::need_more && held <= limits_.header_bytes) return HeadStep::kNeedsMore;
  if (ec == error::need_more || ec == error::header_limit || parsed_ > limits_.header_bytes) {
    return refuse(Refusal::Kind::kHeaderTooLarge, "request header fields too large");
  }
  if (ec) return refuse(Refusal::Kind::kMalformed, "malformed request: " + ec.message());
  const std::string_view text(bytes, parsed_);
  begin_ += parsed_;
  return check_head(text);
}

RequestParser::HeadStep RequestParser::check_head(std::string_view text) {
  const Grammar& grammar = *grammar_;
  const auto malformed = [this](const char* what) {
    return refuse(Refusal::Kind::kMalformed, std::string("malformed request: ") + what);
  };
  if (has_folded_line(text)) return malformed("folded header line");
  if (grammar.lengths > 1) return malformed("more than one Content-Length");
  if (grammar.lengths > 0 && grammar.encodings > 0) {
    return malformed("both Content-Length and Transfer-Encoding");
  }
  if (grammar.encodings > 0 && grammar.http_1_0) return malformed("Transfer-Encoding in HTTP/1.0");
  if (grammar.encodings > 1 || (grammar.encodings == 1 && !grammar.exactly_chunked)) {
    return refuse(Refusal::Kind::kUnsupportedEncoding, "Transfer-Encoding must be chunked");
  }
  if (grammar.hosts > 1 || (grammar.hosts == 0 && !grammar.http_1_0)) {
    return malformed("exactly one Host is required");
  }
  if (grammar.lengths == 1) grammar_->head.content_length = grammar.content_length().value_or(0);
  grammar_->head.has_body = grammar.exactly_chunked || grammar.head.content_length.value_or(0) > 0;
  return HeadStep::kComplete;
}

const RequestHead& RequestParser::head() const {
  return grammar_->head;
}

bool RequestParser::keep_alive() const {
  return !grammar_->http_1_0 && grammar_->keep_alive();
}

bool RequestParser::awaits_continue() const {
  return grammar_->expects_continue && !grammar_->http_1_0 && !grammar_->is_done() &&
         body_wire_bytes_ == 0 && !has_bytes();
}

bool RequestParser::complete() const {
  return grammar_->is_done();
}

tl::expected<std::optional<std::string_view>, BodyError> RequestParser::parse_body() {
  using beast::http::error;
  Grammar& grammar = *grammar_;
  const auto fail = [&grammar](BodyError body_error) {
    grammar.body_error = body_error;
    return tl::unexpected(body_error);
  };
  if (grammar.body_error) return tl::unexpected(*grammar.body_error);
  if (grammar.head.content_length.value_or(0) > limits_.body_bytes) {
    return fail(BodyError::kTooLarge);
  }
  while (!grammar.is_done()) {
    const std::size_t held = end_ - begin_;
    if (held < (grammar.between_chunks() ? kShortestChunkEnd : 1)) return std::nullopt;
    error_code ec;
    const std::size_t taken = grammar.put({storage_.get() + begin_, held}, ec);
    begin_ += taken;
    body_wire_bytes_ += taken;
    if (grammar.exactly_chunked &&
        body_wire_bytes_ > kChunkOverhead * limits_.body_bytes + limits_.header_bytes) {
      return fail(BodyError::kMalformed);
    }
    const bool incomplete = ec == error::need_more;
    // A chunk size with its extensions, and all trailers together, have the same limit as a header.
    const std::size_t beside_data = incomplete ? end_ - begin_ : taken - grammar.piece.size();
    if (beside_data > limits_.header_bytes) return fail(BodyError::kMalformed);
    if (incomplete) return std::nullopt;
    if (ec) return fail(ec == error::body_limit ? BodyError::kTooLarge : BodyError::kMalformed);
    if (!grammar.piece.empty()) return std::exchange(grammar.piece, {});
  }
  return std::string_view{};
}

void RequestParser::release() {
  grammar_.reset();
  if (!has_bytes()) {
    storage_.reset();
    capacity_ = begin_ = end_ = 0;
  }
}

}  // namespace receiver::http
