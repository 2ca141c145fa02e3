#include "bitbucket/signature.h"

#include <cctype>
#include <string>

#include <catch2/catch.hpp>

#include "test/support/testdata.h"

namespace receiver::bitbucket {

using test::read_body;
namespace {

constexpr std::string_view kSecret = "orchard-ladder-2026";

// openssl dgst -sha256 -hmac SECRET push_branch_update.json, and the same with -sha512.
const std::string kSha256 = "c210854e625ad683c6ae9177c917a33b4ab114c548ff6e160b6e7536c15df84f";
const std::string kSha512 =
    "61f9f70f5f44ed2ef6ad77b326b7459e4ef14087d364082d82a1f749934d1128"
    "22d6db6fff041e1c40a54c5ec62b710a9702d5f214d233b5ffb017223086d78e";

std::vector<std::byte> digest_of(crypto::HashAlgorithm algorithm, std::string_view body) {
  crypto::Hmac hmac(algorithm, kSecret);
  hmac.update(body.substr(0, 1000));
  hmac.update(body.substr(1000));
  return hmac.digest();
}

std::string upper(std::string text) {
  for (char& character : text) character = static_cast<char>(std::toupper(character));
  return text;
}

}  // namespace

TEST_CASE("a body is verified against the signature that openssl computes for it") {
  const std::string body = read_body("cloud/push_branch_update.json");
  const std::string header = GENERATE(values<std::string>({
      "sha256=" + kSha256,
      "sha256=" + upper(kSha256),
      "sha512=" + kSha512,
      "sha512=" + upper(kSha512),
  }));
  INFO(header);
  const auto signature = parse_signature(header);
  REQUIRE(signature);
  CHECK(matches(*signature, digest_of(signature->algorithm, body)));

  std::string other = body;
  other[other.size() / 2] = static_cast<char>(other[other.size() / 2] ^ 1);
  CHECK_FALSE(matches(*signature, digest_of(signature->algorithm, other)));
  CHECK_FALSE(matches(*signature, digest_of(signature->algorithm, body + "\n")));
}

TEST_CASE("a signature of another body, secret or algorithm does not match") {
  const std::string body = read_body("cloud/push_branch_update.json");
  auto signature = parse_signature("sha256=" + kSha256);
  REQUIRE(signature);
  crypto::Hmac other_secret(crypto::HashAlgorithm::kSha256, "orchard-ladder-2027");
  other_secret.update(body);
  CHECK_FALSE(matches(*signature, other_secret.digest()));
  CHECK_FALSE(matches(*signature, digest_of(crypto::HashAlgorithm::kSha512, body)));
  CHECK_FALSE(matches(*signature, {}));

  signature->digest.back() ^= std::byte{1};
  CHECK_FALSE(matches(*signature, digest_of(crypto::HashAlgorithm::kSha256, body)));
}

TEST_CASE("nothing but an algorithm and all digits of a digest is a signature") {
  const std::string header = GENERATE(values<std::string>({
      "",
      "s",
      "sha256",
      "sha256=",
      "sha512=",
      "=" + kSha256,
      kSha256,
      "sha1=" + kSha256.substr(0, 40),
      "md5=" + kSha256.substr(0, 32),
      "sha384=" + kSha512.substr(0, 96),
      "SHA256=" + kSha256,
      "Sha256=" + kSha256,
      " sha256=" + kSha256,
      "sha256= " + kSha256,
      "sha256 =" + kSha256,
      "sha256=" + kSha256 + " ",
      "sha256=" + kSha256 + "\n",
      "sha256=0x" + kSha256.substr(2),
      "sha256=" + kSha256.substr(1),
      "sha256=" + kSha256.substr(2),
      "sha256=" + kSha256 + "0",
      "sha256=" + kSha256 + "00",
      "sha256=" + kSha512,
      "sha512=" + kSha256,
      "sha256=g" + kSha256.substr(1),
      "sha256=-" + kSha256.substr(1),
      "sha256=" + kSha256.substr(0, 63) + std::string(1, '\0'),
      "sha256=" + kSha256 + ",sha256=" + kSha256,
      "sha256=" + std::string(100'000, 'a'),
  }));
  INFO(header.substr(0, 150));
  CHECK_FALSE(parse_signature(header));
}

}  // namespace receiver::bitbucket
