#include "kube/resource.h"

#include <catch2/catch.hpp>

namespace receiver::kube {

TEST_CASE("a kind's name and paths follow its group and scope") {
  const Resource secrets{"", "v1", "secrets"};
  const Resource warehouses{"kargo.akuity.io", "v1alpha1", "warehouses"};

  CHECK(secrets.name() == "secrets");
  CHECK(warehouses.name() == "warehouses.kargo.akuity.io");
  CHECK(secrets.path() == "/api/v1/secrets");
  CHECK(secrets.path("team-a") == "/api/v1/namespaces/team-a/secrets");
  CHECK(secrets.path(ObjectKey{"team-a", "hook"}) == "/api/v1/namespaces/team-a/secrets/hook");
  CHECK(warehouses.path() == "/apis/kargo.akuity.io/v1alpha1/warehouses");
  CHECK(warehouses.path("team-a") == "/apis/kargo.akuity.io/v1alpha1/namespaces/team-a/warehouses");
}

TEST_CASE("an object without a namespace is addressed in its cluster-scoped kind") {
  const Resource configs{"kargo.akuity.io", "v1alpha1", "clusterconfigs"};
  CHECK(configs.path("") == configs.path());
  CHECK(configs.path(ObjectKey{"", "cluster"}) ==
        "/apis/kargo.akuity.io/v1alpha1/clusterconfigs/cluster");
}

TEST_CASE("the name of an object is a DNS subdomain") {
  CHECK(is_subdomain("a"));
  CHECK(is_subdomain("0.my-secret.v1"));
  CHECK(is_subdomain(std::string(253, 'a')));
  CHECK_FALSE(is_subdomain(std::string(254, 'a')));
  CHECK_FALSE(is_subdomain(""));
}

}  // namespace receiver::kube
