#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "crypto/crypto.h"
#include "json/json.h"
#include "kube/object_key.h"

namespace receiver::api {

/// Longer values of the keys `bitbucket.*` are not kept.
inline constexpr std::size_t kMaxBitbucketValueBytes = 4 * 1024;
inline constexpr std::size_t kMaxBitbucketAllowBytes = 64 * 1024;
inline constexpr std::size_t kMaxBitbucketCaBytes = 256 * 1024;

/// The keys `bitbucket.*` as they are written: how a receiver's Bitbucket may be asked. An absent
/// key is empty.
struct BitbucketKeys {
  crypto::SecretString token;  ///< never empty, but where `problem` is about it
  crypto::SecretString username;
  crypto::SecretString url;
  crypto::SecretString ca;
  crypto::SecretString changed_files;
  crypto::SecretString registers;             ///< `bitbucket.register`
  std::optional<crypto::SecretString> allow;  ///< an empty one allows nothing
  std::string problem;  ///< a value that is not kept, and why, for people; empty: there is none
  std::string
      register_problem;  ///< the same of `registers` and `allow`, which asking does not need

  // Of the Secret. Another version is another Bitbucket, or another token.
  std::string uid;
  std::string resource_version;

  friend bool operator==(const BitbucketKeys&, const BitbucketKeys&) = default;
};

/// The part of a Secret that a receiver uses. A key that is absent is nothing; an empty one is an
/// empty value.
struct Secret {
  std::optional<crypto::SecretString> value;       ///< data.secret
  std::optional<crypto::SecretString> previous;    ///< data["secret.previous"]
  bool labelled = false;                           ///< carries kargo.akuity.io/cred-type: generic
  std::shared_ptr<const BitbucketKeys> bitbucket;  ///< null: it holds no token

  friend bool operator==(const Secret& left, const Secret& right);
};

[[nodiscard]] const json::Projection& secret_projection();
/// The error never holds a value.
[[nodiscard]] tl::expected<Secret, std::string> decode_secret(const kube::ObjectMeta& meta,
                                                              const rapidjson::Value& object);

}  // namespace receiver::api
