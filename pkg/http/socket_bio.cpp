#include "http/socket_bio.h"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <sys/socket.h>

#include <openssl/bio.h>

#include "crypto/pem.h"

namespace receiver::http {
namespace {

using MethodPtr = std::unique_ptr<BIO_METHOD, crypto::FreedBy<BIO_meth_free>>;

int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int read_socket(BIO* bio, char* bytes, int size) {
  const ssize_t got = ::recv(socket_of(bio), bytes, static_cast<std::size_t>(size), MSG_DONTWAIT);
  BIO_clear_retry_flags(bio);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

int write_socket(BIO* bio, const char* bytes, int size) {
  const ssize_t sent =
      ::send(socket_of(bio), bytes, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  BIO_clear_retry_flags(bio);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/// Only functions: the same for every connection of the process.
const BIO_METHOD* socket_method() {
  static const MethodPtr shared = [] {
    MethodPtr method(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket"));
    if (method) {
      BIO_meth_set_read(method.get(), read_socket);
      BIO_meth_set_write(method.get(), write_socket);
      BIO_meth_set_ctrl(method.get(), control);
    }
    return method;
  }();
  return shared.get();
}

}  // namespace

BIO* new_socket_bio(int socket) {
  const BIO_METHOD* method = socket_method();
  BIO* bio = method == nullptr ? nullptr : BIO_new(method);
  if (bio == nullptr) return nullptr;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a BIO's data is a pointer
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace receiver::http
