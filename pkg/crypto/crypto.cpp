#include "crypto/crypto.h"

#include <cstdint>
#include <new>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "text/ascii.h"

namespace receiver::crypto {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

/// OpenSSL fails on these calls only without memory or without digests: a caller could do nothing
/// about it.
void require(bool done) {
  if (!done) throw std::bad_alloc();
}

template <auto free_function>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};

const unsigned char* data_of(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> kBase64Values = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kBase64Digits.size(); ++i) {
    values.at(static_cast<unsigned char>(kBase64Digits[i])) = static_cast<std::int8_t>(i);
  }
  return values;
}();

/// 0 to 63, or -1.
int base64_value(char digit) {
  return kBase64Values.at(static_cast<unsigned char>(digit));
}

}  // namespace

std::string sha256_hex(std::initializer_list<std::string_view> parts) {
  const std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  require(context && EVP_DigestInit_ex2(context.get(), EVP_sha256(), nullptr) == 1);
  for (const std::string_view part : parts) {
    require(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
  }
  std::array<std::byte, 32> digest{};
  require(EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()),
                             nullptr) == 1);
  return hex_encode(digest);
}

std::string hex_encode(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    text += kHexDigits[value >> 4U];
    text += kHexDigits[value & 0xFU];
  }
  return text;
}

std::optional<std::vector<std::byte>> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = text::hex_value(text[i]);
    const int low = text::hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(high * 16 + low));
  }
  return bytes;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view digits = text.substr(0, text.size() - padding);

  // Reserve the full size: growing would leave unwiped copies of a secret.
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t pending = 0;
  int pending_bits = 0;
  for (const char digit : digits) {
    const int value = base64_value(digit);
    if (value < 0) {
      wipe(bytes);
      return std::nullopt;
    }
    pending = (pending << 6U) | static_cast<std::uint32_t>(value);
    pending_bits += 6;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      bytes += static_cast<char>((pending >> static_cast<unsigned>(pending_bits)) & 0xFFU);
    }
  }
  return bytes;
}

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = (bits << 8U) | (j < group.size() ? static_cast<unsigned char>(group[j]) : 0U);
    }
    text += kBase64Digits[(bits >> 18U) & 63U];
    text += kBase64Digits[(bits >> 12U) & 63U];
    text += group.size() > 1 ? kBase64Digits[(bits >> 6U) & 63U] : '=';
    text += group.size() > 2 ? kBase64Digits[bits & 63U] : '=';
  }
  return text;
}

bool equal_constant_time(std::span<const std::byte> left, std::span<const std::byte> right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

struct Hmac::Context {
  std::unique_ptr<EVP_MAC_CTX, Free<EVP_MAC_CTX_free>> mac;
};

Hmac::Hmac(HashAlgorithm algorithm, std::string_view key) : context_(std::make_unique<Context>()) {
  // Fetching walks OpenSSL's provider tables under a lock. Once per process is enough.
  static const std::unique_ptr<EVP_MAC, Free<EVP_MAC_free>> hmac(
      EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr));
  require(hmac != nullptr);
  context_->mac.reset(EVP_MAC_CTX_new(hmac.get()));
  require(context_->mac != nullptr);

  std::string digest = algorithm == HashAlgorithm::kSha256 ? "SHA256" : "SHA512";
  const std::array<OSSL_PARAM, 2> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), digest.size()),
      OSSL_PARAM_construct_end()};
  // To OpenSSL a null key means "keep the last key", so an empty key must still point somewhere.
  const unsigned char* key_bytes = key.empty() ? data_of("") : data_of(key);
  require(EVP_MAC_init(context_->mac.get(), key_bytes, key.size(), parameters.data()) == 1);
}

Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;
Hmac::~Hmac() = default;

void Hmac::update(std::string_view bytes) {
  require(EVP_MAC_update(context_->mac.get(), data_of(bytes), bytes.size()) == 1);
}

std::vector<std::byte> Hmac::digest() {
  std::vector<std::byte> bytes(EVP_MAC_CTX_get_mac_size(context_->mac.get()));
  std::size_t written = 0;
  require(EVP_MAC_final(context_->mac.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                        &written, bytes.size()) == 1);
  bytes.resize(written);
  return bytes;
}

SecretString::SecretString(std::string&& value) {
  struct Wiped {
    explicit Wiped(const std::string& text) : bytes(text) {}
    ~Wiped() { wipe(bytes); }
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    std::string bytes;
  };
  // Copied and wiped, not moved: moving a short value copies it too, and leaves its bytes.
  auto owned = std::make_shared<Wiped>(value);
  wipe(value);
  value_ = std::shared_ptr<const std::string>(owned, &owned->bytes);
}

std::string_view SecretString::view() const {
  return value_ ? std::string_view(*value_) : std::string_view();
}

void wipe(std::string& value) {
  // The bytes between size and capacity may contain the end of an earlier, longer value.
  value.resize(value.capacity());
  OPENSSL_cleanse(value.data(), value.size());
  value.clear();
}

void wipe(void* bytes, std::size_t size) {
  OPENSSL_cleanse(bytes, size);
}

void append_wiping(std::string& value, std::string_view more) {
  if (more.size() > value.capacity() - value.size()) {
    std::string grown;
    grown.reserve(std::max(value.size() + more.size(), 2 * value.capacity()));
    grown = value;
    wipe(value);
    value = std::move(grown);
  }
  value.append(more);
}

}  // namespace receiver::crypto
