#include "cmd/receiverctl/cli.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <ostream>
#include <sstream>
#include <string_view>

#include <CLI/CLI.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <fmt/format.h>

#include "cmd/receiverctl/check.h"
#include "cmd/receiverctl/completion.h"
#include "cmd/receiverctl/explain.h"
#include "cmd/receiverctl/output.h"
#include "cmd/receiverctl/receivers.h"
#include "cmd/receiverctl/register.h"
#include "cmd/receiverctl/send.h"
#include "cmd/receiverctl/unregister.h"
#include "cmd/receiverctl/url.h"
#include "cmd/settings_file.h"
#include "cmd/version.h"

namespace receiver::ctl {
namespace {

constexpr const char* kFooter = R"(Examples:
  receiverctl check
  receiverctl receivers --project kargo-demo
  receiverctl send --project kargo-demo --receiver bb-wh-receiver --repo https://bitbucket.org/acme/shop

Exit codes:
  0  done, and all is well
  1  done, and something is not well: a check failed, a delivery was not answered 2xx, a receiver is not ready or does not exist
  2  the command line is wrong
  3  a file, the API server or another server cannot be read or asked; Bitbucket answers too late, or 429 or 5xx
  130  interrupted by Ctrl-C, after a report of what was done and what was not

As a kubectl plugin: a link to it named kubectl-bitbucket_receiver in the PATH makes it `kubectl bitbucket-receiver`.)";

/// How people have called it, for the help.
std::string program_name(const char* path) {
  const std::string name = std::filesystem::path(path).filename();
  return name == "kubectl-bitbucket_receiver" ? "kubectl bitbucket-receiver" : "receiverctl";
}

void add_common_options(CLI::App& app, Context& context) {
  app.add_option_function<std::string>(
         "-o,--output",
         [&context](const std::string& format) {
           context.format = format == "json" ? Format::kJson : Format::kTable;
         },
         "table (for people) or json. Default: table.")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"table", "json"}))
      ->group("For every command");
  app.add_option("--kubeconfig", context.kubeconfig,
                 "If not given: KUBECONFIG, the cluster that this runs in, ~/.kube/config.")
      ->option_text("PATH")
      ->group("For every command");
  app.add_option("--context", context.kube_context, "Of the kubeconfig. Default: its current one.")
      ->option_text("NAME")
      ->group("For every command");
  context.system_namespace =
      context.environment("SYSTEM_RESOURCES_NAMESPACE").value_or("kargo-system-resources");
  app.add_option("--system-namespace", context.system_namespace,
                 "Namespace of the ClusterConfig's Secrets. If not given: "
                 "SYSTEM_RESOURCES_NAMESPACE, or kargo-system-resources.")
      ->option_text("NAMESPACE")
      ->group("For every command");
}

/// In the operator's pod most of its settings are in a file. Elsewhere CONFIG_FILE may be
/// anybody's.
constexpr std::array<std::string_view, 3> kSettingsOfFile{
    "EXTERNAL_WEBHOOK_SERVER_BASE_URL", "SECRET_ACCESS", "SYSTEM_RESOURCES_NAMESPACE"};

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
  // As a transformation, which changes nothing, it comes before the option's own checks.
  for (CLI::Option* option : app.get_options()) option->transform(refuse);
  for (CLI::App* command : app.get_subcommands({})) refuse_empty_values(*command);
}

}  // namespace

std::unique_ptr<CLI::App> make_app(const std::string& program, Context& context) {
  auto app = std::make_unique<CLI::App>("Helps with Bitbucket's webhooks for Kargo.", program);
  app->require_subcommand(1);
  app->fallthrough();
  app->set_version_flag("--version", version_line("receiverctl"));
  app->footer(kFooter);
  add_common_options(*app, context);
  add_receivers(*app, context);
  add_check(*app, context);
  add_register(*app, context);
  add_unregister(*app, context);
  add_url(*app, context);
  add_send(*app, context);
  add_explain(*app, context);
  add_completion(*app, context);
  refuse_empty_values(*app);
  return app;
}

int run(int argc, const char* const* argv, Context& context) {
  const std::string program = program_name(argv[0]);
  context.environment = with_settings_file(std::move(context.environment));
  const PrintableOutput printable_out(context.out, context.colours);
  const PrintableOutput printable_err(context.err, false);
  const auto app = make_app(program, context);
  try {
    app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      std::ostringstream text;
      app->exit(error, text, text);
      context.out << boost::replace_all_copy(text.str(), "\n\n\n", "\n\n");
      return static_cast<int>(ExitCode::kOk);
    }
    context.err << fmt::format("{}: {} (see --help)\n", program,
                               boost::replace_all_copy(std::string(error.what()), "\n", " "));
    return static_cast<int>(ExitCode::kUsage);
  }
  const auto code = context.command();
  if (code) return static_cast<int>(*code);
  context.err << fmt::format("{}: {}\n", program, log::printable(code.error().message));
  return static_cast<int>(code.error().code);
}

}  // namespace receiver::ctl
