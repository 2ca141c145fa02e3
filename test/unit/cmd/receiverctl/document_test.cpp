#include "cmd/receiverctl/document.h"

#include <set>
#include <sstream>

#include <catch2/catch.hpp>
#include <yaml-cpp/yaml.h>

#include "cmd/receiverctl/output.h"
#include "test/support/receiverctl_schema.h"

namespace receiver::ctl {
namespace {

using test::schema_problem;

/// A UrlList with these values.
std::string urls(const std::string& project, const std::string& receiver, Format format) {
  return document_text({.kind = "UrlList",
                        .items =
                            [&](Json& json) {
                              json.StartObject();
                              member(json, "project", project);
                              member(json, "receiver", receiver);
                              member(json, "path", "/p");
                              member(json, "url", "https://h/p");
                              json.EndObject();
                            },
                        .names = {owner_name(project) + "/" + receiver}},
                       format);
}

}  // namespace

TEST_CASE("a document has one envelope, keeps the order of its members, and ends in a newline") {
  CHECK(urls("p", "\"r\"", Format::kJson) ==
        "{\n  \"apiVersion\": \"receiverctl.bitbucket-receiver/v1\",\n  \"kind\": \"UrlList\",\n"
        "  \"items\": [\n    {\n      \"project\": \"p\",\n      \"receiver\": \"\\\"r\\\"\",\n"
        "      \"path\": \"/p\",\n      \"url\": \"https://h/p\"\n    }\n  ]\n}\n");
  const Document empty{.kind = "ReceiverList", .items = [](Json&) {}};
  CHECK(document_text(empty, Format::kJson) ==
        "{\n  \"apiVersion\": \"receiverctl.bitbucket-receiver/v1\",\n"
        "  \"kind\": \"ReceiverList\",\n  \"items\": []\n}\n");
  CHECK(schema_problem(document_text(empty, Format::kJson)) == "");
}

TEST_CASE("names of a document are one a line") {
  CHECK(urls("p", "r", Format::kName) == "projectconfig/p/r\n");
  CHECK(urls("", "r", Format::kName) == "clusterconfig/cluster/r\n");
}

TEST_CASE("YAML says the same as JSON, and takes no text for anything else") {
  const Document document{.kind = "UnregistrationList",
                          .items =
                              [](Json& json) {
                                for (const char* text : {"true", "7", "null", "a: b\n# c", ""}) {
                                  json.StartObject();
                                  member(json, "repository", text);
                                  member(json, "webhooks", std::vector<std::string>());
                                  member(json, "status", std::int64_t{200});
                                  json.EndObject();
                                }
                              },
                          .more = [](Json& json) { member(json, "dryRun", true); }};
  const std::string text = document_text(document, Format::kYaml);
  CHECK_THAT(text, Catch::StartsWith("apiVersion: \"receiverctl.bitbucket-receiver/v1\"\n"
                                     "kind: \"UnregistrationList\"\ndryRun: true\nitems:\n"
                                     "  - repository: \"true\"\n    webhooks:\n"));
  const YAML::Node read = YAML::Load(text);
  REQUIRE(read["items"].size() == 5);
  CHECK(read["items"][3]["repository"].as<std::string>() == "a: b\n# c");
  CHECK(read["items"][4]["repository"].as<std::string>().empty());
  CHECK(read["items"][0]["webhooks"].size() == 0);
  CHECK(read["items"][0]["status"].as<int>() == 200);
}

TEST_CASE("JSON and YAML give back what an object holds, and move no cursor on their way") {
  const std::string hostile = "\x1b[2J \u009b31m \u202egnp \x7f";
  for (const Format format : {Format::kJson, Format::kYaml}) {
    std::ostringstream stream;
    {
      const PrintableOutput filter(stream, true);
      stream << urls(hostile, "r", format);
    }
    INFO(stream.str());
    for (const char* control : {"\x1b", "\u009b", "\u202e", "\x7f"}) {
      CHECK(stream.str().find(control) == std::string::npos);
    }
    CHECK(YAML::Load(stream.str())["items"][0]["project"].as<std::string>() == hostile);
  }
  std::ostringstream stream;
  {
    const PrintableOutput filter(stream, true);
    stream << urls("\xff", "r", Format::kYaml);  // no UTF-8
  }
  CHECK(YAML::Load(stream.str())["items"][0]["project"].as<std::string>() == "\ufffd");
}

TEST_CASE("the schema knows every kind of list, and refuses what it does not know") {
  const rapidjson::Document schema = test::receiverctl_schema();
  REQUIRE(schema.IsObject());
  std::set<std::string> defined, offered;
  for (const auto& definition : schema["definitions"].GetObject()) {
    const std::string name = definition.name.GetString();
    if (name.ends_with("List")) defined.insert("#/definitions/" + name);
  }
  for (const auto& one : schema["oneOf"].GetArray()) offered.insert(one["$ref"].GetString());
  CHECK(defined == offered);

  CHECK(schema_problem(urls("p", "r", Format::kJson)) == "");
  CHECK(schema_problem("") == "there is no JSON document");
  const Document unknown{.kind = "Unknown", .items = [](Json&) {}};
  CHECK(schema_problem(document_text(unknown, Format::kJson)) == "its kind is not in the schema");
  const Document lacking{.kind = "UrlList", .items = [](Json& json) {
                           json.StartObject();
                           json.EndObject();
                         }};
  CHECK_THAT(schema_problem(document_text(lacking, Format::kJson)),
             Catch::StartsWith("#/items/0: required"));
  const Document odd{.kind = "CheckList", .items = [](Json& json) {
                       json.StartObject();
                       member(json, "level", "fine");
                       json.EndObject();
                     }};
  CHECK(schema_problem(document_text(odd, Format::kJson)) != "");
}

}  // namespace receiver::ctl
