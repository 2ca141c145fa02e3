#include "kube/resource.h"

#include "text/ascii.h"

namespace receiver::kube {
namespace {

constexpr std::size_t kMaxNameBytes = 253;

bool is_lower_alphanumeric(char c) {
  return text::is_alphanumeric(c) && text::lower(c) == c;
}

std::string group_version(const Resource& resource) {
  if (resource.group.empty()) return "/api/" + resource.version;
  return "/apis/" + resource.group + "/" + resource.version;
}

}  // namespace

bool is_subdomain(std::string_view name) {
  char before = '.';
  for (const char c : name) {
    const bool inner = (c == '-' && before != '.') || (c == '.' && is_lower_alphanumeric(before));
    if (!is_lower_alphanumeric(c) && !inner) return false;
    before = c;
  }
  return is_lower_alphanumeric(before) && name.size() <= kMaxNameBytes;
}

std::string Resource::name() const {
  return group.empty() ? plural : plural + "." + group;
}

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
