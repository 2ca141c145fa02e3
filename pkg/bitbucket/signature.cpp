#include "bitbucket/signature.h"

#include <array>

namespace receiver::bitbucket {

std::optional<Signature> parse_signature(std::string_view header) {
  struct Scheme {
    std::string_view prefix;
    crypto::HashAlgorithm algorithm;
    std::size_t digest_bytes;
  };
  constexpr std::array kSchemes{
      Scheme{"sha256=", crypto::HashAlgorithm::kSha256, 32},
      Scheme{"sha512=", crypto::HashAlgorithm::kSha512, 64},
  };
  for (const Scheme& scheme : kSchemes) {
    if (!header.starts_with(scheme.prefix)) continue;
    const std::string_view digits = header.substr(scheme.prefix.size());
    if (digits.size() != 2 * scheme.digest_bytes) return std::nullopt;
    auto digest = crypto::hex_decode(digits);
    if (!digest) return std::nullopt;
    return Signature{scheme.algorithm, *std::move(digest)};
  }
  return std::nullopt;
}

bool matches(const Signature& signature, std::span<const std::byte> digest) {
  return crypto::equal_constant_time(signature.digest, digest);
}

}  // namespace receiver::bitbucket
