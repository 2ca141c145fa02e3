#include "http/stream.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace receiver::http {

namespace {

/// Call before an operation whose errors will be read.
void forget_errors() {
  errno = 0;
  ERR_clear_error();
}

}  // namespace

void TlsSessionFree::operator()(SSL* session) const {
  // Otherwise OpenSSL treats a connection without a closing alert as broken, and does not let its
  // session be resumed.
  SSL_set_shutdown(session, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(session);
}

Stream::Stream(int socket, TlsSession tls) : socket_(socket), session_(std::move(tls)) {}

Stream::State Stream::tls_state(int result) {
  const int system_error = errno;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_NONE:
      return State::kDone;
    case SSL_ERROR_WANT_READ:
      return State::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return State::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return State::kEnd;
    case SSL_ERROR_SYSCALL:
      system_error_ = system_error;
      return State::kBroken;
    default:
      tls_error_ = ERR_peek_last_error();
      return State::kBroken;
  }
}

Stream::Transfer Stream::tls_transfer(int result, std::size_t bytes) {
  return result == 1 ? Transfer{State::kDone, bytes} : Transfer{tls_state(result)};
}

Stream::Transfer Stream::raw_transfer(ssize_t result, State want) {
  if (result >= 0) return {State::kDone, static_cast<std::size_t>(result)};
  if (errno == EAGAIN || errno == EINTR) return {want};
  system_error_ = errno;
  return {State::kBroken};
}

Stream::State Stream::handshake() {
  if (socket_ < 0) return State::kBroken;
  if (!session_) return State::kDone;
  forget_errors();
  return tls_state(SSL_do_handshake(session_.get()));
}

Stream::Transfer Stream::read(std::span<char> into) {
  if (!session_) return read_raw(into);
  forget_errors();
  std::size_t bytes = 0;
  const int result = SSL_read_ex(session_.get(), into.data(), into.size(), &bytes);
  return tls_transfer(result, bytes);
}

Stream::Transfer Stream::write(std::string_view text) {
  if (!session_) return write_raw(text);
  forget_errors();
  std::size_t bytes = 0;
  const int result = SSL_write_ex(session_.get(), text.data(), text.size(), &bytes);
  return tls_transfer(result, bytes);
}

bool Stream::may_hold_bytes() const {
  return session_ && SSL_has_pending(session_.get()) == 1;
}

bool Stream::is_silent() {
  forget_errors();
  char byte = 0;
  if (session_) {
    const int result = SSL_peek(session_.get(), &byte, 1);
    return result <= 0 && tls_state(result) == State::kWantRead;
  }
  return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void Stream::say_goodbye() {
  const bool is_broken = system_error_ != 0 || tls_error_ != 0;
  if (!session_ || is_broken || SSL_is_init_finished(session_.get()) != 1) return;
  ERR_clear_error();
  SSL_shutdown(session_.get());
}

Stream::Transfer Stream::read_raw(std::span<char> into) {
  const ssize_t got = ::recv(socket_, into.data(), into.size(), MSG_DONTWAIT);
  return got == 0 ? Transfer{State::kEnd} : raw_transfer(got, State::kWantRead);
}

Stream::Transfer Stream::write_raw(std::string_view bytes) {
  return raw_transfer(::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL),
                      State::kWantWrite);
}

std::string Stream::problem() const {
  if (tls_error_ == 0) {
    return system_error_ == 0 ? "the connection was cut off" : std::strerror(system_error_);
  }
  const char* reason = ERR_reason_error_string(tls_error_);
  return reason == nullptr ? "TLS failed" : reason;
}

bool Stream::peer_spoke_http() const {
  return ERR_GET_REASON(tls_error_) == SSL_R_HTTP_REQUEST;
}

bool Stream::peer_sent_alert() const {
  return ERR_GET_LIB(tls_error_) == ERR_LIB_SSL &&
         ERR_GET_REASON(tls_error_) >= SSL_AD_REASON_OFFSET;
}

}  // namespace receiver::http
