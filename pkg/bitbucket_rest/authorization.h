#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "bitbucket_rest/messages.h"
#include "crypto/crypto.h"

namespace receiver::bitbucket_rest {

/// The value of the Authorization header that shows a token: with a user (Cloud's API tokens of an
/// account) Basic, else Bearer. The error says what is wrong with them, without repeating the
/// token.
[[nodiscard]] tl::expected<crypto::SecretString, std::string> authorization(
    const std::string& user, const crypto::SecretString& token);

/// Cloud's, with an access token: `true` if most of the hour's requests are used up.
inline constexpr std::string_view kNearLimitHeader = "X-RateLimit-NearLimit";

/// A server could repeat what it was shown, and its words get into logs: overwrites the token in
/// the answer, but for one of less than eight characters.
void hide_token(ApiAnswer& answer, const crypto::SecretString& authorization);

}  // namespace receiver::bitbucket_rest
