#include "kube/object_meta.h"

#include "json/reader.h"

namespace receiver::kube {

json::Projection with_meta(const json::Projection& projection) {
  return projection.with({"/metadata/namespace", "/metadata/name", "/metadata/uid",
                          "/metadata/resourceVersion", "/metadata/generation",
                          "/metadata/deletionTimestamp"});
}

tl::expected<ObjectMeta, std::string> read_meta(const rapidjson::Value& object) {
  ObjectMeta meta{
      .key = {std::string(json::string_at(object, "/metadata/namespace")),
              std::string(json::string_at(object, "/metadata/name"))},
      .uid = std::string(json::string_at(object, "/metadata/uid")),
      .resource_version = std::string(json::string_at(object, "/metadata/resourceVersion")),
      .generation = json::int_at(object, "/metadata/generation").value_or(0),
      .deleting = !json::string_at(object, "/metadata/deletionTimestamp").empty(),
  };
  if (meta.key.name.empty()) return tl::unexpected(std::string("it has no metadata.name"));
  if (meta.resource_version.empty()) {
    return tl::unexpected(std::string("it has no metadata.resourceVersion"));
  }
  return meta;
}

ObjectKey key_in_beginning(std::string_view json) {
  ObjectKey key;
  json::Reader in(json);
  in.member("metadata", [&] { in.strings({{"namespace", key.ns}, {"name", key.name}}); });
  return key;
}

}  // namespace receiver::kube
