#include "cmd/receiverctl/register.h"

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "bitbucket_cpprest/client.h"
#include "bitbucket_rest/allow_list.h"
#include "bitbucket_rest/authorization.h"
#include "bitbucket_rest/registrar.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/files.h"
#include "cmd/receiverctl/pull_request_steps.h"
#include "cmd/receiverctl/registered.h"
#include "cmd/receiverctl/whose.h"
#include "cmd/version.h"
#include "log/printable.h"

namespace receiver::ctl {
namespace {

namespace rest = bitbucket_rest;

/// A rate limit is waited out for no longer than this.
constexpr std::chrono::seconds kRegisterPatience{300};

struct RegisterOptions {
  std::vector<std::string> repositories;
  bool all_subscribed = false;
  bool yes = false;
  Whose whose;
  std::string receiver;
  bool pull_requests = false;
  std::optional<std::string> bitbucket_url;
  std::optional<std::string> cloud_url;
  std::string username;
  std::string token_file;
  std::string ca_file;
  bool dry_run = false;
  bool force = false;
  bool move = false;
  bool show_urls = false;

  [[nodiscard]] rest::Servers servers() const { return {bitbucket_url, cloud_url}; }
};

constexpr const char* kRegisterExamples = R"(Examples:
  read -rs token                                        # typed or pasted; it is not shown
  receiverctl register --project kargo-demo --receiver bb-wh-receiver \
    --repo https://bitbucket.org/example/shop --dry-run --token-file - <<< "$token"
  receiverctl register --project kargo-demo --receiver bb-wh-receiver --all-subscribed \
    --username me@example.com --token-file token.txt    # an account's API token
  receiverctl register --project kargo-demo --receiver bb-wh-receiver --all-subscribed \
    --bitbucket-url https://git.example.com/bitbucket   # Data Center, with an HTTP access token
  receiverctl register --cluster-config --receiver bitbucket --all-subscribed --yes

The token. Bitbucket Cloud: an access token of the repository, project or workspace, or, with
--username, an API token of an account that is an administrator of the repository. Scopes: webhooks
(read and write), repositories and pull requests (read). Data Center: an HTTP access token with the
permission "Repository admin".

Bitbucket does not show a webhook's secret, or not everywhere. One at the right URL is taken to have
the right one, since the URL is derived from it; if somebody has changed it by hand: --force.

Which webhooks are the receiver's: one at exactly its URL or that of `secret.previous`, and one whose
title holds its mark, which tells clusters apart. No other is changed. What people have added to its
own stays: events, title, settings; and so does that it is switched off.

Where webhooks may go. Whoever may write a Warehouse names any repository in it, and the receiver's
secret goes there. The key `bitbucket.allow` of its Secret bounds that, by a workspace, a project key
or a host a line; repositories outside are named, and not touched. For a ClusterConfig's receiver
--all-subscribed shows the list of repositories first, and wants --yes.

A proxy: HTTPS_PROXY and NO_PROXY, as for kubectl, but for Bitbucket only.

Exit code 1: a repository could not be registered, or its webhook is switched off. Others: see `receiverctl --help`.)";

Result<crypto::SecretString> read_token(Context& context, const RegisterOptions& options) {
  if (!options.token_file.empty()) {
    auto text = read_private(context, options.token_file);
    if (!text) return tl::unexpected(text.error());
    return crypto::SecretString(std::move(*text));
  }
  auto value = context.environment("BITBUCKET_TOKEN");
  if (!value) return wrong_usage("a token is needed: set BITBUCKET_TOKEN, or give --token-file");
  return crypto::SecretString(std::move(*value));
}

Result<bitbucket_cpprest::Client> connect(Context& context, const RegisterOptions& options) {
  const auto token = read_token(context, options);
  if (!token) return tl::unexpected(token.error());
  const std::string user = options.username.empty()
                               ? context.environment("BITBUCKET_USERNAME").value_or("")
                               : options.username;
  const auto authorization = rest::authorization(user, *token);
  if (!authorization) return wrong_usage(authorization.error());
  auto ca_pem = read_optional(context, options.ca_file);
  if (!ca_pem) return tl::unexpected(ca_pem.error());
  auto proxy = http::proxy_settings(context.environment);
  if (!proxy) return wrong_usage(proxy.error());
  auto client = bitbucket_cpprest::Client::create({.authorization = *authorization,
                                                   .ca_pem = std::move(*ca_pem),
                                                   .proxy = std::move(*proxy),
                                                   .user_agent = user_agent("receiverctl")});
  if (!client) return unreachable(options.ca_file + " " + client.error());
  return std::move(*client);
}

Result<rest::Selection> select(Cluster& cluster, const RegisterOptions& options) {
  if (options.all_subscribed) {
    const auto warehouses = cluster.warehouses(options.whose.project);
    if (!warehouses) return tl::unexpected(warehouses.error());
    std::set<std::string> urls;
    for (const auto& warehouse : (*warehouses)->list()) {
      for (const auto& subscription : warehouse->subscriptions) urls.insert(subscription.repo_url);
    }
    auto selection = rest::select_repositories({urls.begin(), urls.end()}, options.servers());
    if (!selection) return wrong_usage(selection.error());
    return std::move(*selection);
  }
  rest::Selection selection;
  for (const std::string& url : options.repositories) {
    auto repository = rest::parse_repository(url, options.servers());
    if (!repository) return wrong_usage(repository.error());
    if (!selection.repositories.empty() &&
        repository->server != selection.repositories.front().server) {
      return wrong_usage(
          fmt::format("{} and {} are two Bitbucket servers, and a token belongs to one",
                      selection.repositories.front().server, repository->server));
    }
    selection.repositories.push_back(std::move(*repository));
  }
  return selection;
}

/// Takes those that `bitbucket.allow` leaves out of the selection, and gives their names.
std::vector<std::string> leave_out(rest::Selection& selection, const rest::AllowList& allowed) {
  std::vector<std::string> outside;
  std::erase_if(selection.repositories, [&](const rest::Repository& repository) {
    if (allowed.allows(repository)) return false;
    outside.push_back(repository.name());
    return true;
  });
  return outside;
}

/// A ClusterConfig's secret goes where the author of any Warehouse points: somebody looks first.
Result<void> confirm(Context& context, const RegisterOptions& options,
                     const rest::Selection& selection, bool is_bounded, const std::string& secret) {
  if (!options.whose.cluster_config || !options.all_subscribed) return {};
  if (options.yes || options.dry_run || selection.repositories.empty()) return {};
  for (const rest::Repository& repository : selection.repositories) {
    context.err << fmt::format("would register: {}\n", repository.name());
  }
  return wrong_usage(fmt::format(
      "Warehouses of all namespaces name these {} repositories, and the ClusterConfig's URL and "
      "secret would go there: if all of them are yours, run it again with --yes{}",
      selection.repositories.size(),
      is_bounded ? std::string()
                 : fmt::format("; the key bitbucket.allow of Secret {} bounds where they may go",
                               secret)));
}

/// What a repository's webhook has to be.
Result<rest::WantedWebhook> want(Cluster& cluster, const RegisterOptions& options,
                                 const ReceiverAccess& access, std::vector<std::string>& notes) {
  rest::WantedWebhook wanted{.name = rest::webhook_name(options.whose.project, options.receiver),
                             .mark = rest::webhook_mark(access.owner_uid, options.receiver),
                             .url = access.url,
                             .secret = access.secret,
                             .pull_requests = options.pull_requests};
  if (access.previous) {
    const std::string digits =
        crypto::sha256_hex({options.whose.project, options.receiver, access.previous->view()});
    wanted.former_url = access.url.substr(0, access.url.size() - digits.size()) + digits;
  }
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

/// Whether the next repository would fare the same; one failed log-in after another locks accounts.
bool ends_all(rest::ApiFailure failure) {
  return failure == rest::ApiFailure::kUnauthorized || failure == rest::ApiFailure::kUnreachable ||
         failure == rest::ApiFailure::kRateLimited;
}

void print(Context& context, const Report& report, bool show_urls) {
  if (context.format == Format::kJson) {
    context.out << report_json(report, show_urls);
    return;
  }
  for (const std::string& url : report.skipped) {
    context.err << fmt::format("skipped: {} is not known to be on this Bitbucket\n",
                               log::printable(url));
  }
  for (const std::string& name : report.outside) {
    context.err << fmt::format("not touched: {} is outside of the Secret's bitbucket.allow\n",
                               name);
  }
  for (const std::string& note : report.notes) context.err << "note: " << note << '\n';
  if (report.repositories.empty()) {
    context.err << "There is no Bitbucket repository to register.\n";
  } else {
    context.out << report_table(report, show_urls, context.colours);
  }
  for (const Registered& registered : report.repositories) {
    for (const std::string& note : registered.plan.notes) {
      context.err << fmt::format("{}: {}\n", registered.repository.name(), note);
    }
  }
}

Result<ExitCode> register_all(Context& context, const RegisterOptions& options) {
  const auto client = connect(context, options);
  if (!client) return tl::unexpected(client.error());
  const auto connected = Cluster::connect(context);
  if (!connected) return tl::unexpected(connected.error());
  auto selection = select(**connected, options);
  if (!selection) return tl::unexpected(selection.error());
  const auto access = receiver_access(**connected, options.whose.project, options.receiver);
  if (!access) return tl::unexpected(access.error());
  Report report{.dry_run = options.dry_run};
  const auto allow = (*connected)->secret_setting(access->secret_key, "bitbucket.allow");
  if (!allow) return tl::unexpected(allow.error());
  if (*allow) {
    const auto allowed = rest::AllowList::parse(**allow);
    if (!allowed) {
      return unreachable(fmt::format("Secret {}: {}", access->secret_key.str(), allowed.error()));
    }
    report.outside = leave_out(*selection, *allowed);
  }
  const auto confirmed =
      confirm(context, options, *selection, allow->has_value(), access->secret_key.str());
  if (!confirmed) return tl::unexpected(confirmed.error());
  const auto wanted = want(**connected, options, *access, report.notes);
  if (!wanted) return tl::unexpected(wanted.error());

  const rest::Send send =
      rest::patient([&client](const rest::ApiRequest& request) { return client->send(request); },
                    [&context](std::chrono::seconds pause) {
                      context.err << fmt::format("Bitbucket limits requests (429): waiting {} s\n",
                                                 pause.count());
                      std::this_thread::sleep_for(pause);
                    },
                    kRegisterPatience);
  report.skipped = std::move(selection->skipped);
  std::map<std::string, rest::InheritedWebhooks> inherited;  // by owner
  bool ended = false;
  for (const rest::Repository& repository : selection->repositories) {
    if (ended) {
      report.repositories.push_back({.repository = repository, .error = "not tried"});
      continue;
    }
    rest::Registration registration{
        .repository = repository,
        .wanted = *wanted,
        .moves = options.move ? rest::Moves::kAll : rest::Moves::kRotation,
        .always = options.force,
        .dry_run = options.dry_run};
    registration.inherited =
        inherited.try_emplace(repository.owner, registration.inherited).first->second;
    rest::RegisterWebhook registering(std::move(registration));
    rest::run(registering, send);
    auto& plan = registering.result();
    ended = !plan && ends_all(plan.error().kind);
    report.repositories.push_back(
        plan ? Registered{.repository = repository, .plan = std::move(*plan)}
             : Registered{.repository = repository, .error = plan.error().message});
  }
  print(context, report, options.show_urls);
  // A repository that was named, and is left out, is not what was asked for.
  const bool well =
      (options.all_subscribed || report.outside.empty()) &&
      std::ranges::all_of(report.repositories, [](const Registered& registered) {
        return registered.error.empty() && registered.plan.action != rest::Action::kSkip;
      });
  return well ? ExitCode::kOk : ExitCode::kNotWell;
}

}  // namespace

void add_register(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RegisterOptions>();
  CLI::App* command = app.add_subcommand(
      "register",
      "Create or update the webhooks of repositories in Bitbucket, Cloud or Data Center.");
  CLI::Option* repo =
      command
          ->add_option("--repo", options->repositories,
                       "A repository, by its clone URL or the address of its page; any number of "
                       "them.")
          ->option_text("URL");
  command
      ->add_flag("--all-subscribed", options->all_subscribed,
                 "Every Bitbucket repository that the project's Warehouses subscribe to.")
      ->excludes(repo);
  command->add_flag("--yes", options->yes,
                    "For --all-subscribed with --cluster-config: the list of repositories has been "
                    "looked at.");
  add_whose(*command, options->whose);
  command->add_option("--receiver", options->receiver, "Its name.")->option_text("R")->required();
  command->add_flag("--pull-requests", options->pull_requests,
                    "Subscribe to the end of pull requests, too. If not given: if a Stage of the "
                    "project, or a task that it uses, has a step git-wait-for-pr, or a promotion "
                    "waits for one now; an existing webhook's stay.");
  command
      ->add_option("--token-file", options->token_file,
                   "File that holds the token; - for standard input. If not given: "
                   "BITBUCKET_TOKEN.")
      ->option_text("FILE");
  command
      ->add_option(
          "--username", options->username,
          "The account's e-mail address, for an account's API token of Bitbucket Cloud. If "
          "not given: BITBUCKET_USERNAME.")
      ->option_text("U");
  CLI::Option* bitbucket_url = command->add_option(
      "--bitbucket-url", options->bitbucket_url,
      "Address of Data Center, with its context path. If not given: what --repo tells; "
      "--all-subscribed sends the token to no Data Center but this one.");
  bitbucket_url->option_text("URL");
  command
      ->add_option(
          "--cloud-url", options->cloud_url,
          fmt::format("Address of Bitbucket Cloud's API. If not given: {}.", rest::kCloudApi))
      ->option_text("URL")
      ->excludes(bitbucket_url);
  command
      ->add_option("--ca-file", options->ca_file,
                   "PEM file of authorities to trust beside the system's.")
      ->option_text("FILE");
  command->add_flag("--dry-run", options->dry_run, "Tell the difference, and write nothing.");
  command->add_flag("--force", options->force,
                    "Write the webhook, and so its secret, even if nothing seems to differ.");
  command->add_flag("--move", options->move,
                    "Take the receiver's webhooks here that lead to another base URL, as after the "
                    "operator's has changed. If not given, they are named, and stay.");
  command->add_flag(
      "--show-urls", options->show_urls,
      "The receiver's URLs in full. A URL is half a secret: nobody else should see it.");
  command->footer(kRegisterExamples);
  command->callback([&context, options] {
    if (options->repositories.empty() && !options->all_subscribed) {
      throw CLI::RequiredError("--repo or --all-subscribed");
    }
    require(options->whose);
    context.command = [&context, options] { return register_all(context, *options); };
  });
}

}  // namespace receiver::ctl
