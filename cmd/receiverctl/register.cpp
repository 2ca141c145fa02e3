#include "cmd/receiverctl/register.h"

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "bitbucket_rest/allow_list.h"
#include "bitbucket_rest/registrar.h"
#include "cmd/receiverctl/bitbucket.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/pull_request_steps.h"
#include "cmd/receiverctl/registered.h"
#include "cmd/receiverctl/trace.h"
#include "cmd/receiverctl/visits.h"
#include "cmd/receiverctl/whose.h"

namespace receiver::ctl {
namespace {

namespace rest = bitbucket_rest;

struct RegisterOptions {
  BitbucketOptions bitbucket;
  bool yes = false;
  Whose whose;
  std::string receiver;
  bool pull_requests = false;
  bool dry_run = false;
  bool exit_code = false;
  bool force = false;
  bool move = false;
  bool show_urls = false;
};

constexpr const char* kRegisterExamples = R"(Examples:
  read -rs token && \
  receiverctl register --project kargo-demo --receiver bb-wh-receiver \
    --repo https://bitbucket.org/example/shop --dry-run --token-file - <<< "$token"   # type or paste it
  receiverctl register --project kargo-demo --receiver bb-wh-receiver --all-subscribed \
    --username me@example.com --token-file token.txt    # an account's API token
  receiverctl register --project kargo-demo --receiver bb-wh-receiver --all-subscribed \
    --bitbucket-url https://git.example.com/bitbucket   # Data Center, with an HTTP access token
  receiverctl register --cluster-config --receiver bitbucket --all-subscribed --yes

Token for Bitbucket Cloud: an access token of the repository, project or workspace, or, with --username,
an API token of an account that is an administrator of the repository. Scopes: webhooks (read and write),
repositories and pull requests (read); an API token also needs delete:webhook:bitbucket, for duplicates.
Token for Data Center: an HTTP access token with the permission "Repository admin".

Bitbucket Cloud does not show a webhook's secret. A webhook at the right URL is taken to have the right
secret, because the URL is derived from it. If somebody has changed the secret by hand, use --force.

A webhook belongs to the receiver if it has exactly the receiver's URL or that of `secret.previous`, or if
its title contains the receiver's mark, which differs between clusters. No other webhook is changed.
Events, titles and settings that somebody added to the receiver's webhook stay; if it is switched off, it
stays off.

Everybody who may write a Warehouse can name any repository, and the receiver's secret goes there. The key
`bitbucket.allow` of the receiver's Secret limits this, with a workspace, project key or host per line.
Repositories outside are reported and not touched. For a receiver of the ClusterConfig, --all-subscribed
first shows the list of repositories, and requires --yes.

Proxy: HTTPS_PROXY and NO_PROXY, as for kubectl, but for Bitbucket only.

Four repositories are registered at a time. With more than ten, the command shows its progress. Ctrl-C
stops it and reports what was done and what was not. Run it again to continue: correct webhooks stay.

Exit code 1: a repository could not be registered, its webhook is switched off, or all repositories
were skipped. 3: Bitbucket does not answer, answers too late, or answers 429 or 5xx. Others: see
`receiverctl --help`.)";

/// The author of any Warehouse decides where a ClusterConfig's secret goes: a person confirms the
/// list.
Result<void> confirm(Context& context, const RegisterOptions& options,
                     const rest::Selection& selection, bool is_bounded, const std::string& secret) {
  if (!options.whose.cluster_config || !options.bitbucket.all_subscribed) return {};
  if (options.yes || options.dry_run || selection.repositories.empty()) return {};
  for (const rest::Repository& repository : selection.repositories) {
    context.err << fmt::format("would register: {}\n", repository.name());
  }
  return wrong_usage(fmt::format(
      "Warehouses of all namespaces name these {} repositories, and the ClusterConfig's URL and "
      "secret would go there: if all of them are yours, run it again with --yes{}",
      selection.repositories.size(),
      is_bounded ? std::string()
                 : fmt::format("; the key bitbucket.allow of Secret {} limits where they may go",
                               secret)));
}

/// The wanted webhook of a repository.
Result<rest::WantedWebhook> want(Cluster& cluster, const RegisterOptions& options,
                                 const ReceiverAccess& access, std::vector<std::string>& notes) {
  auto wanted = webhook_of(access, options.whose.project, options.receiver);
  wanted.pull_requests = options.pull_requests;
  if (!wanted.pull_requests) {
    auto steps = look_for_pull_request_steps(cluster, options.whose.project);
    if (!steps) return tl::unexpected(steps.error());
    wanted.pull_requests = steps->found;
    notes = std::move(steps->notes);
  }
  if (!wanted.pull_requests) {
    const auto promotions = cluster.promotions(options.whose.project);
    if (!promotions) return tl::unexpected(promotions.error());
    wanted.pull_requests = std::ranges::any_of((*promotions)->list(), [](const auto& promotion) {
      return !promotion->pull_request_urls.empty();
    });
  }
  if (wanted.pull_requests) notes.clear();
  return wanted;
}

void print(Context& context, const Report& report, bool show_urls) {
  if (is_document(context.format)) {
    context.out << report_document(report, show_urls, context.format);
    return;
  }
  tell_skipped(context, report.skipped);
  for (const std::string& name : report.outside) {
    context.err << fmt::format("not touched: {} is outside the Secret's bitbucket.allow\n", name);
  }
  for (const std::string& note : report.notes) context.err << "note: " << note << '\n';
  if (report.repositories.empty()) {
    context.err << "There is no Bitbucket repository to register.\n";
  } else {
    context.out << report_table(report, show_urls, context.format == Format::kWide,
                                Layout(context));
  }
  for (const Registered& registered : report.repositories) {
    for (const std::string& note : registered.plan.notes) {
      context.err << fmt::format("{}: {}\n", registered.repository.name(), note);
    }
  }
}

/// The exit code if nothing has failed.
ExitCode judge(const Report& report, const RegisterOptions& options) {
  // It is a problem if a repository given with --repo was skipped, or all were.
  const bool left_out =
      options.bitbucket.all_subscribed
          ? report.repositories.empty() && !(report.skipped.empty() && report.outside.empty())
          : !report.outside.empty();
  const bool well = std::ranges::none_of(report.repositories, [&](const Registered& registered) {
    const rest::Action action = registered.plan.action;
    const bool differs = action != rest::Action::kNone && action != rest::Action::kSkip;
    return action == rest::Action::kSkip || (options.exit_code && differs);
  });
  return well && !left_out ? ExitCode::kOk : ExitCode::kNotWell;
}

Result<ExitCode> register_all(Context& context, const RegisterOptions& options) {
  const auto client = connect(context, options.bitbucket);
  if (!client) return tl::unexpected(client.error());
  const auto connected = Cluster::connect(context);
  if (!connected) return tl::unexpected(connected.error());
  auto selection = select(**connected, options.whose.project, options.bitbucket);
  if (!selection) return tl::unexpected(selection.error());
  const auto access = receiver_access(**connected, options.whose.project, options.receiver);
  if (!access) return tl::unexpected(access.error());
  Report report{.dry_run = options.dry_run};
  const auto settings = (*connected)->webhook_settings(access->secret_key);
  if (!settings) return tl::unexpected(settings.error());
  if (settings->allow) {
    const auto allowed = rest::AllowList::parse(*settings->allow);
    if (!allowed) {
      return not_well(fmt::format("Secret {}: {}", access->secret_key.str(), allowed.error()));
    }
    report.outside = leave_out(selection->repositories, *allowed);
  }
  const auto confirmed =
      confirm(context, options, *selection, settings->allow.has_value(), access->secret_key.str());
  if (!confirmed) return tl::unexpected(confirmed.error());
  const auto wanted = want(**connected, options, *access, report.notes);
  if (!wanted) return tl::unexpected(wanted.error());

  report.skipped = std::move(selection->skipped);
  std::map<std::string, rest::InheritedWebhooks> inherited;  // by owner
  for (const rest::Repository& repository : selection->repositories) {
    inherited.try_emplace(repository.owner,
                          std::make_shared<rest::InheritedWebhooks::element_type>());
  }
  const auto make = [&](const rest::Repository& repository) {
    return rest::Registration{.repository = repository,
                              .wanted = *wanted,
                              .moves = options.move ? rest::Moves::kAll : rest::Moves::kRotation,
                              .always = options.force,
                              .dry_run = options.dry_run,
                              .inherited = inherited.at(repository.owner)};
  };
  const auto how = [&](const rest::Plan& plan) {
    return result_of({.repository = {}, .plan = plan}, options.dry_run);
  };
  auto visits = visit_each<rest::RegisterWebhook>(context, traced(context, sender(*client)),
                                                  selection->repositories, make, how);
  for (auto& [repository, plan] : visits.all) {
    report.repositories.push_back(plan ? Registered{.repository = repository, .plan = *plan}
                                       : Registered{.repository = repository,
                                                    .error = plan.error().message,
                                                    .tried = plan.error().tried});
  }
  print(context, report, options.show_urls);
  return visits.code == ExitCode::kOk ? judge(report, options) : visits.code;
}

}  // namespace

void add_register(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RegisterOptions>();
  CLI::App* command = app.add_subcommand(
      "register",
      "Create or update the webhooks of repositories in Bitbucket, Cloud or Data Center.");
  add_repositories(*command, options->bitbucket);
  command->add_flag(
      "--yes", options->yes,
      "For --all-subscribed with --cluster-config: confirm the list of repositories.");
  add_whose(*command, options->whose);
  require_receiver(*command, options->receiver);
  command->add_flag("--pull-requests", options->pull_requests,
                    "Also subscribe to the end of pull requests. If not given: if a Stage of the "
                    "project, or a task that it uses, has a step git-wait-for-pr, or a promotion "
                    "waits for one now; the events of an existing webhook stay.");
  add_access(*command, options->bitbucket);
  CLI::Option* dry_run =
      command->add_flag("--dry-run", options->dry_run, "Show the difference, and write nothing.");
  command
      ->add_flag("--exit-code", options->exit_code,
                 "With --dry-run: exit code 1 if there is a difference.")
      ->needs(dry_run);
  command->add_flag("--force", options->force,
                    "Write the webhook, and so its secret, even if nothing seems to differ.");
  command->add_flag("--move", options->move,
                    "Also move the receiver's webhooks that lead to another base URL, for example "
                    "after the base URL has changed. If not given, they are reported and stay.");
  command->add_flag("--show-urls", options->show_urls,
                    "Show the receiver's URLs in full. A URL is half a secret: do not share it.");
  command->footer(kRegisterExamples);
  command->callback([&context, options] {
    require(options->bitbucket);
    require(context, options->whose);
    context.command = [&context, options] { return register_all(context, *options); };
  });
}

}  // namespace receiver::ctl
