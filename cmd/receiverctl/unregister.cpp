#include "cmd/receiverctl/unregister.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "bitbucket_rest/unregister.h"
#include "cmd/receiverctl/bitbucket.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/output.h"
#include "cmd/receiverctl/trace.h"
#include "cmd/receiverctl/visits.h"
#include "cmd/receiverctl/whose.h"

namespace receiver::ctl {
namespace {

namespace rest = bitbucket_rest;

struct UnregisterOptions {
  BitbucketOptions bitbucket;
  Whose whose;
  std::string receiver;
  bool stale = false;
  bool dry_run = false;
  bool yes = false;
};

/// The result for one repository.
struct Gone {
  rest::Repository repository{};
  std::vector<rest::Webhook> webhooks{};  ///< deleted, or with --dry-run to be deleted
  std::optional<VisitFailure> failure{};  ///< the failure after that
};

struct Unregistered {
  std::vector<Gone> repositories{};
  std::vector<std::string> skipped{};  ///< subscribed URLs that are not on this Bitbucket
  bool dry_run = false;
};

constexpr const char* kUnregisterExamples = R"(Examples:
  receiverctl unregister --project kargo-demo --receiver bb-wh-receiver \
    --repo https://bitbucket.org/example/shop --token-file - --dry-run <<< "$token"
  receiverctl unregister --project kargo-demo --receiver bb-wh-receiver \
    --repo https://bitbucket.org/example/shop --token-file - --yes <<< "$token"
  receiverctl unregister --project kargo-demo --receiver bb-wh-receiver --all-subscribed --stale

On a terminal the command only shows what it would delete, unless --yes is given. Elsewhere, as in a
pipeline, it deletes, unless --dry-run is given.

The same webhooks belong to the receiver as for `register`. No other webhook is deleted, nor one of a
whole project or workspace. While the receiver's Secret has `bitbucket.register`, the operator creates the
webhooks of subscribed repositories again. Use --repo for a repository that no Warehouse subscribes to any
more.

--stale deletes webhooks whose URL was derived from a former secret, for example after a rotation without
`secret.previous`. A webhook with the path of the current or previous secret under another base URL may
still be served: it stays, and `register --move` corrects it.

Token: as for `register`. An API token of a Bitbucket Cloud account needs the scope
delete:webhook:bitbucket.

Exit code 1: a repository could not be read, or a webhook could not be deleted; or all repositories
were skipped. 3: Bitbucket does not answer, answers too late, or answers 429 or 5xx. Others: see
`receiverctl --help`.)";

std::string webhook_line(const rest::Webhook& webhook) {
  return fmt::format("{} ({}, to {})", rest::masked_text(webhook.id, ""),
                     rest::masked_text(webhook.title, ""), rest::masked_url(webhook.url));
}

Cell failure_cell(const VisitFailure& failure) {
  return {failure.tried ? "failed" : "not tried", Tone::kBad};
}

Cell deleted_cell(const std::vector<rest::Webhook>& webhooks, bool dry_run) {
  if (webhooks.empty()) return {"none", Tone::kQuiet};
  return dry_run ? Cell("would delete", Tone::kWarning) : Cell("deleted", Tone::kGood);
}

std::string unregistered_table(const Unregistered& all, const Layout& layout) {
  Table table({"REPOSITORY", "RESULT", "WEBHOOK"});
  for (const Gone& gone : all.repositories) {
    const std::string name = gone.repository.name();
    const Cell result = deleted_cell(gone.webhooks, all.dry_run);
    for (const rest::Webhook& webhook : gone.webhooks) {
      table.add({name, result, webhook_line(webhook)});
    }
    if (gone.failure) {
      table.add({name, failure_cell(*gone.failure), gone.failure->message});
    } else if (gone.webhooks.empty()) {
      table.add({name, result, ""});
    }
  }
  return table.text(layout);
}

/// In the words of the schema.
const char* action_of(const Gone& gone) {
  if (gone.failure) return gone.failure->tried ? "failed" : "not_tried";
  return gone.webhooks.empty() ? "unchanged" : "delete";
}

void write_webhooks(Json& json, const std::vector<rest::Webhook>& webhooks) {
  json.Key("webhooks");
  json.StartArray();
  for (const rest::Webhook& webhook : webhooks) {
    json.StartObject();
    member(json, "id", rest::masked_text(webhook.id, ""));
    member(json, "title", rest::masked_text(webhook.title, ""));
    member(json, "url", rest::masked_url(webhook.url));
    json.EndObject();
  }
  json.EndArray();
}

void write_items(Json& json, const Unregistered& all) {
  for (const Gone& gone : all.repositories) {
    json.StartObject();
    member(json, "server", gone.repository.server);
    member(json, "repository", gone.repository.name());
    member(json, "action", action_of(gone));
    write_webhooks(json, gone.webhooks);
    member(json, "reason", "");
    member(json, "error", gone.failure ? gone.failure->message : "");
    json.EndObject();
  }
  for (const std::string& url : all.skipped) {
    json.StartObject();
    member(json, "repository", url);
    member(json, "action", "skipped");
    member(json, "reason", kElsewhere);
    json.EndObject();
  }
}

std::string unregistered_document(const Unregistered& all, Format format) {
  Document document{.kind = "UnregistrationList",
                    .items = [&](Json& json) { write_items(json, all); },
                    .more = [&](Json& json) { member(json, "dryRun", all.dry_run); }};
  for (const Gone& gone : all.repositories) {
    document.names.push_back("repository/" + gone.repository.name());
  }
  return document_text(document, format);
}

void print(Context& context, const Unregistered& all) {
  if (is_document(context.format)) {
    context.out << unregistered_document(all, context.format);
    return;
  }
  tell_skipped(context, all.skipped);
  if (all.repositories.empty()) {
    context.err << "There is no Bitbucket repository to look at.\n";
  } else {
    context.out << unregistered_table(all, Layout(context));
  }
}

/// Deletes, or with `dry_run` only lists; fills in the deleted webhooks.
ExitCode delete_each(Context& context, const bitbucket_cpprest::Client& client,
                     const std::vector<rest::Repository>& repositories,
                     const rest::WantedWebhook& receiver, bool stale_only, Unregistered& all) {
  // Recorded one by one: a failure or Ctrl-C must not hide earlier deletions.
  std::map<std::string, std::vector<rest::Webhook>> deleted;
  for (const rest::Repository& repository : repositories) deleted[repository.name()];
  const auto make = [&](const rest::Repository& repository) {
    auto& gone = deleted.at(repository.name());
    return rest::Unregistration{
        .repository = repository,
        .receiver = receiver,
        .stale_only = stale_only,
        .dry_run = all.dry_run,
        .on_deleted = [&gone](const rest::Webhook& webhook) { gone.push_back(webhook); }};
  };
  const auto how = [&](const std::vector<rest::Webhook>& webhooks) {
    return deleted_cell(webhooks, all.dry_run).text;
  };
  const auto visits = visit_each<rest::UnregisterWebhooks>(context, traced(context, sender(client)),
                                                           repositories, make, how);
  for (const auto& [repository, result] : visits.all) {
    all.repositories.push_back(result ? Gone{.repository = repository, .webhooks = *result}
                                      : Gone{.repository = repository,
                                             .webhooks = std::move(deleted.at(repository.name())),
                                             .failure = result.error()});
  }
  return visits.code;
}

Result<ExitCode> unregister(Context& context, const UnregisterOptions& options) {
  const auto client = connect(context, options.bitbucket);
  if (!client) return tl::unexpected(client.error());
  const auto connected = Cluster::connect(context);
  if (!connected) return tl::unexpected(connected.error());
  auto selection = select(**connected, options.whose.project, options.bitbucket);
  if (!selection) return tl::unexpected(selection.error());
  const auto access = receiver_access(**connected, options.whose.project, options.receiver);
  if (!access) return tl::unexpected(access.error());

  Unregistered all{.skipped = std::move(selection->skipped),
                   .dry_run = options.dry_run || (context.on_terminal && !options.yes)};
  const auto receiver = webhook_of(*access, options.whose.project, options.receiver);
  const ExitCode code =
      delete_each(context, *client, selection->repositories, receiver, options.stale, all);
  print(context, all);
  const bool any = std::ranges::any_of(all.repositories,
                                       [](const Gone& gone) { return !gone.webhooks.empty(); });
  if (any && all.dry_run && !options.dry_run) {
    context.err << "Nothing was deleted; --yes deletes.\n";
  }
  const bool all_skipped = all.repositories.empty() && !all.skipped.empty();
  return code == ExitCode::kOk && all_skipped ? ExitCode::kNotWell : code;
}

}  // namespace

void add_unregister(CLI::App& app, Context& context) {
  const auto options = std::make_shared<UnregisterOptions>();
  CLI::App* command = app.add_subcommand(
      "unregister", "Delete a receiver's webhooks from repositories in Bitbucket.");
  add_repositories(*command, options->bitbucket);
  command->add_flag("--stale", options->stale,
                    "Only webhooks of the receiver whose URL no receiver serves any more.");
  add_whose(*command, options->whose);
  require_receiver(*command, options->receiver);
  add_access(*command, options->bitbucket);
  CLI::Option* dry_run =
      command->add_flag("--dry-run", options->dry_run, "Show what would be deleted.");
  command->add_flag("--yes", options->yes, "Delete, even on a terminal.")->excludes(dry_run);
  command->footer(kUnregisterExamples);
  command->callback([&context, options] {
    require(options->bitbucket);
    require(context, options->whose);
    context.command = [&context, options] { return unregister(context, *options); };
  });
}

}  // namespace receiver::ctl
