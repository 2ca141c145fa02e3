#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "bitbucket_rest/messages.h"
#include "crypto/crypto.h"

namespace receiver::bitbucket_rest {

/// The value of the Authorization header: Basic with a user (for a Cloud account's API token), else
/// Bearer. The error says what is wrong, without repeating the token.
[[nodiscard]] tl::expected<crypto::SecretString, std::string> authorization(
    const std::string& user, const crypto::SecretString& token);

/// Cloud's, with an access token: `true` if most of the hour's requests are used up.
inline constexpr std::string_view kNearLimitHeader = "X-RateLimit-NearLimit";

/// A server could repeat the token, and its text gets into logs: overwrites the token in the
/// answer, unless it has fewer than eight characters.
void hide_token(ApiAnswer& answer, const crypto::SecretString& authorization);

}  // namespace receiver::bitbucket_rest
