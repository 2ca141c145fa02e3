#include "cmd/receiverctl/explain.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/files.h"
#include "cmd/receiverctl/matching.h"
#include "cmd/receiverctl/output.h"
#include "cmd/receiverctl/whose.h"

namespace receiver::ctl {
namespace {

using bitbucket::Action;
using bitbucket::Event;

struct ExplainOptions {
  std::string file;
  std::string event;
  Whose whose;
  ChangedFiles changed;
  bool all = false;
  bool offline = false;
};

/// The objects that a payload refreshes; unrelated Warehouses are only counted.
struct Explained {
  std::vector<Match> matches{};
  std::size_t others = 0;
};

constexpr const char* kExplainExamples = R"(Examples:
  receiverctl explain payload.json --project kargo-demo
  receiverctl explain payload.json --project kargo-demo --changed apps/web/main.go --changed README.md
  receiverctl explain payload.json --event repo:push --offline
  pbpaste | receiverctl explain - --cluster-config -o json)";

bool names_something(const bitbucket::Payload& payload) {
  if (const auto* push = std::get_if<bitbucket::Push>(&payload)) {
    return !push->repository_urls.empty();
  }
  return !std::get<bitbucket::PullRequest>(payload).urls.empty();
}

std::string_view product(const Event& event) {
  return event.kind.source == bitbucket::Source::kCloud ? "Bitbucket Cloud"
                                                        : "Bitbucket Data Center";
}

void print_ignored(Context& context, const std::string& key) {
  if (is_document(context.format)) {
    context.out << document_text({.kind = "ExplanationList",
                                  .items =
                                      [&](Json& json) {
                                        json.StartObject();
                                        member(json, "event", key);
                                        member(json, "ignored", true);
                                        json.EndObject();
                                      }},
                                 context.format);
    return;
  }
  const std::string text = fmt::format(
      "nothing: the operator answers it 200 and ignores it; it acts on {}", event_choices());
  context.out << lines({{"Event", key}, {"Refreshes", Cell(text, Tone::kWarning)}},
                       Layout(context));
}

/// No matches: the cluster was not asked.
std::string explanation_document(const Event& event, const bitbucket::Payload& payload,
                                 const std::optional<Explained>& found, Format format) {
  Document document{.kind = "ExplanationList", .items = [&](Json& json) {
                      json.StartObject();
                      member(json, "event", event.key);
                      member(json, "ignored", false);
                      member(json, "source", bitbucket::source_name(event.kind.source));
                      write_payload(json, payload);
                      if (found) {
                        json.Key("objects");
                        write_matches(json, found->matches);
                      }
                      json.EndObject();
                    }};
  if (found) {
    for (const auto& target : targets_among(found->matches)) {
      document.names.push_back(type_name(target));
    }
  }
  return document_text(document, format);
}

void print(Context& context, const Event& event, const bitbucket::Payload& payload,
           const std::optional<Explained>& found) {
  if (is_document(context.format)) {
    context.out << explanation_document(event, payload, found, context.format);
    return;
  }
  std::vector<std::pair<std::string, Cell>> values{
      {"Event", fmt::format("{} of {}", event.key, product(event))}};
  for (auto& line : lines_of(payload)) values.push_back(std::move(line));
  const Layout layout(context);
  context.out << lines(values, layout);
  if (!found || (found->matches.empty() && !names_something(payload))) return;
  context.out << '\n';
  if (!found->matches.empty() || found->others == 0) {
    context.out << matches_table(found->matches, layout);
  }
  context.out << left_out_text(found->others);
}

Result<ExitCode> explain(Context& context, const ExplainOptions& options) {
  const auto body = read_input(context, options.file);
  if (!body) return tl::unexpected(body.error());
  const auto key = event_key_of(options.event, *body);
  if (!key) return tl::unexpected(key.error());
  const auto kind = bitbucket::event_kind(*key);
  if (!kind) {
    print_ignored(context, *key);
    return ExitCode::kNotWell;
  }
  const auto payload = bitbucket::parse_payload(*kind, *body);
  if (!payload) return unreachable(fmt::format("{}: {}", options.file, payload.error()));
  std::optional<Explained> found;
  if (!options.offline) {
    const auto cluster = Cluster::connect(context);
    if (!cluster) return tl::unexpected(cluster.error());
    auto matched = matches(**cluster, *payload, options.whose.project, options.changed);
    if (!matched) return tl::unexpected(matched.error());
    found.emplace(Explained{.matches = std::move(*matched)});
    if (!options.all) found->others = leave_out_others(found->matches);
  }
  print(context, {*key, *kind}, *payload, found);
  const bool well = found ? !targets_among(found->matches).empty() : names_something(*payload);
  return well ? ExitCode::kOk : ExitCode::kNotWell;
}

}  // namespace

std::string event_choices() {
  std::vector<std::string_view> keys(bitbucket::kEvents.size());
  std::ranges::transform(bitbucket::kEvents, keys.begin(), &Event::key);
  return fmt::format("{}", fmt::join(keys, ", "));
}

std::optional<Event> guessed_event(std::string_view body) {
  // Pull requests first: their payloads also name a repository.
  for (const Action action : {Action::kRefreshPromotions, Action::kRefreshWarehouses}) {
    for (const Event& event : bitbucket::kEvents) {
      if (event.kind.action != action) continue;
      const auto payload = bitbucket::parse_payload(event.kind, body);
      if (payload && names_something(*payload)) return event;
    }
  }
  return std::nullopt;
}

Result<std::string> event_key_of(std::string_view key, std::string_view body) {
  if (!key.empty()) return std::string(key);
  if (const auto guessed = guessed_event(body)) return std::string(guessed->key);
  return wrong_usage(
      fmt::format("cannot tell the event from the payload: set --event ({})", event_choices()));
}

void add_explain(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ExplainOptions>();
  CLI::App* command = app.add_subcommand(
      "explain", "Show what the operator reads in a payload, and what it would refresh.");
  command->add_option("file", options->file, "The payload; - for standard input.")
      ->option_text("FILE")
      ->required();
  command
      ->add_option("--event", options->event,
                   "The delivery's X-Event-Key. If not given: guessed from the payload.")
      ->option_text("KEY");
  add_whose(*command, options->whose);
  add_changed(*command, options->changed);
  command->add_flag("--all", options->all,
                    "Also show Warehouses that subscribe to other repositories.");
  command->add_flag("--offline", options->offline, "Only read the payload, without a cluster.");
  command->footer(std::string(kExplainExamples) +
                  "\n\nExit code 1: nothing would be refreshed. Others: see `receiverctl --help`.");
  command->callback([&context, options] {
    if (!options->offline) require(context, options->whose);
    context.command = [&context, options] { return explain(context, *options); };
  });
}

}  // namespace receiver::ctl
