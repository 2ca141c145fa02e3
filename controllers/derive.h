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

/// The configured base URL, split for use: `origin` is scheme and authority, `path` is cleaned (""
/// or "/a/b").
struct BaseUrl {
  std::string origin;
  std::string path;
};

/// http(s) with a host; no query, fragment or user info. The error is one line for people.
[[nodiscard]] tl::expected<BaseUrl, std::string> parse_base_url(std::string_view text);

/// What is known of a Secret that a receiver names.
struct SecretState {
  enum class Known {
    kNotRead,     ///< neither its source nor a read of its own has answered yet
    kUnreadable,  ///< it or its source has failed three times, and is tried again
    kRefused,     ///< it or its source was refused
    kMissing,
    kPresent,
  };
  Known known = Known::kNotRead;
  /// kUnreadable: what failed. kRefused: what is missing. kMissing: the namespace, where it is not
  /// plain which. kPresent: why it is not watched, unless for want of the label.
  std::string why;
  api::Secret secret;
  bool watched = true;  ///< kPresent: a change of it is noticed at once
};

/// The Secret of that name in the owner's Secret namespace.
using SecretLookup = std::function<SecretState(std::string_view name)>;

/// A path that the listener answers, and the key that deliveries to it are signed with.
struct Route {
  std::string path;
  std::string project;  ///< empty: every namespace
  std::string receiver;
  crypto::SecretString key;
  bool previous = false;  ///< derived from `secret.previous`
  /// How its Bitbucket is asked; null: it is not.
  std::shared_ptr<const BitbucketAccess> bitbucket{};
  bool watched = true;  ///< as of SecretState: replicas learn of another key at once
};

/// Why a receiver is not published.
struct ReceiverFailure {
  std::string receiver;
  std::string reason;   ///< of the Event: SecretNotFound or SecretInvalid
  std::string message;  ///< for people; holds no secret
};

/// Something to recommend about a receiver that works.
struct ReceiverAdvice {
  std::string receiver;
  std::string reason;  ///< of the Event, such as WeakSecret or PreviousSecretActive
  bool warning = true;
  std::string message;
};

/// Whether the Secret of a receiver holds a token for Bitbucket.
struct TokenState {
  std::string receiver;
  std::string secret_name;
  std::optional<bool> has_token;  ///< nothing: the Secret is not there, or not known
};

struct DerivedReceivers {
  std::vector<api::PublishedReceiver> published;  ///< in the order of the spec
  std::vector<ReceiverFailure> failures;
  std::vector<ReceiverAdvice> advice;
  std::vector<Route> routes;
  std::vector<TokenState> tokens;
  /// Receivers that ask for their webhooks to be registered, by keys that do not let it begin.
  std::vector<std::string> cannot_register;
  bool unread = false;      ///< a Secret has not been tried: the status cannot be told yet
  bool incomplete = false;  ///< one could never be read, and not for a refusal: nor can "no such
                            ///< path"
};

/// `BASEPATH/bitbucket/HEX`, HEX the SHA-256 of project, receiver and secret (SPEC 2.1).
[[nodiscard]] std::string receiver_path(const BaseUrl& base, std::string_view project,
                                        std::string_view receiver, std::string_view secret);

/// Which Bitbucket receivers an object publishes, and why the others are missing. `hosts`: see
/// check_access(). Pure: no clock, no I/O.
[[nodiscard]] DerivedReceivers derive_receivers(const api::ReceiverOwner& owner,
                                                const SecretLookup& secrets, const BaseUrl& base,
                                                const BitbucketHosts* hosts = nullptr);

}  // namespace receiver::controllers
