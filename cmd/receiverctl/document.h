#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "cmd/receiverctl/context.h"

/// What every command prints for programs: `-o json`, `yaml` and `name`.
namespace receiver::ctl {

inline constexpr std::string_view kOutputVersion = "receiverctl.bitbucket-receiver/v1";

using Json = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void member(Json& json, const char* name, std::string_view value);
void member(Json& json, const char* name, const char* value);
void member(Json& json, const char* name, bool value);
void member(Json& json, const char* name, std::int64_t value);
void member(Json& json, const char* name, const std::vector<std::string>& texts);

/// One envelope for all commands:
///
///   {"apiVersion": "receiverctl.bitbucket-receiver/v1", "kind": "ReceiverList", "items": […]}
///
/// docs/receiverctl.schema.json describes it, and tests check every command against it. Within
/// v1, members are added only, and words of an enum keep their meaning.
struct Document {
  std::string_view kind;              ///< of the list
  std::function<void(Json&)> items;   ///< writes them, each an object
  std::function<void(Json&)> more{};  ///< writes members beside the items
  std::vector<std::string> names{};   ///< `TYPE/NAME` of the items, for `-o name`
};

/// Whether the format is for programs; document_text() writes those.
[[nodiscard]] bool is_document(Format format);
/// With a newline at its end.
[[nodiscard]] std::string document_text(const Document& document, Format format);

/// `projectconfig/NAME`, or `clusterconfig/cluster` for the empty project: the owner of the
/// receivers.
[[nodiscard]] std::string owner_name(const std::string& project);

}  // namespace receiver::ctl
