#include "controllers/desired_webhooks.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "text/ascii.h"

namespace receiver::controllers {
namespace {

using bitbucket_rest::Repository;

/// The path that `secret.previous` leads to, if there is one.
const Route* former_route(const DerivedReceivers& derived, const std::string& receiver) {
  const auto found = std::ranges::find_if(derived.routes, [&](const Route& route) {
    return route.previous && route.receiver == receiver;
  });
  return found == derived.routes.end() ? nullptr : &*found;
}

void choose_repositories(bool of_cluster, const std::set<std::string>& urls,
                         DesiredWebhooks& desired) {
  const auto& allow = desired.access->allow;
  if (of_cluster && !allow) {
    desired.problem =
        "no webhook is registered: Warehouses of all projects say where the ClusterConfig's secret "
        "would go; add the key bitbucket.allow to its Secret, with workspaces or project keys, one "
        "a line";
    return;
  }
  // Both products ignore the case of names.
  std::map<std::string, Repository> chosen;
  std::map<std::string, std::string> outside;
  for (const std::string& url : urls) {
    auto repository = desired.access->repository(url);
    if (!repository) continue;
    std::string name = repository->name();
    const std::string key = text::ascii_lower(name);
    if (allow && !allow->allows(*repository)) {
      outside.try_emplace(key, std::move(name));
    } else {
      chosen.try_emplace(key, std::move(*repository));
    }
  }
  for (auto& [key, repository] : chosen) desired.repositories.push_back(std::move(repository));
  for (auto& [key, name] : outside) desired.outside.push_back(std::move(name));
}

}  // namespace

std::string DesiredWebhooks::wish() const {
  return fmt::format("{} {} {} {} {}", wanted.url, wanted.former_url.value_or(""),
                     wanted.pull_requests, wanted.mark, access->digest());
}

bool registers(const DerivedReceivers& derived) {
  return std::ranges::any_of(derived.routes, [](const Route& route) {
    return route.bitbucket && route.bitbucket->registers;
  });
}

bool same_repositories(const kube::Store<api::Warehouse>::Object& before,
                       const kube::Store<api::Warehouse>::Object& now) {
  const auto urls = [](const kube::Store<api::Warehouse>::Object& warehouse) {
    std::set<std::string_view> all;
    if (!warehouse) return all;
    for (const auto& subscription : warehouse->subscriptions) all.insert(subscription.repo_url);
    return all;
  };
  return urls(before) == urls(now);
}

std::map<std::string, Reached> reached_by(const std::set<std::string>& projects,
                                          const kube::Store<api::Warehouse>& warehouses,
                                          const kube::Store<api::Promotion>& promotions,
                                          const std::set<std::string>& waiting) {
  std::map<std::string, Reached> reached;
  for (const std::string& project : projects) reached[project];
  const auto for_reaching = [&](const std::string& ns, auto add) {
    for (const std::string& project : {std::string(), ns}) {
      const auto found = reached.find(project);
      if (found != reached.end()) add(found->second);
    }
  };
  warehouses.for_each([&](const kube::ObjectKey& key, const auto& warehouse) {
    for_reaching(key.ns, [&](Reached& one) {
      for (const auto& subscription : warehouse->subscriptions) {
        one.urls.insert(subscription.repo_url);
      }
    });
  });
  const auto waits = [](Reached& one) { one.pull_requests = true; };
  promotions.for_each([&](const kube::ObjectKey& key, const auto& promotion) {
    if (!promotion->pull_request_urls.empty()) for_reaching(key.ns, waits);
  });
  for (const std::string& project : waiting) for_reaching(project, waits);
  return reached;
}

std::vector<DesiredWebhooks> desired_webhooks(const api::ReceiverOwner& owner,
                                              const DerivedReceivers& derived, const BaseUrl& base,
                                              const Reached& reached) {
  std::vector<DesiredWebhooks> all;
  for (const Route& route : derived.routes) {
    if (route.previous || !route.bitbucket || !route.bitbucket->registers) continue;
    DesiredWebhooks& desired = all.emplace_back();
    desired.receiver = route.receiver;
    desired.access = route.bitbucket;
    desired.watched = route.watched;
    desired.wanted = {.name = bitbucket_rest::webhook_name(owner.project(), route.receiver),
                      .mark = bitbucket_rest::webhook_mark(owner.meta.uid, route.receiver),
                      .url = base.origin + route.path,
                      .secret = route.key,
                      .pull_requests = reached.pull_requests};
    if (const Route* former = former_route(derived, route.receiver)) {
      desired.wanted.former_url = base.origin + former->path;
    }
    choose_repositories(owner.kind == api::OwnerKind::kClusterConfig, reached.urls, desired);
  }
  return all;
}

}  // namespace receiver::controllers
