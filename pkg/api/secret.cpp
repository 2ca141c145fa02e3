#include "api/secret.h"

#include <utility>

#include <fmt/format.h>

namespace receiver::api {
namespace {

/// The base64 value of a key; nothing if there is no such key.
std::optional<std::string_view> stored(const rapidjson::Value& object, std::string_view key) {
  const rapidjson::Value* value = json::find(object, fmt::format("/data/{}", key));
  if (value == nullptr || !value->IsString()) return std::nullopt;
  return std::string_view(value->GetString(), value->GetStringLength());
}

tl::expected<std::optional<crypto::SecretString>, std::string> decode_key(
    const rapidjson::Value& object, std::string_view key) {
  const auto value = stored(object, key);
  if (!value) return std::nullopt;
  std::optional<std::string> decoded = crypto::base64_decode(*value);
  if (!decoded) return tl::unexpected(fmt::format("data.{} is not base64", key));
  return crypto::SecretString(std::move(*decoded));
}

/// An error in one of these keys affects only requests to Bitbucket: the receiver works without
/// them.
std::shared_ptr<const BitbucketKeys> decode_bitbucket(const rapidjson::Value& object) {
  const auto token = stored(object, "bitbucket.token");
  if (!token || token->empty()) return nullptr;
  auto keys = std::make_shared<BitbucketKeys>();
  const auto take = [&](std::string_view key, crypto::SecretString& member, std::size_t most,
                        std::string BitbucketKeys::*problem = &BitbucketKeys::problem) {
    auto value = decode_key(object, key);
    if (!value) {
      (*keys).*problem = value.error();
    } else if (*value && (*value)->view().size() > most) {
      (*keys).*problem = fmt::format("the value of key \"{}\" is longer than {} bytes", key, most);
    } else if (*value) {
      member = std::move(**value);
    }
  };
  take("bitbucket.token", keys->token, kMaxBitbucketValueBytes);
  take("bitbucket.username", keys->username, kMaxBitbucketValueBytes);
  take("bitbucket.url", keys->url, kMaxBitbucketValueBytes);
  take("bitbucket.ca", keys->ca, kMaxBitbucketCaBytes);
  take("bitbucket.changed-files", keys->changed_files, kMaxBitbucketValueBytes);
  take("bitbucket.register", keys->registers, kMaxBitbucketValueBytes,
       &BitbucketKeys::register_problem);
  if (stored(object, "bitbucket.allow")) {
    take("bitbucket.allow", keys->allow.emplace(), kMaxBitbucketAllowBytes,
         &BitbucketKeys::register_problem);
  }
  keys->uid = json::string_at(object, "/metadata/uid");
  keys->resource_version = json::string_at(object, "/metadata/resourceVersion");
  return keys;
}

}  // namespace

bool operator==(const Secret& left, const Secret& right) {
  const bool same_keys = left.bitbucket == right.bitbucket ||
                         (left.bitbucket && right.bitbucket && *left.bitbucket == *right.bitbucket);
  return left.value == right.value && left.previous == right.previous &&
         left.labelled == right.labelled && same_keys;
}

const json::Projection& secret_projection() {
  static const json::Projection projection{
      "/metadata/labels/kargo.akuity.io~1cred-type",
      "/metadata/uid",
      "/metadata/resourceVersion",
      "/data/secret",
      "/data/secret.previous",
      "/data/bitbucket.token",
      "/data/bitbucket.username",
      "/data/bitbucket.url",
      "/data/bitbucket.ca",
      "/data/bitbucket.changed-files",
      "/data/bitbucket.register",
      "/data/bitbucket.allow",
  };
  return projection;
}

tl::expected<Secret, std::string> decode_secret(const kube::ObjectMeta& /*meta*/,
                                                const rapidjson::Value& object) {
  auto value = decode_key(object, "secret");
  if (!value) return tl::unexpected(value.error());
  auto previous = decode_key(object, "secret.previous");
  if (!previous) return tl::unexpected(previous.error());
  Secret secret;
  secret.value = std::move(*value);
  secret.previous = std::move(*previous);
  secret.labelled =
      json::string_at(object, "/metadata/labels/kargo.akuity.io~1cred-type") == "generic";
  secret.bitbucket = decode_bitbucket(object);
  return secret;
}

}  // namespace receiver::api
