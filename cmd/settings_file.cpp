#include "cmd/settings_file.h"

#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "text/small_file.h"

namespace receiver {
namespace {

using Failure = tl::unexpected<std::string>;

tl::expected<SettingsFile, std::string> settings_of(const YAML::Node& root) {
  if (root.IsNull()) return SettingsFile();
  if (!root.IsMap()) return Failure("expected lines such as PORT: 8080");
  SettingsFile settings;
  for (const auto& entry : root) {
    if (!entry.first.IsScalar()) return Failure("expected names of settings as keys");
    const std::string& key = entry.first.Scalar();
    if (!entry.second.IsScalar() && !entry.second.IsNull()) {
      return Failure(fmt::format("{:?}: expected a single value, not a list or a map", key));
    }
    const bool first = settings.emplace(key, entry.second.Scalar()).second;
    if (!first) return Failure(fmt::format("{:?} occurs twice", key));
  }
  return settings;
}

}  // namespace

tl::expected<SettingsFile, std::string> parse_settings_file(std::string_view text) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.empty()) return SettingsFile();
    if (documents.size() > 1) return Failure("expected one YAML document");
    return settings_of(documents.front());
  } catch (const YAML::Exception& error) {
    return Failure(fmt::format("line {}: invalid YAML: {}", error.mark.line + 1, error.msg));
  }
}

tl::expected<SettingsFile, std::string> read_settings_file(const std::string& path) {
  const auto text = text::read_small_file(path);
  if (!text) return Failure(fmt::format("{}: {}", path, text.error()));
  auto settings = parse_settings_file(*text);
  if (!settings) return Failure(fmt::format("{}: {}", path, settings.error()));
  return settings;
}

}  // namespace receiver
