#include "kube/reflector_request.h"

#include <catch2/catch.hpp>

namespace receiver::kube::reflecting {

TEST_CASE("a list is asked for in pages: from the cache, from storage, or continued") {
  const ReflectorOptions all{.resource = {"kargo.akuity.io", "v1alpha1", "warehouses"},
                             .ns = {},
                             .label_selector = {},
                             .field_selector = {},
                             .projection = {},
                             .times = {}};
  const std::string path = "/apis/kargo.akuity.io/v1alpha1/warehouses";
  CHECK(list_target(all, {true, ""}) == path + "?limit=500&resourceVersion=0");
  CHECK(list_target(all, {false, ""}) == path + "?limit=500");
  CHECK(list_target(all, {true, "a+b/c="}) == path + "?limit=500&continue=a%2Bb%2Fc%3D");
}

TEST_CASE("a watch asks for bookmarks, and for a time between five and ten minutes") {
  const ReflectorOptions secrets{.resource = {"", "v1", "secrets"},
                                 .ns = "kargo-demo",
                                 .label_selector = "kargo.akuity.io/cred-type=generic",
                                 .field_selector = "metadata.name=x,type!=y",
                                 .projection = {},
                                 .times = {}};
  const std::string head =
      "/api/v1/namespaces/kargo-demo/secrets?watch=true&allowWatchBookmarks=true&timeoutSeconds=";
  const std::string selectors =
      "&labelSelector=kargo.akuity.io%2Fcred-type%3Dgeneric&fieldSelector=metadata.name%3Dx%2Ctype%"
      "21%3Dy";
  CHECK(watch_target(secrets, {"123"}, 0) == head + "300&resourceVersion=123" + selectors);
  CHECK(watch_target(secrets, {"123"}, 0.9999) == head + "599&resourceVersion=123" + selectors);
  CHECK(list_target(secrets, {true, ""}) ==
        "/api/v1/namespaces/kargo-demo/secrets?limit=500&resourceVersion=0" + selectors);
}

}  // namespace receiver::kube::reflecting
