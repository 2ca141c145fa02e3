#include "crypto/pem.h"

#include <catch2/catch.hpp>
#include <openssl/pem.h>

#include "test/support/test_certificates.h"

namespace receiver::crypto {

using test::TestAuthority;

TEST_CASE("certificates are read one after another to the end of the text") {
  const TestAuthority authority;
  const std::string pem = authority.issue().certificate_pem + "between\n" + authority.pem();
  const BioPtr text = pem_text(pem);
  CHECK(next_certificate(text.get()));
  CHECK(next_certificate(text.get()));
  CHECK_FALSE(next_certificate(text.get()));
  CHECK(openssl_reason() == "no start line");
  CHECK(openssl_reason() == "unknown reason");
}

TEST_CASE("a key is read, an encrypted one is not, and nobody is asked for its password") {
  const test::TestIdentity identity = TestAuthority().issue();
  const KeyPtr key = read_key(pem_text(identity.key_pem).get());
  REQUIRE(key);
  CHECK_FALSE(read_key(pem_text(identity.certificate_pem).get()));

  const BioPtr encrypted(BIO_new(BIO_s_mem()));
  const unsigned char password[] = "pass";
  REQUIRE(PEM_write_bio_PrivateKey(encrypted.get(), key.get(), EVP_aes_128_cbc(), password, 4,
                                   nullptr, nullptr) == 1);
  CHECK_FALSE(read_key(encrypted.get()));
  (void)openssl_reason();
}

}  // namespace receiver::crypto
