// The X-Hub-Signature header.

#include "bitbucket/signature.h"

#include <algorithm>
#include <string>

#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {

void fuzz(std::string_view input) {
  const auto signature = bitbucket::parse_signature(input);
  if (!signature) return;
  const bool is_256 = signature->algorithm == crypto::HashAlgorithm::kSha256;
  require(signature->digest.size() == (is_256 ? 32U : 64U), "a digest has its algorithm's length");
  require(bitbucket::matches(*signature, signature->digest), "a digest matches itself");

  std::string written = (is_256 ? "sha256=" : "sha512=") + crypto::hex_encode(signature->digest);
  require(std::ranges::equal(input, written,
                             [](char read, char lower) {
                               return read == lower ||
                                      (read >= 'A' && read <= 'F' && read - 'A' + 'a' == lower);
                             }),
          "what is read is what was written, up to the case of its digits");

  auto other = signature->digest;
  other.back() ^= std::byte{1};
  require(!bitbucket::matches(*signature, other), "one bit makes another digest");
  other.pop_back();
  require(!bitbucket::matches(*signature, other), "no shorter digest matches");
}

}  // namespace receiver::fuzz
