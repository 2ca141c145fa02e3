#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/pem.h"

/// Certificates for tests, created on demand: no key is checked in, and none expires.
namespace receiver::test {

struct TestIdentity {
  std::string certificate_pem;  ///< the certificate alone, without its chain
  std::string key_pem;
};

struct CertificateSpec {
  std::string common_name = "localhost";
  /// In OpenSSL's notation; empty: none.
  std::string alternative_names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  std::chrono::seconds expires_in = std::chrono::hours(24);
};

namespace detail {

inline void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL refused to make a test certificate");
}

template <typename Write>
std::string to_pem(Write write) {
  const crypto::BioPtr bio(BIO_new(BIO_s_mem()));
  require(bio && write(bio.get()) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

inline void add_extension(X509* certificate, X509V3_CTX* context, int kind,
                          const std::string& value) {
  const std::unique_ptr<X509_EXTENSION, crypto::FreedBy<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, context, kind, value.c_str()));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

}  // namespace detail

/// A CA for one test.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name = "test authority",
                         std::chrono::seconds expires_in = std::chrono::hours(24))
      : key_(EVP_EC_gen("P-256")) {
    const CertificateSpec spec{
        .common_name = name, .alternative_names = "", .expires_in = expires_in};
    certificate_ = make(spec, key_.get(), true);
  }

  [[nodiscard]] std::string pem() const { return pem_of(certificate_.get()); }

  [[nodiscard]] TestIdentity issue(const CertificateSpec& spec = {}) const {
    const crypto::KeyPtr key(EVP_EC_gen("P-256"));
    const crypto::X509Ptr certificate = make(spec, key.get(), false);
    return {pem_of(certificate.get()), detail::to_pem([&](BIO* bio) {
              return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr,
                                              nullptr);
            })};
  }

 private:
  static std::string pem_of(X509* certificate) {
    return detail::to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  }

  crypto::X509Ptr make(const CertificateSpec& spec, EVP_PKEY* key, bool is_authority) const {
    static std::atomic<long> serial{1};
    detail::require(key != nullptr);
    crypto::X509Ptr certificate(X509_new());
    X509* raw = certificate.get();
    detail::require(raw != nullptr && X509_set_version(raw, 2) == 1 &&
                    ASN1_INTEGER_set(X509_get_serialNumber(raw), serial++) == 1);
    // Valid since an hour ago, or earlier if it is to be expired already.
    const long begin = std::min<long>(-3600, static_cast<long>(spec.expires_in.count()) - 3600);
    X509_gmtime_adj(X509_getm_notBefore(raw), begin);
    X509_gmtime_adj(X509_getm_notAfter(raw), static_cast<long>(spec.expires_in.count()));
    detail::require(X509_set_pubkey(raw, key) == 1);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(spec.common_name.c_str()), -1,
                               -1, 0);
    X509* issuer = is_authority ? raw : certificate_.get();
    detail::require(X509_set_issuer_name(raw, X509_get_subject_name(issuer)) == 1);
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, raw, nullptr, nullptr, 0);
    detail::add_extension(raw, &context, NID_basic_constraints,
                          is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!spec.alternative_names.empty()) {
      detail::add_extension(raw, &context, NID_subject_alt_name, spec.alternative_names);
    }
    detail::require(X509_sign(raw, key_.get(), EVP_sha256()) > 0);
    return certificate;
  }

  crypto::KeyPtr key_;
  crypto::X509Ptr certificate_;
};

}  // namespace receiver::test
