#pragma once

#include <algorithm>
#include <cstring>
#include <regex>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"
#include "test/support/receiverctl_schema.h"

/// Helpers of the tests of `receiverctl register`.
namespace receiver::test {

using receiver::bitbucket::Source;

inline constexpr const char* kNewSecret = "another-secret-of-the-tests-of-registering";
inline constexpr const char* kApiToken = "token-of-the-tests-of-registering";
/// As long as the name of a run's project, so that columns keep their places.
inline constexpr const char* kShownProject = "project-of-the-test";
inline constexpr const char* kHooksBaseUrl = "https://hooks.example.com/kargo";

struct KargoKind {
  const char* kind;
  const char* plural;
  bool namespaced;
};
/// Kargo's kinds that the operator does not know, and that are not in config/crd.
inline constexpr KargoKind kStage{"Stage", "stages", true};
inline constexpr KargoKind kPromotionTask{"PromotionTask", "promotiontasks", true};
inline constexpr KargoKind kClusterPromotionTask{"ClusterPromotionTask", "clusterpromotiontasks",
                                                 false};

inline constexpr const char* kKinds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

inline std::string crd_path(const KargoKind& kind) {
  return fmt::format("{}/{}.kargo.akuity.io", kKinds, kind.plural);
}

inline void serve(const Api& api, const KargoKind& kind) {
  const std::string path = crd_path(kind);
  if (!api.find(path)) {
    (void)api.create(
        kKinds, fmt::format(R"({{"apiVersion": "apiextensions.k8s.io/v1",
      "kind": "CustomResourceDefinition", "metadata": {{"name": "{}"}},
      "spec": {{"group": "kargo.akuity.io", "scope": "{}",
        "names": {{"kind": "{}", "listKind": "{}List", "plural": "{}", "singular": "{}"}},
        "versions": [{{"name": "v1alpha1", "served": true, "storage": true, "schema":
          {{"openAPIV3Schema": {{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}}]}}}})",
                            path.substr(path.rfind('/') + 1),
                            kind.namespaced ? "Namespaced" : "Cluster", kind.kind, kind.kind,
                            kind.plural, std::string(kind.plural, std::strlen(kind.plural) - 1)));
  }
  // The first answer is 429, which throws.
  eventually("the kind is served", [&] {
    try {
      return api.find(fmt::format("/apis/kargo.akuity.io/v1alpha1/{}", kind.plural)).has_value();
    } catch (const std::exception&) {
      return false;
    }
  });
}

/// An operator, a project with one published receiver, and a Bitbucket.
class RegisterStage {
 public:
  explicit RegisterStage(Source product)
      : bitbucket(product),
        op(cluster, {{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", kHooksBaseUrl}}),
        project(cluster),
        path("/kargo" + project.publish("bb", kSecret)) {
    bitbucket.accept(std::string("Bearer ") + kApiToken);
    serve(cluster.admin(), kStage);
  }

  /// What receiverctl prints, and its exit code, with the names and numbers of this run replaced.
  [[nodiscard]] Finished run_register(std::vector<std::string> arguments,
                                      Environment environment = {
                                          {"BITBUCKET_TOKEN", kApiToken}}) const {
    return run_command("register", std::move(arguments), std::move(environment));
  }
  [[nodiscard]] Finished run_command(const std::string& command, std::vector<std::string> arguments,
                                     Environment environment = {
                                         {"BITBUCKET_TOKEN", kApiToken}}) const {
    std::vector<std::string> words{RECEIVERCTL_BINARY, command,
                                   "--kubeconfig",     cluster.directory() + "/kubeconfig.admin",
                                   "--receiver",       "bb"};
    if (std::ranges::find(arguments, "--ca-file") == arguments.end()) {
      words.insert(words.end(), {"--ca-file", bitbucket.ca_file()});
    }
    const bool is_json = std::ranges::find(arguments, "json") != arguments.end();
    for (std::string& argument : arguments) words.push_back(std::move(argument));
    Finished finished = run(std::move(words), environment);
    if (is_json && prints_document(finished)) CHECK(schema_problem(finished.output) == "");
    CHECK_THAT(finished.output, !Catch::Contains(kSecret) && !Catch::Contains(kNewSecret) &&
                                    !Catch::Contains(kApiToken));
    replace(finished.output, bitbucket.url(), "https://BITBUCKET");
    replace(finished.output, project.name(), kShownProject);
    finished.output = std::regex_replace(finished.output, std::regex("/[0-9a-f]{8}…"), "/HEX…");
    finished.output = std::regex_replace(finished.output, std::regex("\\[[0-9a-f]{12}/"), "[HASH/");
    finished.output =
        std::regex_replace(finished.output, std::regex("localhost:[0-9]+"), "BITBUCKET");
    return finished;
  }
  [[nodiscard]] Finished run_all(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"--project", project.name(), "--all-subscribed"};
    const bool of_cloud = bitbucket.product() == Source::kCloud;
    arguments.insert(arguments.end(),
                     {of_cloud ? "--cloud-url" : "--bitbucket-url", bitbucket.url()});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_register(std::move(arguments));
  }

  /// A repository that a Warehouse of the project subscribes to.
  std::string subscribe(const std::string& slug, std::vector<StoredWebhook> webhooks = {}) {
    const bool of_cloud = bitbucket.product() == Source::kCloud;
    const std::string name = of_cloud ? project.name() + "/" + slug : "SHOP/" + slug;
    bitbucket.add_repository(name, std::move(webhooks));
    project.add_warehouse(slug, clone_url(slug));
    return name;
  }
  [[nodiscard]] std::string clone_url(const std::string& slug) const {
    return bitbucket.product() == Source::kCloud ? project.repository(slug)
                                                 : bitbucket.url() + "/scm/shop/" + slug + ".git";
  }
  void rotate(const std::string& secret,
              const std::map<std::string, std::string>& more = {}) const {
    std::map<std::string, std::string> values{{"secret", secret}};
    values.insert(more.begin(), more.end());
    project.put_secret("bb-secret", values);
    const std::string url = kHooksBaseUrl + receiver_path(project.name(), "bb", secret);
    eventually_equals(
        "the new URL is published", [&] { return published_url(project.config(), "bb"); }, url);
  }

  Cluster cluster;
  BitbucketServer bitbucket;
  Operator op;
  Project project;
  std::string path;

 private:
  static void replace(std::string& text, const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
      text.replace(at, what.size(), with);
    }
  }
};

inline void forget(const Api& api, const KargoKind& kind) {
  const std::string path = crd_path(kind);
  if (api.find(path)) api.remove(path);
  eventually("the kind is gone", [&] { return !api.find(path); });
}

/// An object of it with these steps at their place in the spec.
inline void create(const RegisterStage& stage, const KargoKind& kind, const std::string& name,
                   const std::string& steps) {
  const bool of_stage = kind.kind == std::string_view(kStage.kind);
  std::string spec = R"({"steps": )" + steps + "}";
  if (of_stage) spec = R"({"promotionTemplate": {"spec": )" + spec + "}}";
  (void)stage.cluster.admin().create(
      kind.namespaced ? stage.project.collection(kind.plural)
                      : fmt::format("/apis/kargo.akuity.io/v1alpha1/{}", kind.plural),
      fmt::format(R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "{}",
        "metadata": {{"name": "{}"}}, "spec": {}}})",
                  kind.kind, name, spec));
}

inline std::string told(const Finished& finished) {
  return std::to_string(finished.exit_code) + "\n" + finished.output;
}

}  // namespace receiver::test
