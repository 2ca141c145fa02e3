#include "api/secret.h"

namespace receiver::api {
namespace {

tl::expected<std::optional<crypto::SecretString>, std::string> decode_key(
    const rapidjson::Value& object, const char* key) {
  const rapidjson::Value* value = json::find(object, std::string("/data/") + key);
  if (value == nullptr || !value->IsString()) return std::nullopt;
  std::optional<std::string> decoded =
      crypto::base64_decode({value->GetString(), value->GetStringLength()});
  if (!decoded) return tl::unexpected(std::string("data.") + key + " is not base64");
  return crypto::SecretString(std::move(*decoded));
}

}  // namespace

const json::Projection& secret_projection() {
  static const json::Projection projection{
      "/metadata/labels/kargo.akuity.io~1cred-type",
      "/data/secret",
      "/data/secret.previous",
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
  return secret;
}

}  // namespace receiver::api
