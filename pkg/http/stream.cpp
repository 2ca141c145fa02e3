#include "http/stream.h"

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace receiver::http {

namespace {

using boost::system::error_code;

Stream::Transfer outcome(const error_code& ec, std::size_t bytes, Stream::State want) {
  if (!ec) {
    return {Stream::State::kDone, bytes};
  }
  if (ec == boost::asio::error::would_block || ec == boost::asio::error::try_again) {
    return {want};
  }
  return {ec == boost::asio::error::eof ? Stream::State::kEnd : Stream::State::kBroken};
}

}  // namespace

void Stream::SessionFree::operator()(SSL* session) const {
  SSL_free(session);
}

Stream::Stream(Socket socket, std::shared_ptr<const TlsContext> tls)
    : socket_(std::move(socket)), context_(std::move(tls)) {
  error_code ec;
  socket_.non_blocking(true, ec);
  // An answer is one write: holding it back for more bytes would only delay it.
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ec);
  if (context_) {
    tls_.reset(context_->new_session(socket_.native_handle()));
    if (!tls_) {
      close();
    }
  }
}

Stream::~Stream() = default;

Stream::State Stream::tls_state(int result) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_NONE:
      return State::kDone;
    case SSL_ERROR_WANT_READ:
      return State::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return State::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return State::kEnd;
    default:
      peer_spoke_http_ = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
      return State::kBroken;
  }
}

Stream::State Stream::handshake() {
  if (!socket_.is_open()) {
    return State::kBroken;
  }
  if (!tls_) {
    return State::kDone;
  }
  ERR_clear_error();
  return tls_state(SSL_do_handshake(tls_.get()));
}

Stream::Transfer Stream::read(std::span<char> into) {
  if (!tls_) {
    return read_raw(into);
  }
  if (!socket_.is_open()) {
    return {State::kBroken};
  }
  ERR_clear_error();
  std::size_t bytes = 0;
  const int result = SSL_read_ex(tls_.get(), into.data(), into.size(), &bytes);
  return result == 1 ? Transfer{State::kDone, bytes} : Transfer{tls_state(result)};
}

Stream::Transfer Stream::write(std::string_view text) {
  if (!tls_) {
    return write_raw(text);
  }
  if (!socket_.is_open()) {
    return {State::kBroken};
  }
  ERR_clear_error();
  std::size_t bytes = 0;
  const int result = SSL_write_ex(tls_.get(), text.data(), text.size(), &bytes);
  return result == 1 ? Transfer{State::kDone, bytes} : Transfer{tls_state(result)};
}

bool Stream::may_hold_bytes() const {
  return tls_ && SSL_has_pending(tls_.get()) == 1;
}

void Stream::end_writing() {
  if (tls_ && socket_.is_open() && SSL_is_init_finished(tls_.get()) == 1) {
    ERR_clear_error();
    SSL_shutdown(tls_.get());  // as far as it goes without waiting
  }
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

Stream::Transfer Stream::read_raw(std::span<char> into) {
  error_code ec;
  const std::size_t bytes = socket_.read_some(boost::asio::buffer(into.data(), into.size()), ec);
  return outcome(ec, bytes, State::kWantRead);
}

Stream::Transfer Stream::write_raw(std::string_view bytes) {
  error_code ec;
  const std::size_t sent = socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), ec);
  return outcome(ec, sent, State::kWantWrite);
}

void Stream::close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace receiver::http
