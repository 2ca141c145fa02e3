#include "cmd/receiverctl/document.h"

#include <yaml-cpp/yaml.h>

#include "json/json.h"

namespace receiver::ctl {
namespace {

std::string json_text(const Document& document) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.SetIndent(' ', 2);
  json.StartObject();
  member(json, "apiVersion", kOutputVersion);
  member(json, "kind", document.kind);
  if (document.more) document.more(json);
  json.Key("items");
  json.StartArray();
  document.items(json);
  json.EndArray();
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

/// Texts are always quoted: none is mistaken for a number or a boolean, and control characters are
/// escaped as in JSON.
void write_yaml(YAML::Emitter& yaml, const rapidjson::Value& value) {
  if (value.IsObject()) {
    yaml << YAML::BeginMap;
    for (const auto& entry : value.GetObject()) {
      yaml << YAML::Key << entry.name.GetString() << YAML::Value;
      write_yaml(yaml, entry.value);
    }
    yaml << YAML::EndMap;
  } else if (value.IsArray()) {
    yaml << YAML::BeginSeq;
    for (const auto& element : value.GetArray()) write_yaml(yaml, element);
    yaml << YAML::EndSeq;
  } else if (value.IsString()) {
    yaml << YAML::DoubleQuoted << std::string(value.GetString(), value.GetStringLength());
  } else if (value.IsBool()) {
    yaml << value.GetBool();
  } else if (value.IsInt64()) {
    yaml << value.GetInt64();
  } else {
    yaml << YAML::Null;
  }
}

std::string yaml_text(const std::string& json) {
  const auto parsed = json::parse(json);
  if (!parsed) return json;  // a text is not UTF-8; JSON is also YAML
  YAML::Emitter yaml;
  write_yaml(yaml, *parsed);
  return std::string(yaml.c_str(), yaml.size()) + "\n";
}

}  // namespace

void member(Json& json, const char* name, std::string_view value) {
  json.Key(name);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void member(Json& json, const char* name, const char* value) {
  member(json, name, std::string_view(value));
}

void member(Json& json, const char* name, bool value) {
  json.Key(name);
  json.Bool(value);
}

void member(Json& json, const char* name, std::int64_t value) {
  json.Key(name);
  json.Int64(value);
}

void member(Json& json, const char* name, const std::vector<std::string>& texts) {
  json.Key(name);
  json.StartArray();
  for (const std::string& text : texts) json.String(text);
  json.EndArray();
}

bool is_document(Format format) {
  return format == Format::kJson || format == Format::kYaml || format == Format::kName;
}

std::string document_text(const Document& document, Format format) {
  if (format == Format::kName) {
    std::string text;
    for (const std::string& name : document.names) text.append(name) += '\n';
    return text;
  }
  std::string json = json_text(document);
  return format == Format::kYaml ? yaml_text(json) : json;
}

std::string owner_name(const std::string& project) {
  return project.empty() ? "clusterconfig/cluster" : "projectconfig/" + project;
}

}  // namespace receiver::ctl
