#include <chrono>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {

namespace {

std::string url_of(const Operator& op, const Project& project, const std::string& receiver,
                   const std::string& secret) {
  return op.url(receiver_path(project.name(), receiver, secret));
}

}  // namespace

TEST_CASE("a receiver's URL is the SHA-256 of project and receiver and secret under the base URL",
          "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.put_secret("bb-wh-secret", {{"secret", kSecret}});
  project.declare({{"bb-wh-receiver", "bb-wh-secret"}});
  project.await_ready();

  const Finished hash = run({"/bin/sh", "-c",
                             "printf '%s' \"$PROJECT\" bb-wh-receiver \"$SECRET\" | sha256sum | "
                             "cut -d' ' -f1 | tr -d '\\n'"},
                            {{"PROJECT", project.name()}, {"SECRET", kSecret}});
  REQUIRE(hash.output.size() == 64);
  const Json config = project.config();
  CHECK(config.size_at("/status/webhookReceivers") == 1);
  CHECK(config.at("/status/webhookReceivers/0/name") == "bb-wh-receiver");
  CHECK(config.at("/status/webhookReceivers/0/path") == "/bitbucket/" + hash.output);
  CHECK(config.at("/status/webhookReceivers/0/url") == op.origin() + "/bitbucket/" + hash.output);
  CHECK(config.at("/status/observedGeneration") == config.at("/metadata/generation"));
  const auto ready = [&](const char* member) {
    return config.of_element("/status/conditions", "type", "Ready", member);
  };
  CHECK(ready("status") == "True");
  CHECK(ready("reason") == "Synced");
  CHECK(ready("message") == kProjectReady);
  CHECK(ready("observedGeneration") == config.at("/metadata/generation"));

  const std::string table =
      cluster.kubectl({"get", "projectconfigs", "--namespace", project.name()});
  INFO(table);
  CHECK(table.find("READY") != std::string::npos);
  CHECK(table.find("STATUS") != std::string::npos);
  CHECK(table.find("AGE") != std::string::npos);
  CHECK(table.find(std::string("True    ") + kProjectReady) != std::string::npos);
}

TEST_CASE("the path of the base URL is part of a receiver's path", "[status]") {
  const Cluster cluster;
  const Operator op(cluster,
                    {{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "https://kargo.example.com/hooks/"}});
  const Project project(cluster);
  const std::string path = "/hooks" + project.publish("bb", kSecret);
  CHECK(published_url(project.config(), "bb") == "https://kargo.example.com" + path);
}

TEST_CASE("several receivers are published in the order of the spec", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.put_secret("one", {{"secret", kSecret}});
  project.put_secret("two", {{"secret", "another-secret-of-the-tests"}});
  project.declare({{"zeta", "one"}, {"alpha", "two"}, {"mid", "one"}});
  project.await_ready();

  const Json config = project.config();
  REQUIRE(config.size_at("/status/webhookReceivers") == 3);
  CHECK(config.at("/status/webhookReceivers/0/url") == url_of(op, project, "zeta", kSecret));
  CHECK(config.at("/status/webhookReceivers/1/url") ==
        url_of(op, project, "alpha", "another-secret-of-the-tests"));
  CHECK(config.at("/status/webhookReceivers/2/url") == url_of(op, project, "mid", kSecret));
}

TEST_CASE("a changed Secret changes the URL within a second", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  (void)project.publish("bb", kSecret);

  std::vector<std::chrono::milliseconds> took;
  for (int round = 1; round <= 5; ++round) {
    const std::string value = "changed-secret-number-" + std::to_string(round);
    project.put_secret("bb-secret", {{"secret", value}});
    took.push_back(eventually_equals(
        "the URL of the changed Secret", [&] { return published_url(project.config(), "bb"); },
        url_of(op, project, "bb", value)));
  }
  check_median(took, kPromptly);
}

TEST_CASE("a deleted Secret makes the receiver fail by name and its return makes it well",
          "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.put_secret("kept", {{"secret", kSecret}});
  project.put_secret("deleted", {{"secret", kSecret}});
  project.declare({{"good", "kept"}, {"bad", "deleted"}});
  project.await_ready();

  project.delete_secret("deleted");
  eventually_equals(
      "the receiver fails",
      [&] { return project.config().of_element("/status/conditions", "type", "Ready", "status"); },
      std::string("False"));
  const Json config = project.config();
  CHECK(config.of_element("/status/conditions", "type", "Ready", "reason") ==
        "SyncWebhookReceiversFailed");
  const std::string message = ready_message(config, "False");
  INFO(message);
  CHECK(message.starts_with("Failed to sync WebhookReceivers: "));
  CHECK(message.find("bad") != std::string::npos);
  CHECK(message.find("deleted not found") != std::string::npos);
  CHECK(message.find("good") == std::string::npos);
  CHECK(published_url(config, "bad").empty());
  CHECK(published_url(config, "good") == url_of(op, project, "good", kSecret));

  project.put_secret("deleted", {{"secret", "a-new-value-of-the-secret"}});
  project.await_ready();
  CHECK(published_url(project.config(), "bad") ==
        url_of(op, project, "bad", "a-new-value-of-the-secret"));
}

TEST_CASE("a Secret without a value fails its receiver and says why", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.put_secret("no-key", {{"token", kSecret}});
  project.put_secret("empty", {{"secret", ""}});
  project.declare({{"first", "no-key"}, {"second", "empty"}, {"third", "never-made"}});
  const auto message = [&] { return ready_message(project.config(), "False"); };
  eventually("the failures are told",
             [&] { return message().starts_with("Failed to sync WebhookReceivers: "); });
  INFO(message());
  CHECK(message().find("Secret no-key has no key \"secret\"") != std::string::npos);
  CHECK(message().find("Secret empty: the value of key \"secret\" is empty") != std::string::npos);
  CHECK(message().find("Secret never-made not found") != std::string::npos);
  CHECK(project.config().size_at("/status/webhookReceivers") == 0);
}

TEST_CASE("a name that no Secret can have fails its own receiver only", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string path = project.publish("bb", kSecret);

  project.declare({{"bb", "bb-secret"}, {"odd", "my secret"}});
  eventually("the status names the receiver", [&] {
    const std::string message = ready_message(project.config(), "False");
    return message.find("odd") != std::string::npos &&
           message.find("not a valid name of a Secret") != std::string::npos;
  });
  CHECK(published_url(project.config(), "bb") == op.origin() + path);
  CHECK(op.is_ready());
}

TEST_CASE("a Secret without the label is found all the same", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.put_secret("plain", {{"secret", kSecret}}, false);
  project.declare({{"bb", "plain"}});
  project.await_ready();
  CHECK(published_url(project.config(), "bb") == url_of(op, project, "bb", kSecret));
}

TEST_CASE("a receiver that left the spec leaves the status", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.put_secret("one", {{"secret", kSecret}});
  project.declare({{"stays", "one"}, {"goes", "one"}});
  project.await_ready();

  project.declare({{"stays", "one"}});
  eventually_equals(
      "one receiver is left", [&] { return project.config().size_at("/status/webhookReceivers"); },
      1U);
  CHECK(published_url(project.config(), "stays") == url_of(op, project, "stays", kSecret));

  project.declare({});
  eventually_equals(
      "no receiver is left", [&] { return project.config().size_at("/status/webhookReceivers"); },
      0U);
  CHECK(ready_message(project.config(), "True") == kProjectReady);
}

namespace {

/// What is left of a status entry of another type of receiver, between two of ours, after ours have
/// changed. `entry` is what its owner writes.
Json entry_after_our_change(const std::string& entry) {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.put_secret("one", {{"secret", kSecret}});
  project.declare({});
  cluster.admin().merge_patch(project.config_path(),
                              R"({"spec": {"webhookReceivers": [
            {"name": "bb-first", "bitbucket": {"secretRef": {"name": "one"}}},
            {"name": "gh", "github": {"secretRef": {"name": "one"}}},
            {"name": "bb-last", "bitbucket": {"secretRef": {"name": "one"}}}]}})");
  eventually_equals(
      "ours are published", [&] { return project.config().size_at("/status/webhookReceivers"); },
      2U);

  const Json ours = project.config();
  const std::string first = ours.at("/status/webhookReceivers/0");
  const std::string last = ours.at("/status/webhookReceivers/1");
  cluster.admin().merge_patch(
      project.config_path() + "/status",
      R"({"status": {"webhookReceivers": [)" + first + "," + entry + "," + last + "]}}");
  project.put_secret("one", {{"secret", "another-secret-of-the-tests"}});
  eventually_equals(
      "ours have changed", [&] { return published_url(project.config(), "bb-last"); },
      url_of(op, project, "bb-last", "another-secret-of-the-tests"));

  const Json config = project.config();
  REQUIRE(config.size_at("/status/webhookReceivers") == 3);
  CHECK(config.at("/status/webhookReceivers/0/url") ==
        url_of(op, project, "bb-first", "another-secret-of-the-tests"));
  CHECK(config.at("/status/webhookReceivers/2/name") == "bb-last");
  return Json(config.at("/status/webhookReceivers/1"));
}

}  // namespace

TEST_CASE("entries of receivers of other types keep their place and content", "[status]") {
  const Json left = entry_after_our_change(
      R"({"name": "gh", "path": "/github/abc", "url": "https://kargo.example.com/github/abc"})");
  CHECK(left.at("/name") == "gh");
  CHECK(left.at("/path") == "/github/abc");
  CHECK(left.at("/url") == "https://kargo.example.com/github/abc");
}

TEST_CASE("entries of receivers of other types keep members that are not known", "[status]") {
  const Json left = entry_after_our_change(R"({"name": "gh", "since": "2026"})");
  CHECK(left.at("/name") == "gh");
  CHECK(left.at("/since") == "2026");
}

TEST_CASE("an object whose receivers are all of other types is left to its owner", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project foreign(cluster);
  const Json created = cluster.admin().create(
      foreign.collection("projectconfigs"),
      R"({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "ProjectConfig", "metadata": {"name": ")" +
          foreign.name() +
          R"("}, "spec": {"webhookReceivers": [{"name": "gh", "github": {"secretRef": {"name": "x"}}}]}})");
  const Project ours(cluster);
  (void)ours.publish("bb", kSecret);  // created later, and written already
  CHECK(resource_version(foreign.config()) == resource_version(created));
}

TEST_CASE("a leftover Reconciling is removed and other conditions are kept", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  const std::string ready = project.config().at("/status/conditions/0");
  cluster.admin().merge_patch(project.config_path() + "/status",
                              R"({"status": {"conditions": [)" + ready + R"(,
          {"type": "Reconciling", "status": "True", "reason": "Syncing", "message": "",
           "lastTransitionTime": "2026-01-02T03:04:05Z"},
          {"type": "Healthy", "status": "True", "reason": "Fine", "message": "",
           "lastTransitionTime": "2026-01-02T03:04:05Z"}]}})");
  eventually_equals(
      "two conditions are left", [&] { return project.config().size_at("/status/conditions"); },
      2U);
  const Json config = project.config();
  CHECK(config.at("/status/conditions/0") == ready);
  CHECK(config.at("/status/conditions/1/type") == "Healthy");
  CHECK(config.at("/status/conditions/1/observedGeneration").empty());
}

TEST_CASE("the transition time moves with the status value alone", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  const auto ready = [&](const char* member) {
    return project.config().of_element("/status/conditions", "type", "Ready", member);
  };
  // A time that no write of this test can have.
  const std::string past = "2026-01-02T03:04:05Z";
  cluster.admin().merge_patch(
      project.config_path() + "/status",
      R"({"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Synced",
          "message": "older words", "lastTransitionTime": ")" +
          past + R"(", "observedGeneration": 1}]}})");
  eventually_equals(
      "the words are put right", [&] { return ready("message"); }, std::string(kProjectReady));
  CHECK(ready("lastTransitionTime") == past);

  project.put_secret("second", {{"secret", kSecret}});
  project.declare({{"bb", "bb-secret"}, {"bb2", "second"}});
  eventually_equals(
      "the second receiver is published",
      [&] { return project.config().size_at("/status/webhookReceivers"); }, 2U);
  CHECK(ready("observedGeneration") == project.config().at("/metadata/generation"));
  CHECK(project.config().at("/status/observedGeneration") ==
        project.config().at("/metadata/generation"));
  CHECK(ready("lastTransitionTime") == past);

  project.delete_secret("second");
  eventually_equals(
      "it fails", [&] { return ready("status"); }, std::string("False"));
  CHECK(ready("lastTransitionTime") > past);
}

TEST_CASE("an object that is being deleted is left alone", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  const auto finalizers = [&](const char* list) {
    cluster.admin().merge_patch(project.config_path(),
                                std::string(R"({"metadata": {"finalizers": )") + list + "}}");
  };
  finalizers(R"(["example.com/held-by-a-test"])");
  cluster.admin().remove(project.config_path());
  const std::string version = resource_version(project.config());
  project.put_secret("bb-secret", {{"secret", "another-secret-of-the-tests"}});
  const Project later(cluster);
  (void)later.publish("bb", kSecret);
  CHECK(resource_version(project.config()) == version);
  finalizers("null");
}

TEST_CASE("the last receiver of ours takes its entry with it, the others' objects stay theirs",
          "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  cluster.admin().merge_patch(project.config_path(), R"({"spec": {"webhookReceivers": [
      {"name": "gh", "github": {"secretRef": {"name": "x"}}}]}})");
  eventually_equals(
      "our entry is gone", [&] { return project.config().size_at("/status/webhookReceivers"); },
      0U);
}

TEST_CASE(
    "an empty previous secret is ignored with a warning, and a good one outlives a bad secret",
    "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  project.put_secret("bb-secret", {{"secret", kSecret}, {"secret.previous", ""}});
  eventually("the empty one is told", [&] {
    return project.events("SecretInvalid").find("\"secret.previous\" is empty") !=
           std::string::npos;
  });
  CHECK(published_url(project.config(), "bb") == url_of(op, project, "bb", kSecret));

  project.put_secret("bb-secret", {{"secret", ""}, {"secret.previous", kSecret}});
  eventually("the receiver fails", [&] {
    return ready_message(project.config(), "False").starts_with("Failed to sync");
  });
  eventually("the previous one is told",
             [&] { return project.events("PreviousSecretActive").starts_with("Normal "); });
  const Delivery push = sign(cloud_push(project.repository(), "main"), kSecret);
  CHECK(post(url_of(op, project, "bb", kSecret), push).status == 200);
}

TEST_CASE("the refresh annotation is answered in the status", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  cluster.admin().merge_patch(
      project.config_path(),
      R"({"metadata": {"annotations": {"kargo.akuity.io/refresh": "please-do"}}})");
  eventually_equals(
      "lastHandledRefresh takes the annotation's value",
      [&] { return project.config().at("/status/lastHandledRefresh"); }, std::string("please-do"));
}

TEST_CASE("a status that is right is not written again", "[status]") {
  const Cluster cluster;
  const Project project(cluster);
  std::string version;
  const Environment base{{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", "https://kargo.example.com"}};
  {
    const Operator op(cluster, base);
    (void)project.publish("bb", kSecret);
    version = resource_version(project.config());
    // Changes nothing relevant, though the operator sees each change.
    cluster.admin().merge_patch(project.secret_path("bb-secret"),
                                R"({"metadata": {"annotations": {"touched": "yes"}}})");
    project.put_secret("bb-secret", {{"secret", kSecret}, {"unrelated", "value"}});
    std::this_thread::sleep_for(3s);
    CHECK(resource_version(project.config()) == version);
  }
  const Operator successor(cluster, base);
  const Project later(cluster);
  (void)later.publish("bb", kSecret);  // the successor writes statuses now
  CHECK(resource_version(project.config()) == version);
}

TEST_CASE("a status that someone has spoilt is put right", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  (void)project.publish("bb", kSecret);
  const std::string right = project.config().at("/status/webhookReceivers");
  cluster.admin().merge_patch(project.config_path() + "/status",
                              R"({"status": {"webhookReceivers": []}})");
  eventually_equals(
      "the receivers are back", [&] { return project.config().at("/status/webhookReceivers"); },
      right);
}

TEST_CASE("Events on the ProjectConfig tell what became of its receivers", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  const std::string path = project.publish("bb", kSecret);
  const std::string events = "/apis/events.k8s.io/v1/namespaces/" + project.name() + "/events";
  const auto type_of = [&](const std::string& reason) {
    return cluster.admin().get(events).of_element("/items", "reason", reason, "type");
  };
  eventually_equals(
      "the publishing is told", [&] { return type_of("ReceiverURLPublished"); },
      std::string("Normal"));
  const Json event = cluster.admin().get(events);
  CHECK(event.at("/items/0/regarding/kind") == "ProjectConfig");
  CHECK(event.at("/items/0/regarding/name") == project.name());

  project.put_secret("bb-secret", {{"secret", "short"}});
  eventually_equals(
      "the change is told", [&] { return type_of("ReceiverURLChanged"); }, std::string("Normal"));
  eventually_equals(
      "the weak secret is told", [&] { return type_of("WeakSecret"); }, std::string("Warning"));
  project.delete_secret("bb-secret");
  eventually_equals(
      "the missing Secret is told", [&] { return type_of("SecretNotFound"); },
      std::string("Warning"));
  const std::string all = cluster.admin().text(events);
  CHECK(all.find(kSecret) == std::string::npos);
  CHECK(all.find(path) == std::string::npos);
  CHECK(all.find(receiver_path(project.name(), "bb", "short")) == std::string::npos);
}

TEST_CASE(
    "a hundred failing receivers of long names withhold neither a good URL nor others' Events",
    "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project failing(cluster);
  const Project other(cluster);
  std::vector<DeclaredReceiver> receivers{{"good", "good"}};
  for (int i = 0; i < 100; ++i) {
    const std::string name = "r" + std::to_string(i) + std::string(245, 'n');
    receivers.push_back({name, name});
  }
  failing.put_secret("good", {{"secret", kSecret}});
  failing.declare(receivers);
  eventually_equals(
      "the good one is published", [&] { return published_url(failing.config(), "good"); },
      url_of(op, failing, "good", kSecret));
  const std::string message = ready_message(failing.config(), "False");
  CHECK(message.size() <= 32'768);
  CHECK(message.ends_with(" more"));
  eventually("its Events are being written",
             [&] { return !failing.events("SecretNotFound").empty(); });

  other.declare({{"bb", "missing"}});
  // A hundred Events take twenty seconds.
  const auto took = eventually("the other's Event is there",
                               [&] { return !other.events("SecretNotFound").empty(); });
  CHECK(took < 3 * kPromptly);
}

TEST_CASE("two receivers of one name are listed with a URL each", "[status]") {
  const Cluster cluster;
  const Operator op(cluster);
  const Project project(cluster);
  project.put_secret("one", {{"secret", kSecret}});
  project.put_secret("two", {{"secret", "another-secret-of-the-tests"}});
  project.declare({{"bb", "one"}, {"bb", "two"}});
  project.await_ready();
  const Json config = project.config();
  REQUIRE(config.size_at("/status/webhookReceivers") == 2);
  CHECK(config.at("/status/webhookReceivers/0/url") == url_of(op, project, "bb", kSecret));
  CHECK(config.at("/status/webhookReceivers/1/url") ==
        url_of(op, project, "bb", "another-secret-of-the-tests"));
  for (const char* secret : {kSecret, "another-secret-of-the-tests"}) {
    const Delivery push = sign(cloud_push(project.repository(), "main"), secret);
    CHECK(post(url_of(op, project, "bb", secret), push).status == 200);
  }
  project.delete_secret("one");
  eventually_equals(
      "one is left", [&] { return project.config().size_at("/status/webhookReceivers"); }, 1U);
  CHECK(project.config().at("/status/webhookReceivers/0/url") ==
        url_of(op, project, "bb", "another-secret-of-the-tests"));
}

}  // namespace receiver::test
