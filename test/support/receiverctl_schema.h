#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

namespace receiver::test {

/// docs/receiverctl.schema.json
inline rapidjson::Document receiverctl_schema() {
  std::ifstream file(std::string(TESTDATA_DIR) + "/../../docs/receiverctl.schema.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  rapidjson::Document schema;
  schema.Parse(text.c_str());
  return schema;
}

/// The JSON document among the lines of an output; empty if there is none.
inline std::string document_in(const std::string& output) {
  const std::string text = "\n" + output;
  const std::size_t begin = text.find("\n{\n");
  const std::size_t end = text.find("\n}\n", begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return text.substr(begin + 1, end + 2 - begin);
}

/// What is wrong with the JSON document in the output of receiverctl, by its schema; empty:
/// nothing.
inline std::string schema_problem(const std::string& output) {
  rapidjson::Document document;
  document.Parse(document_in(output).c_str());
  if (document.HasParseError() || !document.IsObject()) return "there is no JSON document";
  const auto kind = document.FindMember("kind");
  if (kind == document.MemberEnd() || !kind->value.IsString()) return "it has no kind";
  // The kind's own schema, since of `oneOf` a validator only tells that none fits.
  const rapidjson::Document all = receiverctl_schema();
  if (!all.IsObject()) return "the schema is no JSON";
  const auto& definitions = all["definitions"];
  const auto wanted = definitions.FindMember(kind->value);
  if (wanted == definitions.MemberEnd()) return "its kind is not in the schema";
  rapidjson::Document schema;
  schema.CopyFrom(wanted->value, schema.GetAllocator());
  schema.AddMember("definitions", rapidjson::Value(definitions, schema.GetAllocator()),
                   schema.GetAllocator());
  const rapidjson::SchemaDocument compiled(schema);
  rapidjson::SchemaValidator validator(compiled);
  if (document.Accept(validator)) return {};
  rapidjson::StringBuffer where, rule;
  validator.GetInvalidDocumentPointer().StringifyUriFragment(where);
  validator.GetInvalidSchemaPointer().StringifyUriFragment(rule);
  return fmt::format("{}: {} of {}", where.GetString(), validator.GetInvalidSchemaKeyword(),
                     rule.GetString());
}

}  // namespace receiver::test
