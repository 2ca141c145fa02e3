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

/// The HMAC that a sender claims for its body.
struct Signature {
  crypto::HashAlgorithm algorithm = crypto::HashAlgorithm::kSha256;
  std::vector<std::byte> digest;
};

/// Accepts `sha256=` or `sha512=` and all hex digits of the digest, in either case; nothing for
/// anything else.
[[nodiscard]] std::optional<Signature> parse_signature(std::string_view header);

/// Whether the claim is true, in constant time. `digest` is computed by the receiver, with the
/// signature's algorithm.
[[nodiscard]] bool matches(const Signature& signature, std::span<const std::byte> digest);

}  // namespace receiver::bitbucket
