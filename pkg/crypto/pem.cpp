#include "crypto/pem.h"

#include <limits>

#include <openssl/err.h>
#include <openssl/pem.h>

namespace receiver::crypto {
namespace {

/// Without this, OpenSSL would ask for an encrypted key's password on the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) {
  return -1;
}

}  // namespace

BioPtr pem_text(std::string_view pem) {
  if (pem.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return nullptr;
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

X509Ptr next_certificate(BIO* text) {
  return X509Ptr(PEM_read_bio_X509(text, nullptr, no_password, nullptr));
}

KeyPtr read_key(BIO* text) {
  return KeyPtr(PEM_read_bio_PrivateKey(text, nullptr, no_password, nullptr));
}

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown reason" : reason;
}

}  // namespace receiver::crypto
