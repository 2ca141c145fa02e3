#include "http/response_parser.h"

#include <limits>
#include <utility>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "text/ascii.h"

namespace receiver::http {

namespace beast = boost::beast;

class ResponseParser::Grammar final : public beast::http::basic_parser<false> {
 public:
  using Error = beast::error_code;

  explicit Grammar(bool answers_head) {
    header_limit(kHeadBytes);
    // The code that stores the body limits it. (In Beast up to 1.74, every length is above
    // `boost::none`.)
    body_limit(std::numeric_limits<std::uint64_t>::max());
    eager(false);  // one event at a time
    skip(answers_head);
  }

  Headers headers;
  unsigned status = 0;
  std::string_view piece;
  std::string problem;
  bool head_shown = false;

 private:
  void on_request_impl(beast::http::verb /*method*/, beast::string_view /*name*/,
                       beast::string_view /*target*/, int /*version*/, Error& /*ec*/) override {}

  void on_response_impl(int code, beast::string_view /*reason*/, int /*version*/,
                        Error& /*ec*/) override {
    status = static_cast<unsigned>(code);
  }

  void on_field_impl(beast::http::field /*field*/, beast::string_view name,
                     beast::string_view value, Error& ec) override {
    constexpr std::size_t kPunctuation = 4;  // in a field's line
    // The parser's own limit ignores fields that it has read already.
    head_bytes_ += name.size() + value.size() + kPunctuation;
    if (head_bytes_ > kHeadBytes) {
      ec = beast::http::error::header_limit;
    } else if (!head_shown) {  // no caller needs trailers
      headers.add(std::string(name), std::string(value));
    }
  }

  void on_header_impl(Error& ec) override {
    const auto encoding = headers.find("Transfer-Encoding");
    if (encoding && !text::equal_ignoring_case(*encoding, "chunked")) {
      ec = beast::http::error::bad_transfer_encoding;
    }
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, Error& /*ec*/) override {
  }

  std::size_t on_body_impl(beast::string_view body, Error& /*ec*/) override {
    piece = {body.data(), body.size()};
    return body.size();
  }

  void on_chunk_header_impl(std::uint64_t /*size*/, beast::string_view /*extensions*/,
                            Error& /*ec*/) override {}

  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, beast::string_view body,
                                 Error& /*ec*/) override {
    piece = {body.data(), body.size()};
    return body.size();
  }

  void on_finish_impl(Error& /*ec*/) override {}

  std::size_t head_bytes_ = 0;
};

ResponseParser::ResponseParser(bool answers_head)
    : grammar_(std::make_unique<Grammar>(answers_head)) {}
ResponseParser::~ResponseParser() = default;
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;
ResponseParser& ResponseParser::operator=(ResponseParser&&) noexcept = default;

ResponseParser::Step ResponseParser::step(std::string_view& bytes) {
  Grammar& grammar = *grammar_;
  grammar.piece = {};
  while (!grammar.is_done() && !bytes.empty()) {
    beast::error_code ec;
    bytes.remove_prefix(grammar.put({bytes.data(), bytes.size()}, ec));
    if (ec == beast::http::error::need_more) break;
    if (ec) {
      grammar.problem = ec.message();
      return Step::kMalformed;
    }
    if (!grammar.head_shown && grammar.is_header_done()) {
      grammar.head_shown = true;
      return Step::kHead;
    }
    if (!grammar.piece.empty()) return Step::kPiece;
  }
  return grammar.is_done() ? Step::kEnd : Step::kNeedsMore;
}

bool ResponseParser::finish() {
  if (!grammar_->got_some()) return false;
  beast::error_code ec;
  grammar_->put_eof(ec);
  return !ec;
}

unsigned ResponseParser::status() const {
  return grammar_->status;
}

Headers& ResponseParser::headers() {
  return grammar_->headers;
}

std::optional<std::uint64_t> ResponseParser::content_length() const {
  const auto length = grammar_->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

std::string_view ResponseParser::piece() const {
  return grammar_->piece;
}

bool ResponseParser::keep_alive() const {
  return grammar_->keep_alive();
}

std::string_view ResponseParser::problem() const {
  return grammar_->problem;
}

}  // namespace receiver::http
