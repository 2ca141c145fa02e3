#include "crypto/crypto.h"

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::crypto {
namespace {

std::string hmac_hex(HashAlgorithm algorithm, std::string_view key, std::string_view text) {
  Hmac hmac(algorithm, key);
  hmac.update(text);
  return hex_encode(hmac.digest());
}

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes;
  for (const char character : text) bytes.push_back(static_cast<std::byte>(character));
  return bytes;
}

}  // namespace

TEST_CASE("sha256_hex hashes the concatenation of its parts") {
  // FIPS 180-2, appendix B.
  CHECK(sha256_hex({"abc"}) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex({"a", "", "bc"}) == sha256_hex({"abc"}));
  CHECK(sha256_hex({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex({std::string_view("a\0b", 3)}) != sha256_hex({"a", "b"}));
}

TEST_CASE("an HMAC is the one of RFC 4231, in however many pieces the bytes arrive") {
  // Its test cases 2 and 6 (a key longer than a block).
  CHECK(hmac_hex(HashAlgorithm::kSha256, "Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hmac_hex(HashAlgorithm::kSha512, "Jefe", "what do ya want for nothing?") ==
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
  CHECK(hmac_hex(HashAlgorithm::kSha256, std::string(131, '\xaa'),
                 "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");

  Hmac pieces(HashAlgorithm::kSha256, "Jefe");
  for (const char character : std::string("what do ya want for nothing?")) {
    pieces.update(std::string_view(&character, 1));
    pieces.update({});
  }
  CHECK(hex_encode(pieces.digest()) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("an HMAC of nothing, with no key, is one too") {
  CHECK(hmac_hex(HashAlgorithm::kSha256, "", "") ==
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  CHECK(hmac_hex(HashAlgorithm::kSha256, std::string_view(), std::string_view()) ==
        hmac_hex(HashAlgorithm::kSha256, "", ""));
}

TEST_CASE("an HMAC that has moved goes on where it was") {
  Hmac first(HashAlgorithm::kSha256, "Jefe");
  first.update("what do ya want ");
  Hmac second(std::move(first));
  second.update("for nothing?");
  Hmac third(HashAlgorithm::kSha512, "other");
  third = std::move(second);
  CHECK(hex_encode(third.digest()) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Hmac>);
}

TEST_CASE("hex is written in lower case and read in either") {
  CHECK(hex_encode({}).empty());
  CHECK(hex_encode(bytes_of(std::string_view("\x00\x7f\xff\xa5", 4))) == "007fffa5");
  CHECK(hex_decode("007fFFa5") == bytes_of(std::string_view("\x00\x7f\xff\xa5", 4)));
  CHECK(hex_decode("") == std::vector<std::byte>());
}

TEST_CASE("what is not hex is not decoded") {
  const std::string text = GENERATE(values<std::string>(
      {"0", "000", "0g", "g0", " 0", "0x00", "-1", "+1", std::string("0\0", 2), "\xC3\xA9"}));
  INFO(text);
  CHECK_FALSE(hex_decode(text));
}

TEST_CASE("base64 is the one of RFC 4648") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xFB\xEF\xBE\xFF", "++++/w=="},
      {std::string(3, '\0'), "AAAA"},
  };
  for (const auto& [bytes, text] : cases) {
    INFO(text);
    CHECK(base64_encode(bytes) == text);
    CHECK(base64_decode(text) == bytes);
  }
}

TEST_CASE("what is not base64 is not decoded") {
  const std::string text = GENERATE(values<std::string>(
      {"Z", "Zg", "Zg=", "Z===", "====", "=", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zm9_", "Zm9-",
       "=Zg=", "Z=g=", "Zm9vYmF", "\xFFm9v", std::string("Zm9\0", 4)}));
  INFO(text);
  CHECK_FALSE(base64_decode(text));
}

TEST_CASE("bytes are equal if all of them are, and as many") {
  CHECK(equal_constant_time(bytes_of("abc"), bytes_of("abc")));
  CHECK(equal_constant_time({}, {}));
  CHECK_FALSE(equal_constant_time(bytes_of("abc"), bytes_of("abd")));
  CHECK_FALSE(equal_constant_time(bytes_of("abc"), bytes_of("bbc")));
  CHECK_FALSE(equal_constant_time(bytes_of("abc"), bytes_of("ab")));
  CHECK_FALSE(equal_constant_time({}, bytes_of("a")));
}

TEST_CASE("wiping leaves nothing of a string, not even behind its end") {
  std::string value = "a secret that is longer than what fits into the object";
  value.resize(10);
  const char* const buffer = value.data();
  const std::size_t capacity = value.capacity();
  wipe(value);
  CHECK(value.empty());
  REQUIRE(value.data() == buffer);
  value.resize(capacity);
  CHECK(value.find_first_not_of('\0') == std::string::npos);
}

TEST_CASE("a secret string takes a value over and leaves none behind") {
  const std::string text = GENERATE(values<std::string>({"short", std::string(100, 's')}));
  std::string value = text;
  const SecretString secret(std::move(value));
  CHECK(secret.view() == text);
  CHECK(value.empty());  // NOLINT(bugprone-use-after-move): the constructor promises it.
}

TEST_CASE("secret strings are compared by value and share it when copied") {
  const SecretString none;
  CHECK(none.empty());
  CHECK(none == SecretString(std::string()));

  const SecretString one(std::string("value"));
  const SecretString copy = one;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(copy == one);
  CHECK(copy.view().data() == one.view().data());
  CHECK(one == SecretString(std::string("value")));
  CHECK_FALSE(one == SecretString(std::string("other")));
  CHECK_FALSE(one == none);
}

}  // namespace receiver::crypto
