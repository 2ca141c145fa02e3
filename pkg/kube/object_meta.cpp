#include "kube/object_meta.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace receiver::kube {
namespace {

/// Notes /metadata/namespace and /metadata/name as they pass by, for text that breaks off, and
/// reads no further than it must.
class KeyFinder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, KeyFinder> {
 public:
  explicit KeyFinder(ObjectKey& key) : key_(key) {}

  // NOLINTBEGIN(readability-identifier-naming): RapidJSON calls them so.
  bool StartObject() {
    ++depth_;
    if (depth_ == 2) in_metadata_ = member_ == "metadata";
    return true;
  }
  bool EndObject(rapidjson::SizeType /*members*/) {
    --depth_;
    return true;
  }
  bool StartArray() {
    ++depth_;
    return true;
  }
  bool EndArray(rapidjson::SizeType /*elements*/) {
    --depth_;
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    if (depth_ <= 2) member_.assign(text, size);
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    if (depth_ != 2 || !in_metadata_) return true;
    if (member_ == "namespace") key_.ns.assign(text, size);
    if (member_ == "name") key_.name.assign(text, size);
    return key_.ns.empty() || key_.name.empty();
  }
  // NOLINTEND(readability-identifier-naming)

 private:
  ObjectKey& key_;
  std::string member_;
  int depth_ = 0;
  bool in_metadata_ = false;
};

}  // namespace

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
  KeyFinder finder(key);
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Reader().Parse<rapidjson::kParseIterativeFlag>(stream, finder);
  return key;
}

}  // namespace receiver::kube
