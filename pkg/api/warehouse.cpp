#include "api/warehouse.h"

namespace receiver::api {
namespace {

std::vector<std::string> strings_at(const rapidjson::Value& value, std::string_view pointer) {
  std::vector<std::string> strings;
  const rapidjson::Value* list = json::find(value, pointer);
  if (list == nullptr || !list->IsArray()) return strings;
  for (const rapidjson::Value& entry : list->GetArray()) {
    if (entry.IsString()) strings.emplace_back(entry.GetString(), entry.GetStringLength());
  }
  return strings;
}

}  // namespace

const json::Projection& warehouse_projection() {
  static const json::Projection projection{
      "/spec/subscriptions/*/git/repoURL",
      "/spec/subscriptions/*/git/branch",
      "/spec/subscriptions/*/git/commitSelectionStrategy",
      "/spec/subscriptions/*/git/semverConstraint",
      "/spec/subscriptions/*/git/strictSemvers",
      "/spec/subscriptions/*/git/allowTagsRegexes",
      "/spec/subscriptions/*/git/ignoreTagsRegexes",
      "/spec/subscriptions/*/git/includePaths",
      "/spec/subscriptions/*/git/excludePaths",
  };
  return projection;
}

tl::expected<Warehouse, std::string> decode_warehouse(const kube::ObjectMeta& meta,
                                                      const rapidjson::Value& object) {
  Warehouse warehouse;
  warehouse.key = meta.key;
  const rapidjson::Value* list = json::find(object, "/spec/subscriptions");
  if (list == nullptr || !list->IsArray()) return warehouse;
  for (const rapidjson::Value& entry : list->GetArray()) {
    const std::string_view repo_url = json::string_at(entry, "/git/repoURL");
    if (repo_url.empty()) continue;
    git::Subscription subscription;
    subscription.repo_url = repo_url;
    subscription.branch = json::string_at(entry, "/git/branch");
    subscription.strategy =
        git::strategy_of(json::string_at(entry, "/git/commitSelectionStrategy"));
    subscription.semver_constraint = json::string_at(entry, "/git/semverConstraint");
    subscription.strict_semvers = json::bool_at(entry, "/git/strictSemvers");
    subscription.allow_tags_regexes = strings_at(entry, "/git/allowTagsRegexes");
    subscription.ignore_tags_regexes = strings_at(entry, "/git/ignoreTagsRegexes");
    subscription.paths = git::PathRules(strings_at(entry, "/git/includePaths"),
                                        strings_at(entry, "/git/excludePaths"));
    warehouse.subscriptions.push_back(std::move(subscription));
  }
  warehouse.subscriptions.shrink_to_fit();
  return warehouse;
}

}  // namespace receiver::api
