#include "cmd/bitbucket-receiver/settings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unistd.h>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <fmt/format.h>

#include "cmd/bitbucket-receiver/settings_table.h"
#include "cmd/settings_file.h"
#include "cmd/version.h"
#include "text/ascii.h"

namespace receiver {
namespace {

using Failure = tl::unexpected<std::string>;

constexpr const char* kProgram = "bitbucket-receiver";
constexpr const char* kKubeconfig = "KUBECONFIG";
constexpr const char* kConfigFile = "CONFIG_FILE";
constexpr const char* kLogLevel = "LOG_LEVEL";

/// A value as given, and its origin for messages: "--port", "PORT" or "PORT in settings.yaml".
struct Given {
  std::string value;
  std::string where;
};
using GivenSettings = std::map<std::string, Given>;

/// Shows untrusted text on one line, cut to a maximum length.
std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  if (text.size() <= kLongest) return fmt::format("{:?}", text);
  return fmt::format("{:?}…", text.substr(0, kLongest));
}

/// A URL may contain a password before an @, or a token in its query.
bool may_hold_secret(std::string_view value) {
  return value.find_first_of("@?") != std::string_view::npos;
}

std::string wrong(const Given& given, const std::string& expected) {
  return fmt::format("{} is {}: expected {}", given.where,
                     may_hold_secret(given.value) ? "not allowed" : shown(given.value), expected);
}

/// The help shows every explanation below its flag: the flags are too long for a column.
constexpr std::size_t kHelpIndent = 6;

constexpr const char* kFooter =
    "Each setting can also be given as an environment variable, or under the same name in the "
    "file:\n--metrics-port is METRICS_PORT. A flag beats the environment, which beats the file.\nA "
    "flag alone means true; --catch-up=false turns it off. Durations have a unit: 250ms, 8s, "
    "1m30s.";

std::string help_of(const Setting& setting) {
  if (setting.kind.default_text.empty()) return setting.help;
  return fmt::format("{} Default: {}.", setting.help, setting.kind.default_text);
}

/// The arguments in the form that CLI11 takes: last first, and `--flag=` as flag and empty value,
/// because it would use the next flag as the value.
std::vector<std::string> arguments(int argc, const char* const* argv) {
  std::vector<std::string> result;
  for (int index = 1; index < argc; ++index) {
    std::string argument = argv[index];
    const bool empty_value = argument.starts_with("--") && argument.ends_with('=') &&
                             argument.find('=') == argument.size() - 1;
    if (empty_value) argument.pop_back();
    result.push_back(std::move(argument));
    if (empty_value) result.emplace_back();
  }
  std::reverse(result.begin(), result.end());
  return result;
}

/// The values of the command line, by variable; or a text to print instead.
tl::expected<GivenSettings, EarlyExit> parse_flags(const std::vector<Setting>& table, int argc,
                                                   const char* const* argv) {
  CLI::App app("Receives Bitbucket's webhooks for Kargo.\n", kProgram);
  app.get_formatter()->column_width(kHelpIndent);
  app.get_formatter()->label("OPTIONS", "FLAGS");
  app.footer(kFooter);
  std::vector<std::string> values(table.size());
  std::vector<CLI::Option*> options;
  for (std::size_t index = 0; index < table.size(); ++index) {
    const Setting& setting = table[index];
    const bool is_switch = setting.kind.placeholder.empty();
    CLI::Option* option = is_switch
                              ? app.add_flag(setting.flag(), values[index], help_of(setting))
                              : app.add_option(setting.flag(), values[index], help_of(setting))
                                    ->option_text(setting.kind.placeholder);
    options.push_back(
        option->group(setting.group)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast));
  }
  app.set_help_flag("-h,--help", "Print this and exit.")->group("Other");
  app.set_version_flag("--version", version_line(kProgram))
      ->description("Print the version and exit.")
      ->group("Other");
  try {
    app.parse(arguments(argc, argv));
  } catch (const CLI::CallForHelp&) {
    std::string text = app.help();
    boost::replace_all(text, "\n\n\n", "\n\n");
    return tl::unexpected(EarlyExit{0, std::move(text)});
  } catch (const CLI::CallForVersion&) {
    return tl::unexpected(EarlyExit{0, app.version() + "\n"});
  } catch (const CLI::ParseError& error) {
    std::string line = error.what();
    std::replace(line.begin(), line.end(), '\n', ' ');
    return tl::unexpected(EarlyExit{2, fmt::format("{}: {} (see --help)\n", kProgram, line)});
  }
  GivenSettings given;
  for (std::size_t index = 0; index < table.size(); ++index) {
    if (options[index]->count() == 0) continue;
    given.emplace(table[index].variable, Given{values[index], table[index].flag()});
  }
  return given;
}

/// An empty value counts as not given unless it has a meaning.
bool counts(const Setting& setting, const std::string& value) {
  return !value.empty() || setting.kind.may_be_empty;
}

/// Adds values that no flag gives.
void add_environment(const std::vector<Setting>& table, const Environment& environment,
                     GivenSettings& given) {
  for (const Setting& setting : table) {
    if (given.contains(setting.variable)) continue;
    auto value = environment(setting.variable);
    if (setting.in_either_case && value.value_or("").empty()) {
      value = environment(text::ascii_lower(setting.variable));
    }
    if (!value || !counts(setting, *value)) continue;
    given.emplace(setting.variable, Given{std::move(*value), setting.variable});
  }
}

/// Adds values that neither a flag nor the environment gives. Every key is checked nevertheless.
tl::expected<void, std::string> add_file(const std::vector<Setting>& table, GivenSettings& given) {
  const auto path = given.find(kConfigFile);
  if (path == given.end()) return {};
  const std::string file = path->second.value;
  const auto settings = read_settings_file(file);
  if (!settings) return Failure(fmt::format("{}: {}", path->second.where, settings.error()));
  for (const auto& [key, value] : *settings) {
    const auto known = std::find_if(table.begin(), table.end(), [&key = key](const Setting& s) {
      return s.variable == key && key != kConfigFile;
    });
    if (known == table.end()) {
      return Failure(fmt::format(
          "{}: unknown key {}: expected names of environment variables, such as PORT (see --help)",
          file, shown(key)));
    }
    if (counts(*known, value)) given.emplace(key, Given{value, fmt::format("{} in {}", key, file)});
  }
  return {};
}

/// Checks combinations of settings that are valid separately.
std::optional<std::string> contradiction(const Settings& settings, const GivenSettings& given) {
  if (settings.tls_enabled) {
    const auto missing = [&](const char* variable, const char* what) {
      return fmt::format("{} is true, but {} is not set: expected the path of {} in PEM",
                         given.at("TLS_ENABLED").where, variable, what);
    };
    if (settings.tls.certificate_path.empty()) {
      return missing("TLS_CERT_PATH", "the certificate chain");
    }
    if (settings.tls.key_path.empty()) return missing("TLS_KEY_PATH", "the certificate's key");
  }
  const auto where = [&given](const std::string& variable) {
    const auto found = given.find(variable);
    return found == given.end() ? variable + " (by default)" : found->second.where;
  };
  const unsigned short port = settings.listener.port;
  if (port != 0 && port == settings.metrics_listener.port) {
    return fmt::format("{} and {} are both {}: expected two different ports", where("PORT"),
                       where("METRICS_PORT"), port);
  }
  const http::ServerLimits& limits = settings.listener.limits;
  if (limits.bodies_bytes < limits.body_bytes) {
    return fmt::format("{} is {}: expected at least the {} of {}", where("MAX_BODIES_BYTES"),
                       limits.bodies_bytes, limits.body_bytes, where("MAX_BODY_BYTES"));
  }
  return std::nullopt;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name.front() == '\0') return kProgram;
  return name.data();
}

tl::expected<void, std::string> read(const std::vector<Setting>& table,
                                     const GivenSettings& given) {
  for (const Setting& setting : table) {
    const auto found = given.find(setting.variable);
    if (found == given.end()) continue;
    if (!setting.kind.read(found->second.value)) {
      return Failure(wrong(found->second, setting.kind.expected));
    }
  }
  const Setting& required = table.front();
  if (given.contains(required.variable)) return {};
  return Failure(fmt::format("{} is not set: expected {}; or give {}", required.variable,
                             required.kind.expected, required.flag()));
}

/// Sets values that follow from other settings.
void complete(Settings& settings, const GivenSettings& given) {
  if (settings.tls_enabled) settings.listener.tls = settings.tls;
  settings.metrics_listener.address = settings.listener.address;
  settings.deliveries.limits = settings.listener.limits;
  settings.rest.patches = settings.refresher.patches_in_flight;
  settings.rest.status_writes = static_cast<std::size_t>(settings.receivers.workers);
  // Kargo's chart sets each separately: a burst without a rate limits nothing.
  if (settings.rest.queries_per_second == 0) {
    settings.rest.burst = 0;
  } else if (settings.rest.burst == 0) {
    settings.rest.burst = static_cast<int>(std::ceil(2 * settings.rest.queries_per_second));
  }
  if (settings.pod_name.empty()) settings.pod_name = host_name();
  // A list, which kube::load_config reads itself.
  const auto kubeconfig = given.find(kKubeconfig);
  if (kubeconfig != given.end() && kubeconfig->second.where == kKubeconfig) {
    settings.kubeconfig.clear();
  }
}

}  // namespace

tl::expected<Settings, EarlyExit> parse_settings(int argc, const char* const* argv,
                                                 const Environment& environment) {
  const auto refuse = [](const std::string& problem) {
    return tl::unexpected(EarlyExit{2, fmt::format("{}: {}\n", kProgram, problem)});
  };
  Settings settings;
  const std::vector<Setting> table = settings_table(settings);
  auto given = parse_flags(table, argc, argv);
  if (!given) return tl::unexpected(std::move(given.error()));
  add_environment(table, environment, *given);
  const bool level_is_given = given->contains(kLogLevel);
  if (auto added = add_file(table, *given); !added) return refuse(added.error());
  if (auto done = read(table, *given); !done) return refuse(done.error());
  if (auto problem = contradiction(settings, *given)) return refuse(*problem);
  complete(settings, *given);
  settings.log_level_follows_file = !settings.config_file.empty() && !level_is_given;
  return settings;
}

tl::expected<log::Level, std::string> log_level_of_file(const std::string& path) {
  const auto file = read_settings_file(path);
  if (!file) return Failure(file.error());
  Settings settings;
  for (const Setting& setting : settings_table(settings)) {
    const auto named = file->find(setting.variable);
    if (setting.variable != kLogLevel || named == file->end()) continue;
    if (!counts(setting, named->second) || setting.kind.read(named->second)) continue;
    return Failure(
        wrong({named->second, fmt::format("{} in {}", kLogLevel, path)}, setting.kind.expected));
  }
  return settings.log_level;
}

}  // namespace receiver
