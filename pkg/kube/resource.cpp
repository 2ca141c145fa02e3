#include "kube/resource.h"

namespace receiver::kube {
namespace {

std::string group_version(const Resource& resource) {
  if (resource.group.empty()) return "/api/" + resource.version;
  return "/apis/" + resource.group + "/" + resource.version;
}

}  // namespace

std::string Resource::path() const {
  return path(std::string_view{});
}

std::string Resource::path(std::string_view ns) const {
  std::string result = group_version(*this);
  if (!ns.empty()) result.append("/namespaces/").append(ns);
  return result.append("/").append(plural);
}

std::string Resource::path(const ObjectKey& key) const {
  return path(key.ns).append("/").append(key.name);
}

}  // namespace receiver::kube
