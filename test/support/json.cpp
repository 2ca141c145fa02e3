#include "test/support/json.h"

#include <stdexcept>

#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace receiver::test {
namespace {

std::string text_of(const rapidjson::Value& value) {
  if (value.IsString()) return {value.GetString(), value.GetStringLength()};
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

const rapidjson::Value* find(const rapidjson::Document& document, const std::string& pointer) {
  return rapidjson::Pointer(pointer.data(), pointer.size()).Get(document);
}

}  // namespace

Json::Json(std::string_view text) {
  auto document = std::make_shared<rapidjson::Document>();
  document->Parse(text.data(), text.size());
  if (document->HasParseError()) throw std::runtime_error("no JSON: " + std::string(text));
  document_ = std::move(document);
}

std::string Json::at(const std::string& pointer) const {
  const rapidjson::Value* value = find(*document_, pointer);
  return value == nullptr ? std::string() : text_of(*value);
}

std::string Json::of_element(const std::string& pointer, const std::string& key,
                             std::string_view value, const std::string& wanted) const {
  const std::size_t size = size_at(pointer);
  for (std::size_t index = 0; index < size; ++index) {
    const std::string element = pointer + "/" + std::to_string(index) + "/";
    if (at(element + key) == value) return at(element + wanted);
  }
  return {};
}

std::size_t Json::size_at(const std::string& pointer) const {
  const rapidjson::Value* value = find(*document_, pointer);
  return value != nullptr && value->IsArray() ? value->Size() : 0;
}

std::string refresh_of(const Json& object) {
  return object.at("/metadata/annotations/kargo.akuity.io~1refresh");
}

std::string json_string(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace receiver::test
