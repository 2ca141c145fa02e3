#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Hashes, signatures and encodings, with OpenSSL. Functions are thread-safe; an object belongs to
/// one thread at a time.
namespace receiver::crypto {

/// SHA-256 of the concatenation of `parts`, as 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::initializer_list<std::string_view> parts);

[[nodiscard]] std::string hex_encode(std::span<const std::byte> bytes);
/// Accepts either case; nothing if the length is odd or a character is not a hex digit.
[[nodiscard]] std::optional<std::vector<std::byte>> hex_decode(std::string_view text);

/// Standard alphabet with padding, as in Secret.data; nothing if malformed. If the result contains
/// a secret, move it into a SecretString.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
[[nodiscard]] std::string base64_encode(std::string_view bytes);

/// Compares in a time that depends only on the lengths.
[[nodiscard]] bool equal_constant_time(std::span<const std::byte> left,
                                       std::span<const std::byte> right);

enum class HashAlgorithm { kSha256, kSha512 };

/// HMAC of bytes that arrive in pieces.
class Hmac {
 public:
  Hmac(HashAlgorithm algorithm, std::string_view key);
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) noexcept;
  ~Hmac();

  void update(std::string_view bytes);
  /// The digest of all bytes so far. Call once, last.
  [[nodiscard]] std::vector<std::byte> digest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// A secret's value. Its memory is wiped when the last copy is destroyed. Copies share one buffer.
/// Immutable and thread-safe.
class SecretString {
 public:
  SecretString() = default;
  explicit SecretString(std::string&& value);
  [[nodiscard]] std::string_view view() const;
  [[nodiscard]] bool empty() const { return view().empty(); }
  /// For change detection only. Not constant-time: never compare with untrusted input.
  friend bool operator==(const SecretString& left, const SecretString& right) {
    return left.view() == right.view();
  }

 private:
  std::shared_ptr<const std::string> value_;
};

/// Overwrites the bytes, so that the optimizer cannot remove it, and empties the string.
void wipe(std::string& value);
void wipe(void* bytes, std::size_t size);
/// Appends. If the string must grow, its old memory is wiped.
void append_wiping(std::string& value, std::string_view more);

}  // namespace receiver::crypto
