#include "api/promotion.h"

#include <algorithm>

namespace receiver::api {

const json::Projection& promotion_projection() {
  static const json::Projection projection{
      "/spec/steps/*/uses",  "/spec/steps/*/as",       "/status/phase",
      "/status/currentStep", "/status/state/*/pr/url",
  };
  return projection;
}

tl::expected<Promotion, std::string> decode_promotion(const kube::ObjectMeta& meta,
                                                      const rapidjson::Value& object) {
  Promotion promotion;
  promotion.key = meta.key;
  const rapidjson::Value* steps = json::find(object, "/spec/steps");
  const rapidjson::Value* state = json::find(object, "/status/state");
  if (json::string_at(object, "/status/phase") != "Running" || steps == nullptr ||
      !steps->IsArray() || state == nullptr || !state->IsObject()) {
    return promotion;
  }
  const std::int64_t current = json::int_at(object, "/status/currentStep").value_or(0);
  const auto last = std::min<std::int64_t>(current, std::int64_t{steps->Size()} - 1);
  for (std::int64_t index = 0; index <= last; ++index) {
    const rapidjson::Value& step = (*steps)[static_cast<rapidjson::SizeType>(index)];
    if (json::string_at(step, "/uses") != "git-wait-for-pr") continue;
    const std::string alias(json::string_at(step, "/as"));
    const auto output = state->FindMember(alias);
    if (alias.empty() || output == state->MemberEnd()) continue;
    if (const std::string_view url = json::string_at(output->value, "/pr/url"); !url.empty()) {
      promotion.pull_request_urls.emplace_back(url);
    }
  }
  return promotion;
}

}  // namespace receiver::api
