#pragma once

#include <openssl/types.h>

namespace receiver::http {

/// OpenSSL's input and output over a socket that stays its owner's. Never blocks, and never raises
/// SIGPIPE as OpenSSL's own does. Null if memory is short.
[[nodiscard]] BIO* new_socket_bio(int socket);

}  // namespace receiver::http
