#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/secret.h"
#include "bitbucket_rest/allow_list.h"
#include "bitbucket_rest/repository.h"
#include "crypto/crypto.h"

namespace receiver::controllers {

/// The Data Centers that the operator may connect to: the setting BITBUCKET_HOSTS. A tenant chooses
/// the address that a token is sent to, and must not be able to send the operator to any host.
/// Bitbucket Cloud's own API is always allowed.
class BitbucketHosts {
 public:
  /// Parses `HOST[:PORT]`, separated by commas or blanks; the default port is 443, as for https.
  /// Nothing if an entry is not a host.
  [[nodiscard]] static std::optional<BitbucketHosts> parse(std::string_view text);
  /// `host` is from a URL, with its port if it has one.
  [[nodiscard]] bool allow(std::string_view host) const;

  friend bool operator==(const BitbucketHosts&, const BitbucketHosts&) = default;

 private:
  std::set<std::string> hosts_;  ///< in lower case, without the port 443
};

/// Which Bitbucket a receiver's Secret lets the operator ask, and how: the keys `bitbucket.*`,
/// checked. Immutable, and shared by all routes of the receiver.
struct BitbucketAccess {
  /// UID and version of the Secret. Answers that were received with one version are not used for
  /// another.
  std::string secret_uid;
  std::string secret_version;
  /// Bitbucket Cloud or one Data Center: the only server that gets the token.
  bitbucket::Source product = bitbucket::Source::kCloud;
  std::string server;                  ///< `https://HOST[:PORT][/CONTEXT]`
  crypto::SecretString authorization;  ///< value of the header
  crypto::SecretString ca;             ///< PEM; empty: the system's CAs
  bool changed_files = true;  ///< the operator may ask for changed files and the default branch
  /// The operator registers webhooks. An error in the keys for that does not prevent questions.
  bool registers = false;
  std::optional<bitbucket_rest::AllowList>
      allow{};  ///< where webhooks may go; nothing: the key is absent

  /// Digest of the server and the credentials: equal for Secrets that differ only in other keys.
  [[nodiscard]] std::string digest() const;
  /// The repository of a URL, if it is on this Bitbucket.
  [[nodiscard]] std::optional<bitbucket_rest::Repository> repository(std::string_view url) const;
};

/// Why Bitbucket is not asked, or no webhook is registered, for an Event.
struct BitbucketRefusal {
  std::string reason;
  std::string message;              ///< contains neither token nor certificate
  bool stops_registration = false;  ///< the Secret asks for registration, which cannot begin
};

struct CheckedAccess {
  /// Null: the operator sends nothing, because one of the keys is invalid, or leads to a host that
  /// is not allowed.
  std::shared_ptr<const BitbucketAccess> access;
  std::vector<BitbucketRefusal> refusals;
};

/// Checks the keys of the Secret with that name. Without `hosts`, for callers that send no
/// requests: only the errors in the keys. Pure.
[[nodiscard]] CheckedAccess check_access(const api::BitbucketKeys& keys,
                                         const BitbucketHosts* hosts, std::string_view secret_name);

}  // namespace receiver::controllers
