#pragma once

#include <openssl/types.h>

namespace receiver::http {

/// OpenSSL's input and output over a socket that the caller owns. Never blocks, and never raises
/// SIGPIPE as OpenSSL's own BIO does. Null if memory is short.
[[nodiscard]] BIO* new_socket_bio(int socket);

}  // namespace receiver::http
