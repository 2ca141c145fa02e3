#include "bitbucket_rest/authorization.h"

#include <algorithm>

#include "http/proxy.h"
#include "text/ascii.h"

namespace receiver::bitbucket_rest {
namespace {

constexpr std::size_t kShortestToken = 8;

void overwrite(std::string& text, std::string_view token) {
  if (token.size() < kShortestToken) return;
  for (std::size_t at = text.find(token); at != std::string::npos; at = text.find(token, at)) {
    std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(at), token.size(), '*');
  }
}

/// The token as some servers write Base64 in JSON: with escaped slashes.
std::string with_escaped_slashes(std::string_view token) {
  std::string escaped;
  for (const char character : token) {
    if (character == '/') escaped += '\\';
    escaped += character;
  }
  return escaped;
}

}  // namespace

tl::expected<crypto::SecretString, std::string> authorization(const std::string& user,
                                                              const crypto::SecretString& token) {
  std::string_view text = token.view();
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  using Wrong = tl::unexpected<std::string>;
  if (text.empty()) return Wrong("the token is empty");
  if (!text::is_one_word(text)) {
    return Wrong("the token contains spaces, line breaks or other characters that no token has");
  }
  if (user.empty()) return crypto::SecretString("Bearer " + std::string(text));
  if (!text::is_one_word(user) || user.find(':') != std::string::npos) {
    return Wrong("the user name contains spaces or colons");
  }
  return http::basic_authorization(user, text);
}

void hide_token(ApiAnswer& answer, const crypto::SecretString& authorization) {
  const std::string_view value = authorization.view();
  const std::string_view shown = value.substr(std::min(value.find(' ') + 1, value.size()));
  std::string plain;
  if (value.starts_with("Basic ")) plain = crypto::base64_decode(shown).value_or("");
  const std::string_view token = std::string_view(plain).substr(plain.find(':') + 1);
  for (std::string* text : {&answer.body, &answer.location, &answer.retry_after}) {
    for (const std::string_view secret : {shown, token}) {
      overwrite(*text, secret);
      overwrite(*text, with_escaped_slashes(secret));
    }
  }
  crypto::wipe(plain);
}

}  // namespace receiver::bitbucket_rest
