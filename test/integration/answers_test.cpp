#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

TEST_CASE("a delivery that is not signed rightly refreshes nothing", "[answers]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  project.add_warehouse("app", project.repository());
  const Delivery push = cloud_push(project.repository(), "main");
  const Delivery good = sign(push, kSecret);
  eventually_equals(
      "a good one refreshes", [&] { return text_of(post(url, good)); }, kRefreshed);
  const std::string version = resource_version(project.warehouse("app"));

  const std::string missing = "401 {\"error\":\"missing signature\"}\n";
  const std::string refused = "401 {\"error\":\"unauthorized\"}\n";
  CHECK(text_of(post(url, push)) == missing);
  CHECK(text_of(post(url, sign(push, "another-secret-altogether"))) == refused);
  CHECK(text_of(post(url, {push.event, push.body + " ", good.signature})) == refused);
  for (const std::string& signature :
       {std::string("sha256="), std::string("sha256"), std::string("x"),
        "sha1=" + good.signature->substr(7), good.signature->substr(7),
        good.signature->substr(0, good.signature->size() - 1), *good.signature + "00",
        std::string("sha256=zz") + good.signature->substr(9)}) {
    INFO(signature);
    CHECK(text_of(post(url, {push.event, push.body, signature})) == refused);
  }
  CHECK(resource_version(project.warehouse("app")) == version);

  CHECK(text_of(post(url, good)) == kRefreshed);
  CHECK(resource_version(project.warehouse("app")) != version);
}

TEST_CASE("the answers are those of the contract", "[answers]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string url = op.url(project.publish("bb", kSecret));
  project.add_warehouse("app", project.repository());
  const std::string version = resource_version(project.warehouse("app"));
  const auto answer_to = [&](const Delivery& delivery) { return text_of(post(url, delivery)); };

  // The ping of Data Center's test button is unsigned.
  const std::string pinged = "200 {\"msg\":\"ping received\"}\n";
  CHECK(answer_to({"diagnostics:ping", R"({"test": true})"}) == pinged);
  CHECK(answer_to({"diagnostics:ping", ""}) == pinged);

  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  const http::Response unknown = post(op.url("/bitbucket/" + std::string(64, '0')), push);
  CHECK(text_of(unknown) == "404 {}\n");
  CHECK(unknown.headers.find("Content-Type") == "application/json");

  const http::Response other_method = send(url, {"GET", {}, {}, {}});
  CHECK(other_method.status == 405);
  CHECK(other_method.headers.find("Allow") == "POST");

  CHECK(answer_to(sign({"issue:created", "{}"}, kSecret)) ==
        R"(200 {"msg":"event type \"issue:created\" is ignored"})"
        "\n");
  CHECK(answer_to(sign({"", "{}"}, kSecret)) == R"(200 {"msg":"event type \"\" is ignored"})"
                                                "\n");

  const std::string invalid = "400 {\"error\":\"invalid request body\"}\n";
  CHECK(answer_to(sign({"repo:push", "[]"}, kSecret)) == invalid);
  CHECK(answer_to(sign({"repo:push", "{\"push\":"}, kSecret)) == invalid);
  CHECK(answer_to(sign({"repo:push", ""}, kSecret)) == invalid);

  const std::string above_the_limit(2 * 1024 * 1024 + 1, ' ');
  CHECK(answer_to(sign({"repo:push", above_the_limit}, kSecret)) ==
        "413 {\"error\":\"content exceeds limit of 2097152 bytes\"}\n");

  CHECK(answer_to(sign({"repo:push", "{}"}, kSecret)) ==
        "200 {\"msg\":\"refreshed 0 warehouse(s)\"}\n");
  CHECK(send(op.url("/healthz"), {"GET", {}, {}, {}}).status == 200);
  CHECK(resource_version(project.warehouse("app")) == version);
}

TEST_CASE("a receiver is served where the Ingress strips the base path", "[answers]") {
  const Cluster cluster;
  const Operator op(cluster, {{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "https://hooks.example/a/b"}});
  const Project project(cluster);
  const std::string hex_path = project.publish("bb", kSecret);
  REQUIRE(hex_path.starts_with("/bitbucket/"));
  project.add_warehouse("app", project.repository());
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  eventually_equals(
      "it is served at its whole path",
      [&] { return text_of(post(op.url("/a/b" + hex_path), push)); }, kRefreshed);
  struct Row {
    const char* base;
    unsigned status;
    std::optional<std::string_view> form;
  };
  for (const auto& [base, status, form] :
       {Row{"/a/b", 200, "full"}, Row{"/b", 200, "stripped"}, Row{"", 200, "stripped"},
        Row{"/a", 404, std::nullopt}, Row{"/x/a/b", 404, std::nullopt}}) {
    INFO(base);
    CHECK(post(op.url(base + hex_path), push).status == status);
    const http::Response pong = post(op.url(base + hex_path), {"diagnostics:ping", ""});
    CHECK(pong.headers.find("X-Receiver-Path") == form);
  }
}

TEST_CASE("the old path is unknown once the Secret has changed", "[answers]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string old_path = project.publish("bb", kSecret);
  project.put_secret("bb-secret", {{"secret", "the-next-value-of-the-secret"}});
  const std::string new_path = receiver_path(project.name(), "bb", "the-next-value-of-the-secret");
  const Delivery push = cloud_push(project.repository(), "main");
  eventually_equals(
      "the new path answers",
      [&] { return post(op.url(new_path), sign(push, "the-next-value-of-the-secret")).status; },
      200U);
  CHECK(text_of(post(op.url(old_path), sign(push, kSecret))) == "404 {}\n");
}

TEST_CASE("the path of a receiver that left the spec is unknown", "[answers]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project emptied(cluster);
  const Project removed(cluster);
  const Delivery push = sign(cloud_push(emptied.repository(), "main"), kSecret);
  const std::string emptied_url = op.url(emptied.publish("bb", kSecret));
  const std::string removed_url = op.url(removed.publish("bb", kSecret));
  CHECK(post(emptied_url, push).status == 200);
  CHECK(post(removed_url, push).status == 200);

  emptied.declare({});
  cluster.admin().remove(removed.config_path());
  for (const std::string& url : {emptied_url, removed_url}) {
    eventually_equals(
        "the path is unknown", [&] { return text_of(post(url, push)); }, std::string("404 {}\n"));
  }
}

TEST_CASE("deliveries signed with the previous secret are served at the previous path",
          "[answers]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string old_url = op.url(project.publish("bb", kSecret));
  project.add_warehouse("app", project.repository());
  const Delivery push = cloud_push(project.repository(), "main");

  const std::string next = "the-next-value-of-the-secret";
  project.put_secret("bb-secret", {{"secret", next}, {"secret.previous", kSecret}});
  const std::string new_url = op.url(receiver_path(project.name(), "bb", next));
  eventually_equals(
      "the new URL is published", [&] { return published_url(project.config(), "bb"); }, new_url);
  CHECK(project.config().size_at("/status/webhookReceivers") == 1);
  eventually_equals(
      "a push refreshes", [&] { return text_of(post(new_url, sign(push, next))); }, kRefreshed);
  CHECK(text_of(post(old_url, sign(push, kSecret))) == kRefreshed);
  CHECK(post(old_url, sign(push, next)).status == 401);
  CHECK(post(new_url, sign(push, kSecret)).status == 401);

  project.put_secret("bb-secret", {{"secret", next}});
  eventually_equals(
      "the previous path is unknown", [&] { return text_of(post(old_url, sign(push, kSecret))); },
      std::string("404 {}\n"));
  CHECK(text_of(post(new_url, sign(push, next))) == kRefreshed);
}

TEST_CASE("neither secrets nor the paths of receivers are logged", "[answers]") {
  const Cluster cluster;
  const Operator op(cluster, {{"LOG_LEVEL", "TRACE"}});
  const Project project(cluster);
  const std::string path = project.publish("bb", kSecret);
  project.add_warehouse("app", project.repository());
  const Delivery push = cloud_push(project.repository(), "main");
  eventually_equals(
      "a push refreshes", [&] { return text_of(post(op.url(path), sign(push, kSecret))); },
      kRefreshed);
  CHECK(post(op.url(path), sign(push, "another-secret-altogether")).status == 401);
  project.put_secret("bb-secret", {{"secret", "the-next-value-of-the-secret"}});
  eventually_equals(
      "the path is unknown", [&] { return post(op.url(path), push).status; }, 404U);

  const std::string log = op.log();
  CHECK(log.find(project.name()) != std::string::npos);  // there is something to compare
  for (const std::string& hidden :
       {std::string(kSecret), std::string("the-next-value-of-the-secret"), path,
        receiver_path(project.name(), "bb", "the-next-value-of-the-secret"),
        sign(push, kSecret).signature->substr(7)}) {
    INFO(hidden);
    CHECK(log.find(hidden) == std::string::npos);
  }
}

}  // namespace receiver::test
