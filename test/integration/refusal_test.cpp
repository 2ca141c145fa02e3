#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"
#include "test/support/raw_client.h"

namespace receiver::test {

namespace {

/// The API server rejects every update of the project's Warehouse `refused` for good.
class Policy {
 public:
  Policy(const Cluster& cluster, const Project& project)
      : api_(cluster.admin()), name_(project.name()) {
    api_.create(collection("validatingadmissionpolicies"),
                fmt::format(R"({{"metadata": {{"name": "{}"}}, "spec": {{
                    "matchConstraints": {{
                        "namespaceSelector": {{"matchLabels": {{"kubernetes.io/metadata.name": "{}"}}}},
                        "resourceRules": [{{"apiGroups": ["kargo.akuity.io"], "apiVersions": ["v1alpha1"],
                                            "operations": ["UPDATE"], "resources": ["warehouses"]}}]}},
                    "validations": [{{"expression": "object.metadata.name != 'refused'"}}]}}}})",
                            name_, name_));
    api_.create(collection("validatingadmissionpolicybindings"),
                fmt::format(R"({{"metadata": {{"name": "{}"}},
                                 "spec": {{"policyName": "{}", "validationActions": ["Deny"]}}}})",
                            name_, name_));
  }
  ~Policy() {
    api_.remove(collection("validatingadmissionpolicybindings") + "/" + name_);
    api_.remove(collection("validatingadmissionpolicies") + "/" + name_);
  }
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

 private:
  static std::string collection(const std::string& plural) {
    return "/apis/admissionregistration.k8s.io/v1/" + plural;
  }

  const Api& api_;
  const std::string name_;
};

}  // namespace

TEST_CASE("what the API server refuses for good is failed to Cloud and accepted of Data Center",
          "[refusal]") {
  const Cluster cluster;
  const Project project(cluster);
  const std::string repository = "https://git.example.com/scm/" + project.name() + "/app.git";
  project.add_warehouse("fine", repository);
  project.add_warehouse("refused", repository);
  const Operator op(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  const Policy policy(cluster, project);
  const Delivery cloud = sign(cloud_push(repository, "main"), kSecret);
  const Delivery data_center = sign(data_center_push({repository}, "refs/heads/main"), kSecret);

  eventually_equals(
      "the policy is in force", [&] { return text_of(post(url, cloud)); },
      std::string("500 {\"error\":\"failed to refresh 1 of 2 warehouses\"}\n"));
  const std::string fine = refresh_of(project.warehouse("fine"));
  const std::string refused = refresh_of(project.warehouse("refused"));
  CHECK(text_of(post(url, data_center)) ==
        "202 {\"error\":\"failed to refresh 1 of 2 warehouses\"}\n");
  CHECK(refresh_of(project.warehouse("fine")) > fine);
  CHECK(refresh_of(project.warehouse("refused")) == refused);
  eventually("it is named in the log",
             [&] { return op.log().find(project.name() + "/refused") != std::string::npos; });
}

TEST_CASE("at the bound of the bodies held the answer is 503, and soon all is well again",
          "[refusal]") {
  const Cluster cluster;
  const Project project(cluster);
  project.add_warehouse("app", project.repository());
  const Operator op(cluster, {{"MAX_BODY_BYTES", "8192"},
                              {"MAX_BODIES_BYTES", "8192"},
                              {"BODY_TIMEOUT", "5m"}});  // however slow the test itself is
  const std::string path = project.publish("bb", kSecret);
  Delivery push = cloud_push(project.repository(), "main");
  push.body += std::string(4000, ' ');
  push = sign(push, kSecret);

  const RawClient slow(op.port());
  slow.send("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 8000\r\nX-Hub-Signature: " +
            signature_of("", kSecret) + "\r\n\r\n" + std::string(7000, ' '));
  eventually("the slow body is held", [&] {
    return op.metric(R"(bitbucket_receiver_http_body_bytes{server="webhook"})") >= 7000;
  });
  http::Response answer;
  eventually("a bound is reached", [&] {
    answer = post(op.url(path), push);
    return answer.status == 503;
  });
  CHECK(text_of(answer) == "503 {\"error\":\"overloaded\"}\n");
  CHECK(answer.headers.find("Retry-After"));

  slow.send(std::string(1000, ' '));
  eventually_equals(
      "the next push is served", [&] { return text_of(post(op.url(path), push)); }, kRefreshed);
}

}  // namespace receiver::test
