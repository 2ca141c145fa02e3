#include "cmd/receiverctl/unregister.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "bitbucket_rest/unregister.h"
#include "cmd/receiverctl/bitbucket.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/output.h"
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

using Unregistered = std::vector<Visited<std::vector<rest::Webhook>>>;

constexpr const char* kUnregisterExamples = R"(Examples:
  receiverctl unregister --project kargo-demo --receiver bb-wh-receiver \
    --repo https://bitbucket.org/example/shop --token-file - --dry-run <<< "$token"
  receiverctl unregister --project kargo-demo --receiver bb-wh-receiver \
    --repo https://bitbucket.org/example/shop --token-file - --yes <<< "$token"
  receiverctl unregister --project kargo-demo --receiver bb-wh-receiver --all-subscribed --stale

On a terminal the command only shows what it would delete, unless --yes is given. Elsewhere, as in a
pipeline, it deletes, unless --dry-run is given.

Which webhooks are the receiver's: as for `register`. No other webhook is deleted, nor one of a whole
project or workspace. While the receiver's Secret has `bitbucket.register`, the operator creates the
webhooks of subscribed repositories again. Name a repository that no Warehouse subscribes to any more
with --repo.

--stale: webhooks whose URL was derived from a former secret, as a rotation without `secret.previous`
leaves them. A webhook with the current or previous secret's path under another base URL may still be
served: it stays, and `register --move` corrects it.

The token: as for `register`; of an account of Bitbucket Cloud it also needs the scope
delete:webhook:bitbucket.

Exit code 1: a repository could not be read, or a webhook could not be deleted. 3: Bitbucket does not
answer, answers too late, or answers 429 or 5xx. Others: see `receiverctl --help`.)";

std::string webhook_line(const rest::Webhook& webhook) {
  return fmt::format("{} ({}, to {})", rest::masked_text(webhook.id, ""),
                     rest::masked_text(webhook.title, ""), rest::masked_url(webhook.url));
}

Cell result_of(const tl::expected<std::vector<rest::Webhook>, VisitFailure>& deleted,
               bool dry_run) {
  if (!deleted) return {deleted.error().tried ? "failed" : "not tried", Tone::kBad};
  if (deleted->empty()) return {"none", Tone::kQuiet};
  return dry_run ? Cell("would delete", Tone::kWarning) : Cell("deleted", Tone::kGood);
}

std::string unregistered_table(const Unregistered& all, bool dry_run, bool colours) {
  Table table({"REPOSITORY", "RESULT", "WEBHOOK"});
  for (const auto& [repository, deleted] : all) {
    const Cell result = result_of(deleted, dry_run);
    if (!deleted || deleted->empty()) {
      table.add({repository.name(), result, deleted ? std::string() : deleted.error().message});
      continue;
    }
    for (const rest::Webhook& webhook : *deleted) {
      table.add({repository.name(), result, webhook_line(webhook)});
    }
  }
  return table.text(colours);
}

std::string unregistered_json(const Unregistered& all, bool dry_run) {
  return json_text([&](Json& json) {
    json.StartObject();
    member(json, "dryRun", dry_run);
    json.Key("repositories");
    json.StartArray();
    for (const auto& [repository, deleted] : all) {
      std::vector<std::string> webhooks;
      if (deleted) std::ranges::transform(*deleted, std::back_inserter(webhooks), webhook_line);
      json.StartObject();
      member(json, "server", repository.server);
      member(json, "repository", repository.name());
      member(json, "result", result_of(deleted, dry_run).text);
      member(json, "webhooks", webhooks);
      member(json, "error", deleted ? std::string() : deleted.error().message);
      json.EndObject();
    }
    json.EndArray();
    json.EndObject();
  });
}

Result<ExitCode> unregister(Context& context, const UnregisterOptions& options) {
  const auto client = connect(context, options.bitbucket);
  if (!client) return tl::unexpected(client.error());
  const auto connected = Cluster::connect(context);
  if (!connected) return tl::unexpected(connected.error());
  const auto selection = select(**connected, options.whose.project, options.bitbucket);
  if (!selection) return tl::unexpected(selection.error());
  const auto access = receiver_access(**connected, options.whose.project, options.receiver);
  if (!access) return tl::unexpected(access.error());

  const bool dry_run = options.dry_run || (context.on_terminal && !options.yes);
  const auto receiver = webhook_of(*access, options.whose.project, options.receiver);
  const auto make = [&](const rest::Repository& repository) {
    return rest::Unregistration{.repository = repository,
                                .receiver = receiver,
                                .stale_only = options.stale,
                                .dry_run = dry_run};
  };
  const auto how = [&](const std::vector<rest::Webhook>& deleted) {
    return result_of(deleted, dry_run).text;
  };
  const auto visits = visit_each<rest::UnregisterWebhooks>(context, sender(*client),
                                                           selection->repositories, make, how);
  context.out << (context.format == Format::kJson
                      ? unregistered_json(visits.all, dry_run)
                      : unregistered_table(visits.all, dry_run, context.colours));
  if (dry_run && !options.dry_run) context.err << "Nothing was deleted; --yes deletes.\n";
  return visits.code;
}

}  // namespace

void add_unregister(CLI::App& app, Context& context) {
  const auto options = std::make_shared<UnregisterOptions>();
  CLI::App* command = app.add_subcommand(
      "unregister", "Delete a receiver's webhooks of repositories in Bitbucket.");
  add_repositories(*command, options->bitbucket);
  command->add_flag("--stale", options->stale,
                    "Only webhooks of the receiver whose URL nobody serves any more.");
  add_whose(*command, options->whose);
  command->add_option("--receiver", options->receiver, "Its name.")->option_text("R")->required();
  add_access(*command, options->bitbucket);
  CLI::Option* dry_run =
      command->add_flag("--dry-run", options->dry_run, "Tell what would be deleted.");
  command->add_flag("--yes", options->yes, "Delete, on a terminal too.")->excludes(dry_run);
  command->footer(kUnregisterExamples);
  command->callback([&context, options] {
    require(options->bitbucket);
    require(options->whose);
    context.command = [&context, options] { return unregister(context, *options); };
  });
}

}  // namespace receiver::ctl
