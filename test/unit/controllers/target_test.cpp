#include "controllers/target.h"

#include <catch2/catch.hpp>

namespace receiver::controllers {

TEST_CASE("a target is an object of Kargo's, by its kind") {
  CHECK(resource_of(TargetKind::kWarehouse).name() == "warehouses.kargo.akuity.io");
  CHECK(resource_of(TargetKind::kPromotion).path(kube::ObjectKey{"demo", "p"}) ==
        "/apis/kargo.akuity.io/v1alpha1/namespaces/demo/promotions/p");
}

}  // namespace receiver::controllers
