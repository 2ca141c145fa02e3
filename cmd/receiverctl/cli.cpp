#include "cmd/receiverctl/cli.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <ostream>
#include <sstream>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <fmt/format.h>

#include "cmd/receiverctl/check.h"
#include "cmd/receiverctl/completion.h"
#include "cmd/receiverctl/deliveries.h"
#include "cmd/receiverctl/duration.h"
#include "cmd/receiverctl/explain.h"
#include "cmd/receiverctl/help.h"
#include "cmd/receiverctl/output.h"
#include "cmd/receiverctl/receivers.h"
#include "cmd/receiverctl/register.h"
#include "cmd/receiverctl/send.h"
#include "cmd/receiverctl/typo.h"
#include "cmd/receiverctl/unregister.h"
#include "cmd/receiverctl/url.h"
#include "cmd/receiverctl/versions.h"
#include "cmd/receiverctl/wait.h"
#include "cmd/settings_file.h"
#include "cmd/version.h"

namespace receiver::ctl {
namespace {

constexpr std::chrono::milliseconds kShortestRequestTimeout{100};
constexpr std::chrono::hours kLongestRequestTimeout{1};

constexpr const char* kFooter = R"(Examples:
  receiverctl check
  receiverctl receivers -n kargo-demo
  receiverctl deliveries -n kargo-demo --follow
  receiverctl send -n kargo-demo --receiver bb-wh-receiver --repo https://bitbucket.org/acme/shop

Exit codes:
  0  done, and all is well
  1  done, and something is not well: a check failed, a delivery was not answered 2xx, a receiver is not ready or does not exist
  2  the command line is wrong
  3  a file cannot be read, or a server cannot be reached; Bitbucket answers too late, or 429 or 5xx; the output cannot be written
  130  interrupted by Ctrl-C, after a report of what was done and what was not; 143 by SIGTERM

As a kubectl plugin: a link to it named kubectl-bitbucket_receiver in the PATH makes it `kubectl bitbucket-receiver`; a link named kubectl_complete-bitbucket_receiver adds completion.)";

/// The name that the program was started with.
std::string program_name(const std::string& file) {
  return file == "kubectl-bitbucket_receiver" ? "kubectl bitbucket-receiver" : kProgram;
}

/// Nothing if it is no time, or out of bounds.
std::optional<std::chrono::milliseconds> request_timeout(const std::string& text) {
  const auto time = read_duration(text);
  const bool fits = time && *time >= kShortestRequestTimeout && *time <= kLongestRequestTimeout;
  return fits ? time : std::nullopt;
}

/// Of the name of one.
Format format_of(std::string_view name) {
  if (name == "wide") return Format::kWide;
  if (name == "json") return Format::kJson;
  if (name == "yaml") return Format::kYaml;
  return name == "name" ? Format::kName : Format::kTable;
}

void add_common_options(CLI::App& app, Context& context) {
  app.add_option_function<std::string>(
         "-o,--output",
         [&context](const std::string& format) { context.format = format_of(format); },
         "table or wide (for people), json or yaml (for programs), or name. Default: table.")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"table", "wide", "json", "yaml", "name"}))
      ->group(kCommonGroup);
  app.add_option("--kubeconfig", context.kubeconfig,
                 "Kubeconfig file. If not given: KUBECONFIG, the cluster that receiverctl runs in, "
                 "~/.kube/config.")
      ->option_text("PATH")
      ->group(kCommonGroup);
  app.add_option("--context", context.kube_context,
                 "Context of the kubeconfig. Default: its current context.")
      ->option_text("NAME")
      ->group(kCommonGroup);
  context.system_namespace =
      context.environment("SYSTEM_RESOURCES_NAMESPACE").value_or("kargo-system-resources");
  app.add_option("--system-namespace", context.system_namespace,
                 "Namespace of the ClusterConfig's Secrets. If not given: "
                 "SYSTEM_RESOURCES_NAMESPACE, or kargo-system-resources.")
      ->option_text("NAMESPACE")
      ->group(kCommonGroup);
  app.add_option_function<std::string>(
         "--request-timeout",
         [&context](const std::string& text) { context.request_timeout = request_timeout(text); },
         "Timeout of each request to the API server, Bitbucket and other servers: 5s, 2m. Default: "
         "depends on the request, mostly 30s.")
      ->option_text("TIME")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return std::string(request_timeout(text) ? "" : "expected a time of 100ms to 1h");
          },
          ""))
      ->group(kCommonGroup);
  app.add_flag(
         "-v,--verbose", context.verbose,
         "Show every request on standard error: method, URL, status and time, but no secrets.")
      ->group(kCommonGroup);
}

/// In the operator's pod most settings are in a file. Elsewhere CONFIG_FILE may belong to another
/// program.
constexpr std::array<std::string_view, 6> kSettingsOfFile{
    "BITBUCKET_HOSTS", "EXTERNAL_WEBHOOK_SERVER_BASE_URL", "HTTPS_PROXY", "NO_PROXY",
    "SECRET_ACCESS",   "SYSTEM_RESOURCES_NAMESPACE"};

Environment with_settings_file(Environment environment) {
  auto settings = read_settings_file(environment("CONFIG_FILE").value_or(""));
  if (!settings) return environment;
  return [environment = std::move(environment),
          settings = std::move(*settings)](std::string_view name) {
    auto value = environment(name);
    if (value || std::ranges::count(kSettingsOfFile, name) == 0) return value;
    const auto found = settings.find(std::string(name));
    if (found != settings.end()) value = found->second;
    return value;
  };
}

void refuse_empty_values(CLI::App& app) {
  const CLI::Validator refuse(
      [](const std::string& value) {
        return std::string(value.empty() ? "must not be empty: is a variable not set?" : "");
      },
      "");
  // A transformation runs before the option's own checks; this one changes nothing.
  for (CLI::Option* option : app.get_options()) option->transform(refuse);
  for (CLI::App* command : app.get_subcommands({})) refuse_empty_values(*command);
}

/// The exit code, unless the output could not be written: a full disk must not look like success.
/// A reader that goes away (`| head`) has what it wanted.
int written(Context& context, const PrintableOutput& output, const std::string& program,
            ExitCode code) {
  context.out << std::flush;
  if (context.out || output.reader_is_gone() || code == ExitCode::kInterrupted) {
    return static_cast<int>(code);
  }
  context.err << fmt::format("{}: the output cannot be written\n", program);
  return static_cast<int>(ExitCode::kUnreachable);
}

}  // namespace

std::unique_ptr<CLI::App> make_app(const std::string& program, Context& context) {
  auto app = std::make_unique<CLI::App>("Helps with Bitbucket's webhooks for Kargo.", program);
  // First, because commands copy it when they are added.
  app->formatter(
      std::make_shared<Help>(program, std::min(context.columns.value_or(kUsualHelp), kWidestHelp)));
  app->require_subcommand(1);
  app->fallthrough();
  app->set_version_flag("--version", version_line("receiverctl"));
  app->footer(kFooter);
  add_common_options(*app, context);
  add_receivers(*app, context);
  add_check(*app, context);
  add_wait(*app, context);
  add_deliveries(*app, context);
  add_register(*app, context);
  add_unregister(*app, context);
  add_url(*app, context);
  add_send(*app, context);
  add_explain(*app, context);
  add_versions(*app, context);
  add_completion(*app, context);
  refuse_empty_values(*app);
  return app;
}

int run(int argc, const char* const* argv, Context& context) {
  const std::string file = std::filesystem::path(argv[0]).filename();
  const std::string program = program_name(file);
  context.environment = with_settings_file(std::move(context.environment));
  const PrintableOutput printable_out(context.out, context.colours, program);
  const PrintableOutput printable_err(context.err, false, program);
  const auto app = make_app(program, context);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (file == kKubectlCompleter) {
    context.out << kubectl_completion(*app, words);
    return written(context, printable_out, program, ExitCode::kOk);
  }
  if (words.empty()) {
    context.out << app->help();
    return written(context, printable_out, program, ExitCode::kOk);
  }
  try {
    app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      std::ostringstream text;
      app->exit(error, text, text);
      context.out << text.str();
      return written(context, printable_out, program, ExitCode::kOk);
    }
    std::string problem = unknown_word(*app, words);
    if (problem.empty()) problem = boost::replace_all_copy(std::string(error.what()), "\n", " ");
    context.err << fmt::format("{}: {} (see --help)\n", program, problem);
    return static_cast<int>(ExitCode::kUsage);
  }
  if (context.verbose) context.bar = nullptr;  // requests would interrupt its line
  const auto code = context.command();
  if (code) return written(context, printable_out, program, *code);
  context.err << fmt::format("{}: {}\n", program, log::printable(code.error().message));
  return static_cast<int>(code.error().code);
}

}  // namespace receiver::ctl
