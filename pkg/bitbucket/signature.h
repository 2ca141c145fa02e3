#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/crypto.h"

/// The `X-Hub-Signature` header, as Bitbucket Cloud and Data Center send it.
namespace receiver::bitbucket {

inline constexpr std::string_view kSignatureHeader = "X-Hub-Signature";

/// What a sender claims the HMAC of its body to be.
struct Signature {
  crypto::HashAlgorithm algorithm = crypto::HashAlgorithm::kSha256;
  std::vector<std::byte> digest;
};

/// `sha256=` or `sha512=` and all hex digits of the digest, in either case; nothing for anything
/// else.
[[nodiscard]] std::optional<Signature> parse_signature(std::string_view header);

/// Whether the claim is true, in constant time. `digest` is the receiver's own, of the signature's
/// algorithm.
[[nodiscard]] bool matches(const Signature& signature, std::span<const std::byte> digest);

}  // namespace receiver::bitbucket
