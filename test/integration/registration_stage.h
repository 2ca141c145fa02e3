#pragma once

#include <map>
#include <string>

#include <fmt/format.h>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/bitbucket_server/connect_proxy.h"
#include "test/integration/register_stage.h"
#include "test/support/role_bound.h"

/// What the tests share of receivers that register their webhooks themselves.
namespace receiver::test {

inline constexpr const char* kAdminToken = "token-of-the-tests-of-the-registrar";

/// A Bitbucket of either product, the operator's permissions and settings for it, and a project.
class RegistrationStage {
 public:
  using Keys = std::map<std::string, std::string>;

  explicit RegistrationStage(Source product)
      : of_cloud(product == Source::kCloud),
        host(of_cloud ? "api.bitbucket.org" : "git.example.com"),
        bitbucket(product, {.common_name = host, .alternative_names = "DNS:" + host},
                  host + ":443"),
        proxy(bitbucket.port()) {
    bitbucket.accept(std::string("Bearer ") + kAdminToken);
    serve(cluster.admin(), kStage);
    serve(cluster.admin(), kPromotionTask);
    serve(cluster.admin(), kClusterPromotionTask);
    environment = through(proxy);
    if (!of_cloud) environment["BITBUCKET_HOSTS"] = host;
  }

  /// Of a receiver's Secret; `more` goes before these.
  [[nodiscard]] Keys keys(Keys more = {}) const {
    more.merge(Keys{{"secret", kSecret},
                    {"bitbucket.token", kAdminToken},
                    {"bitbucket.ca", bitbucket.ca_pem()},
                    {"bitbucket.register", "true"}});
    if (!of_cloud) more.try_emplace("bitbucket.url", bitbucket.url());
    return more;
  }
  /// Of a receiver `bb`, whose webhooks are to be registered from now on.
  void declare(const Project& owner, const Keys& more = {}) const {
    owner.put_secret("s", keys(more));
    owner.declare({{"bb", "s"}});
    owner.await_ready();
  }
  void declare(const Keys& more = {}) const { declare(project, more); }

  /// What Bitbucket calls the repository; a Warehouse of the project, of that name, subscribes to
  /// it.
  std::string subscribe(const std::string& slug) {
    bitbucket.add_repository(name_of(slug));
    project.add_warehouse(slug, clone_url(slug));
    return name_of(slug);
  }
  [[nodiscard]] std::string owner() const { return of_cloud ? project.name() : "SHOP"; }
  [[nodiscard]] std::string name_of(const std::string& slug) const { return owner() + "/" + slug; }
  [[nodiscard]] std::string clone_url(const std::string& slug) const {
    return of_cloud ? project.repository(slug)
                    : fmt::format("{}/scm/shop/{}.git", bitbucket.url(), slug);
  }
  [[nodiscard]] std::size_t count(const std::string& repository) const {
    return bitbucket.webhooks(repository).size();
  }
  /// An object of that kind, whose steps, at their place in the spec, are these.
  void create(const KargoKind& kind, const std::string& name, const std::string& steps) const {
    const bool of_stage = kind.kind == std::string_view(kStage.kind);
    const std::string spec = fmt::format(R"({{"steps": {}}})", steps);
    (void)cluster.admin().create(
        project.collection(kind.plural),
        fmt::format(
            R"({{"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "{}",
                         "metadata": {{"name": "{}"}}, "spec": {}}})",
            kind.kind, name,
            of_stage ? fmt::format(R"({{"promotionTemplate": {{"spec": {}}}}})", spec) : spec));
  }
  /// The settings of an operator that gets to Bitbucket that way.
  [[nodiscard]] Environment through(const ConnectProxy& way) const {
    Environment settings = environment;
    settings["HTTPS_PROXY"] = "http://" + way.address();
    return settings;
  }
  [[nodiscard]] std::string path() const { return receiver_path(project.name(), "bb", kSecret); }

  const bool of_cloud;
  const std::string host;  ///< of Bitbucket, to which only the proxy knows a way
  const Cluster cluster;
  const RoleBound may_read_stages{cluster, "bitbucket-receiver-registration", "kargo.akuity.io",
                                  "stages"};
  BitbucketServer bitbucket;
  ConnectProxy proxy;
  Environment environment{{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", kHooksBaseUrl}};
  const Project project{cluster};
};

}  // namespace receiver::test
