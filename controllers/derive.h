#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "api/receiver_owner.h"
#include "api/secret.h"
#include "controllers/bitbucket_access.h"

namespace receiver::controllers {

/// The configured base URL, split: `origin` is scheme and authority, `path` is cleaned ("" or
/// "/a/b").
struct BaseUrl {
  std::string origin;
  std::string path;
};

/// http(s) with a host; no query, fragment or user info. The error is one line for people.
[[nodiscard]] tl::expected<BaseUrl, std::string> parse_base_url(std::string_view text);

/// What is known about a Secret that a receiver names.
struct SecretState {
  enum class Known {
    kNotRead,     ///< neither its source nor a single read has answered yet
    kUnreadable,  ///< it or its source has failed three times, and is retried
    kRefused,     ///< it or its source was rejected
    kMissing,
    kPresent,
  };
  Known known = Known::kNotRead;
  /// kUnreadable: what failed. kRefused: what is missing. kMissing: the namespace, if it is not
  /// obvious. kPresent: why it is not watched, unless it lacks the label.
  std::string why;
  api::Secret secret;
  bool watched = true;  ///< kPresent: its changes are noticed at once
};

/// Looks up a Secret by name, in the owner's Secret namespace.
using SecretLookup = std::function<SecretState(std::string_view name)>;

/// A path that the listener serves, and the key that signs deliveries to it.
struct Route {
  std::string path;
  std::string project;  ///< empty: every namespace
  std::string receiver;
  crypto::SecretString key;
  bool previous = false;  ///< from `secret.previous`
  /// How to ask its Bitbucket; null: do not ask.
  std::shared_ptr<const BitbucketAccess> bitbucket{};
  bool watched = true;  ///< as in SecretState: replicas notice another key at once
};

/// Why a receiver is not published.
struct ReceiverFailure {
  std::string receiver;
  std::string reason;   ///< of the Event: SecretNotFound or SecretInvalid
  std::string message;  ///< for people; contains no secret
};

/// A recommendation about a receiver that works.
struct ReceiverAdvice {
  std::string receiver;
  std::string reason;  ///< of the Event, such as WeakSecret or PreviousSecretActive
  bool warning = true;
  std::string message;
};

/// Whether the Secret of a receiver contains a token for Bitbucket.
struct TokenState {
  std::string receiver;
  std::string secret_name;
  std::optional<bool> has_token;  ///< nothing: the Secret does not exist, or is unknown
};

struct DerivedReceivers {
  std::vector<api::PublishedReceiver> published;  ///< in the order of the spec
  std::vector<ReceiverFailure> failures;
  std::vector<ReceiverAdvice> advice;
  std::vector<Route> routes;
  std::vector<TokenState> tokens;
  /// Receivers whose Secret asks for registration with keys that prevent it.
  std::vector<std::string> cannot_register;
  bool unread = false;      ///< a Secret has not been tried: the status cannot be computed yet
  bool incomplete = false;  ///< a Secret could never be read, without being rejected: an unknown
                            ///< path cannot be answered 404 yet
};

/// `BASEPATH/bitbucket/HEX`, where HEX is the SHA-256 of project, receiver and secret (SPEC 2.1).
[[nodiscard]] std::string receiver_path(const BaseUrl& base, std::string_view project,
                                        std::string_view receiver, std::string_view secret);

/// Which Bitbucket receivers an object publishes, and why the others are missing. For `hosts` see
/// check_access(). Pure: no clock, no I/O.
[[nodiscard]] DerivedReceivers derive_receivers(const api::ReceiverOwner& owner,
                                                const SecretLookup& secrets, const BaseUrl& base,
                                                const BitbucketHosts* hosts = nullptr);

}  // namespace receiver::controllers
