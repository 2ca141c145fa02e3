#include "cmd/receiverctl/explain.h"

#include <memory>
#include <ostream>
#include <variant>

#include <fmt/format.h>

#include "cmd/receiverctl/files.h"
#include "cmd/receiverctl/matching.h"
#include "cmd/receiverctl/output.h"

namespace receiver::ctl {
namespace {

using bitbucket::Action;
using bitbucket::Event;

struct ExplainOptions {
  std::string file;
  std::string event;
  std::string project;
  bool offline = false;
};

constexpr const char* kExplainExamples = R"(Examples:
  receiverctl explain payload.json --project kargo-demo
  receiverctl explain payload.json --event repo:push --offline
  pbpaste | receiverctl explain - -o json)";

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

/// No matches: the cluster was not asked.
void print(Context& context, const Event& event, const bitbucket::Payload& payload,
           const std::optional<std::vector<Match>>& found) {
  if (context.format == Format::kTable) {
    std::vector<std::pair<std::string, Cell>> values{
        {"Event", fmt::format("{} of {}", event.key, product(event))}};
    for (auto& line : lines_of(payload)) values.push_back(std::move(line));
    context.out << lines(values, context.colours);
    if (found) context.out << '\n' << matches_table(*found, context.colours);
    return;
  }
  context.out << json_text([&](Json& json) {
    json.StartObject();
    member(json, "event", std::string(event.key));
    member(json, "source", std::string(bitbucket::source_name(event.kind.source)));
    write_payload(json, payload);
    if (found) {
      json.Key("objects");
      write_matches(json, *found);
    }
    json.EndObject();
  });
}

Result<ExitCode> explain(Context& context, const ExplainOptions& options) {
  const auto body = read_input(context, options.file);
  if (!body) return tl::unexpected(body.error());
  const auto event = event_of(options.event, *body);
  if (!event) return tl::unexpected(event.error());
  const auto payload = bitbucket::parse_payload(event->kind, *body);
  if (!payload) return unreachable(fmt::format("{}: {}", options.file, payload.error()));
  std::optional<std::vector<Match>> found;
  if (!options.offline) {
    const auto cluster = Cluster::connect(context);
    if (!cluster) return tl::unexpected(cluster.error());
    auto matched = matches(**cluster, *payload, options.project);
    if (!matched) return tl::unexpected(matched.error());
    found = std::move(*matched);
  }
  print(context, *event, *payload, found);
  const bool well = found ? !targets_among(*found).empty() : names_something(*payload);
  return well ? ExitCode::kOk : ExitCode::kNotWell;
}

}  // namespace

std::optional<Event> guessed_event(std::string_view body) {
  // Pull requests first: their payloads name a repository, too.
  for (const Action action : {Action::kRefreshPromotions, Action::kRefreshWarehouses}) {
    for (const Event& event : bitbucket::kEvents) {
      if (event.kind.action != action) continue;
      const auto payload = bitbucket::parse_payload(event.kind, body);
      if (payload && names_something(*payload)) return event;
    }
  }
  return std::nullopt;
}

Result<Event> event_of(std::string_view key, std::string_view body) {
  std::string choices;
  for (const Event& event : bitbucket::kEvents) {
    if (event.key == key) return event;
    choices += fmt::format("{}{}", choices.empty() ? "" : ", ", event.key);
  }
  if (!key.empty()) {
    return wrong_usage(fmt::format(
        "--event {:?} calls for nothing: the operator answers it 200 and ignores it; it acts on {}",
        key, choices));
  }
  if (const auto guessed = guessed_event(body)) return *guessed;
  return wrong_usage(fmt::format(
      "the payload does not tell which event it is of: name it by --event ({})", choices));
}

void add_explain(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ExplainOptions>();
  CLI::App* command = app.add_subcommand(
      "explain", "Tell what the operator reads in a payload, and what that would refresh.");
  command->add_option("file", options->file, "The payload; - for standard input.")
      ->option_text("FILE")
      ->required();
  command
      ->add_option("--event", options->event,
                   "The delivery's X-Event-Key. If not given: what the payload looks like.")
      ->option_text("KEY");
  command
      ->add_option("--project", options->project,
                   "The receiver's. If not given: all, as for a receiver of the ClusterConfig.")
      ->option_text("P");
  command->add_flag("--offline", options->offline, "Only read the payload; ask no cluster.");
  command->footer(std::string(kExplainExamples) +
                  "\n\nExit code 1: nothing would be refreshed. Others: see `receiverctl --help`.");
  command->callback([&context, options] {
    context.command = [&context, options] { return explain(context, *options); };
  });
}

}  // namespace receiver::ctl
