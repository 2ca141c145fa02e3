#include "test/integration/missing_kind.h"

#include <exception>
#include <string>

#include "test/support/eventually.h"

namespace receiver::test {
namespace {

constexpr const char* kCrds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const std::string kPromotionsCrd = std::string(kCrds) + "/promotions.kargo.akuity.io";
constexpr const char* kKargoGroup = "/apis/kargo.akuity.io/v1alpha1";

/// Meanwhile the API server answers 404 or 429, or from its cache.
bool is_served(const Api& api) {
  try {
    return api.find(std::string(kKargoGroup) + "/promotions").has_value();
  } catch (const std::exception&) {
    return false;
  }
}

bool is_announced(const Api& api) {
  return api.text(kKargoGroup).find(R"("promotions")") != std::string::npos;
}

}  // namespace

MissingPromotions::MissingPromotions(const Api& api)
    : api_(api), crd_(api.get(kPromotionsCrd).at("/spec")) {
  api_.remove(kPromotionsCrd);
  eventually("the kind is gone",
             [&] { return !api_.find(kPromotionsCrd) && !is_served(api_) && !is_announced(api_); });
}

MissingPromotions::~MissingPromotions() {
  api_.create(kCrds, R"({"apiVersion": "apiextensions.k8s.io/v1",
                         "kind": "CustomResourceDefinition",
                         "metadata": {"name": "promotions.kargo.akuity.io"}, "spec": )" +
                         crd_ + "}");
  eventually("the kind is there", [&] { return is_served(api_) && is_announced(api_); });
}

}  // namespace receiver::test
