#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/// OpenSSL's objects with automatic ownership, and functions that read PEM.
namespace receiver::crypto {

template <auto Function>
struct FreedBy {
  template <typename T>
  void operator()(T* object) const {
    Function(object);
  }
};
using BioPtr = std::unique_ptr<BIO, FreedBy<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, FreedBy<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;

/// A source that reads from `pem`, which must outlive it. Null if memory is short or the text is
/// larger than 2 GiB.
[[nodiscard]] BioPtr pem_text(std::string_view pem);
/// The next certificate of the text; null at its end, or if it is damaged.
[[nodiscard]] X509Ptr next_certificate(BIO* text);
/// The first key of the text; null if none can be read without a password.
[[nodiscard]] KeyPtr read_key(BIO* text);

/// The description of this thread's last OpenSSL error. Clears the error.
[[nodiscard]] std::string openssl_reason();

}  // namespace receiver::crypto
