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

/// The Data Centers that may be asked: the setting BITBUCKET_HOSTS. A tenant chooses the address
/// that a token is sent to, and must not send the operator anywhere. Bitbucket Cloud's own API is
/// always allowed.
class BitbucketHosts {
 public:
  /// `HOST[:PORT]`, between commas or blanks; without a port it is 443, that of https. Nothing if
  /// an entry is no host.
  [[nodiscard]] static std::optional<BitbucketHosts> parse(std::string_view text);
  /// Of a URL, with its port where it has one.
  [[nodiscard]] bool allow(std::string_view host) const;

  friend bool operator==(const BitbucketHosts&, const BitbucketHosts&) = default;

 private:
  std::set<std::string> hosts_;  ///< in lower case, without the port 443
};

/// Which Bitbucket a receiver's Secret lets the operator ask, and how: the keys `bitbucket.*`,
/// checked. Immutable, and shared by all routes of the receiver.
struct BitbucketAccess {
  /// Of the Secret. What was answered under one version holds for no other.
  std::string secret_uid;
  std::string secret_version;
  /// Bitbucket Cloud or one Data Center: the only server that sees the token.
  bitbucket::Source product = bitbucket::Source::kCloud;
  std::string server;                  ///< `https://HOST[:PORT][/CONTEXT]`
  crypto::SecretString authorization;  ///< the header's value
  crypto::SecretString ca;             ///< PEM; empty: the system's authorities
  bool changed_files = true;           ///< files and default branch may be asked for
  /// Webhooks are to be made and kept right. What is wrong with the keys for that is no reason not
  /// to ask.
  bool registers = false;
  std::optional<bitbucket_rest::AllowList> allow{};  ///< where; nothing: the key is not there

  /// Of the server and all that it is shown: the same for Secrets that differ in other keys only.
  [[nodiscard]] std::string digest() const;
  /// The repository of that URL, if it is one of this Bitbucket's.
  [[nodiscard]] std::optional<bitbucket_rest::Repository> repository(std::string_view url) const;
};

/// Why it is not asked, or no webhook registered, for an Event.
struct BitbucketRefusal {
  std::string reason;
  std::string message;              ///< holds neither token nor certificate
  bool stops_registration = false;  ///< which the Secret asks for
};

struct CheckedAccess {
  /// Null: nothing is sent, since one of the keys cannot be what it should be, or leads to a host
  /// that is not allowed.
  std::shared_ptr<const BitbucketAccess> access;
  std::vector<BitbucketRefusal> refusals;
};

/// Of the Secret of that name. Without `hosts`, for those who ask nothing themselves: only what is
/// wrong with the keys. Pure.
[[nodiscard]] CheckedAccess check_access(const api::BitbucketKeys& keys,
                                         const BitbucketHosts* hosts, std::string_view secret_name);

}  // namespace receiver::controllers
