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

/// The keys `bitbucket.*` as written: how to ask the receiver's Bitbucket. An absent key is empty.
struct BitbucketKeys {
  crypto::SecretString token;  ///< never empty, unless `problem` is about it
  crypto::SecretString username;
  crypto::SecretString url;
  crypto::SecretString ca;
  crypto::SecretString changed_files;
  crypto::SecretString registers;             ///< `bitbucket.register`
  std::optional<crypto::SecretString> allow;  ///< an empty value allows nothing
  std::string problem;  ///< why a value was not kept, for people; empty: no problem
  std::string
      register_problem;  ///< the same for `registers` and `allow`, which questions do not need

  // UID and version of the Secret. Another version may name another Bitbucket, or another token.
  std::string uid;
  std::string resource_version;

  friend bool operator==(const BitbucketKeys&, const BitbucketKeys&) = default;
};

/// The part of a Secret that a receiver uses. An absent key is nothing; an empty one is an empty
/// value.
struct Secret {
  std::optional<crypto::SecretString> value;     ///< data.secret
  std::optional<crypto::SecretString> previous;  ///< data["secret.previous"]
  bool labelled = false;  ///< has the label kargo.akuity.io/cred-type: generic
  std::shared_ptr<const BitbucketKeys> bitbucket;  ///< null: the Secret contains no token

  friend bool operator==(const Secret& left, const Secret& right);
};

[[nodiscard]] const json::Projection& secret_projection();
/// The error never contains a value.
[[nodiscard]] tl::expected<Secret, std::string> decode_secret(const kube::ObjectMeta& meta,
                                                              const rapidjson::Value& object);

}  // namespace receiver::api
