#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "api/promotion.h"
#include "api/receiver_owner.h"
#include "api/warehouse.h"
#include "cmd/receiverctl/context.h"
#include "controllers/derive.h"
#include "controllers/refresh_queue.h"
#include "controllers/secret_sources.h"
#include "kube/config.h"
#include "kube/reflector.h"
#include "kube/rest.h"
#include "kube/store.h"

namespace receiver::ctl {

using Warehouses = kube::Store<api::Warehouse>;
using Promotions = kube::Store<api::Promotion>;

/// What a Secret says about the receiver's webhooks, even if it contains no token. An absent key is
/// nothing.
struct WebhookSettings {
  std::optional<std::string> registers{};  ///< `bitbucket.register`
  std::optional<std::string> allow{};      ///< `bitbucket.allow`
};

/// Found by the context's options, as kubectl finds it.
[[nodiscard]] tl::expected<kube::Config, std::string> kubeconfig_of(const Context& context);

/// The namespace of the kubeconfig's context, for people who work on one project; empty if there is
/// none. The namespace of receiverctl's own pod is not a project.
[[nodiscard]] std::string project_of_kubeconfig(const Context& context);

/// Blocking reads of the cluster, one at a time. An empty project means the ClusterConfig, or all
/// namespaces.
class Cluster {
 public:
  /// By the context's kubeconfig. Sends nothing yet.
  [[nodiscard]] static Result<std::unique_ptr<Cluster>> connect(const Context& context);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// The project's ProjectConfig; all of them and the ClusterConfig, which comes first, if none is
  /// named. By name.
  [[nodiscard]] Result<std::vector<api::ReceiverOwner>> owners(const std::string& project);
  /// The project's ProjectConfig, or the ClusterConfig.
  [[nodiscard]] Result<api::ReceiverOwner> owner(const std::string& project);
  /// With their index, as targets are looked up in.
  [[nodiscard]] Result<std::unique_ptr<Warehouses>> warehouses(const std::string& project);
  [[nodiscard]] Result<std::unique_ptr<Promotions>> promotions(const std::string& project);
  /// The Secrets that the owner's Bitbucket receivers name, as an operator with that access sees
  /// them. A Secret that may not be read counts as refused.
  [[nodiscard]] Result<controllers::SecretLookup> secrets(
      const api::ReceiverOwner& owner,
      controllers::SecretAccess access = controllers::SecretAccess::kNamespaced);
  /// The key of the Secret with that name; without a namespace if there is no system namespace.
  [[nodiscard]] kube::ObjectKey secret_key(const api::ReceiverOwner& owner,
                                           const std::string& name) const;
  /// The refresh annotations of the project's Warehouses or Promotions; empty if absent.
  [[nodiscard]] Result<std::map<kube::ObjectKey, std::string>> refresh_tokens(
      controllers::TargetKind kind, const std::string& project);

  using OnObject = std::function<void(const kube::ObjectMeta&, const rapidjson::Value&)>;
  /// Lists any of Kargo's kinds; an empty namespace means all, or a cluster-scoped kind.
  [[nodiscard]] kube::ApiResult<void> read(const std::string& plural, const std::string& ns,
                                           const json::Projection& projection, OnObject on_object);
  /// The message for a failed request; `what` names what was read.
  [[nodiscard]] Failure failure(const std::string& what, const kube::ApiError& error) const;
  [[nodiscard]] Result<WebhookSettings> webhook_settings(const kube::ObjectKey& secret);

  /// The body of the answer to a GET.
  [[nodiscard]] kube::ApiResult<std::string> get(std::string target) {
    return await(rest_->get(std::move(target)));
  }

  [[nodiscard]] kube::RestClient& rest() { return *rest_; }
  /// Whether receiverctl uses the account of the pod that it runs in.
  [[nodiscard]] bool is_in_cluster() const { return in_cluster_; }
  /// `https://host:port`, for messages.
  [[nodiscard]] const std::string& server() const { return server_; }

  /// Runs the client until the work is done.
  template <typename T>
  T await(boost::asio::awaitable<T> work) {
    std::optional<T> result;
    boost::asio::co_spawn(io_, std::move(work), [&](std::exception_ptr thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      result.emplace(std::move(value));
    });
    io_.restart();
    while (!result) io_.run_one();
    return std::move(*result);
  }

 private:
  Cluster(std::string server, const Context& context, bool in_cluster);
  [[nodiscard]] Result<std::vector<api::ReceiverOwner>> owners_of_kind(api::OwnerKind kind,
                                                                       const std::string& project);
  [[nodiscard]] Result<void> list(const std::string& plural, const std::string& ns,
                                  const json::Projection& projection, kube::ObjectSink& sink);
  [[nodiscard]] Result<controllers::SecretState> secret(const api::ReceiverOwner& owner,
                                                        const std::string& name);

  std::string server_;
  std::string system_namespace_;
  kube::ReflectorTimes times_;  ///< of lists
  bool in_cluster_;
  boost::asio::io_context io_{1};
  std::unique_ptr<kube::RestClient> rest_;
};

/// The object that declares the receivers, in messages; the empty project means the ClusterConfig.
[[nodiscard]] std::string described(const std::string& project);

/// What is needed to send deliveries to a receiver.
struct ReceiverAccess {
  std::string url;  ///< as the status publishes it
  crypto::SecretString secret;
  std::optional<crypto::SecretString> previous{};  ///< of `secret.previous`, unless empty
  kube::ObjectKey secret_key{};                    ///< of the Secret; empty: no cluster was asked
  std::string owner_uid{};                         ///< of the object that declares it
};

/// For a published Bitbucket receiver. The failure says why it is not published, or that status and
/// Secret do not match.
[[nodiscard]] Result<ReceiverAccess> receiver_access(Cluster& cluster, const std::string& project,
                                                     const std::string& receiver);

}  // namespace receiver::ctl
