#include "cmd/receiverctl/deliveries.h"

#include <chrono>
#include <memory>
#include <ostream>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/duration.h"
#include "cmd/receiverctl/operator_deployment.h"
#include "cmd/receiverctl/pod_logs.h"
#include "cmd/receiverctl/whose.h"
#include "json/json.h"
#include "webhook/outcome.h"

namespace receiver::ctl {
namespace {

struct DeliveriesOptions {
  DeliveryFilter filter;
  bool cluster_config = false;
  LogSource source{.ns = {}, .selector = std::string(kOperatorLabel), .since = {}};
  std::string since;
  std::size_t most = 500;
  bool follow = false;
};

constexpr const char* kDeliveriesExamples = R"(Examples:
  receiverctl deliveries
  receiverctl deliveries -n kargo-demo --receiver bb-wh-receiver --since 24h
  receiverctl deliveries --follow
  receiverctl deliveries --id 18faeae4-10c3-4b83-8736-3f0cebec4a2e   # as Bitbucket's request history shows it
  receiverctl deliveries --follow -o json | jq 'select(.outcome != "ok")'

The command reads the logs of all pods of the operator through the API server, in either LOG_FORMAT. You
need the permissions to list pods, and to get pods/log, in the operator's namespace. A delivery is logged
at the level INFO; with LOG_LEVEL=WARN or ERROR only rejected ones are. Logs that the kubelet has rotated
away, and logs of deleted pods, are not available.

--follow shows each delivery as it comes, also from new pods, until Ctrl-C, in the same columns; with
-o json, one per line.

Exit code 1: the operator has no pod, or no delivery has the --id. 3: the logs cannot be read.
Others: see `receiverctl --help`.)";

/// Of `--since`.
std::optional<std::chrono::seconds> age_of(const std::string& text) {
  const auto time = read_duration(text);
  if (!time || *time < std::chrono::seconds(1)) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(*time);
}

Tone tone_of(const LoggedDelivery& delivery) {
  using webhook::Outcome;
  const auto outcome = webhook::outcome_named(delivery.outcome);
  if (outcome == Outcome::kOk || outcome == Outcome::kPing) return Tone::kGood;
  if (outcome == Outcome::kIgnoredEvent) return Tone::kQuiet;
  return outcome == Outcome::kQueued ? Tone::kWarning : Tone::kBad;
}

/// `PROJECT/RECEIVER`; for several that share a path, all of them.
std::string receivers_named(const LoggedDelivery& delivery) {
  return delivery.project == "*" ? delivery.receiver : delivery.project + "/" + delivery.receiver;
}

std::string told(const LoggedDelivery& delivery) {
  const std::string result = result_of(delivery);
  return delivery.url.empty() ? result : fmt::format("{}: {}", delivery.url, result);
}

void write_delivery(Json& json, const LoggedDelivery& delivery) {
  json.StartObject();
  member(json, "time", delivery.time);
  member(json, "delivery", delivery.id);
  member(json, "pod", delivery.pod);
  member(json, "project", delivery.project);
  member(json, "receiver", delivery.receiver);
  member(json, "event", delivery.event);
  member(json, "url", delivery.url);
  member(json, "outcome", delivery.outcome);
  member(json, "applied", delivery.applied);
  member(json, "queued", delivery.queued);
  member(json, "refused", delivery.refused);
  member(json, "spared", delivery.spared);
  if (delivery.milliseconds) member(json, "milliseconds", *delivery.milliseconds);
  member(json, "message", result_of(delivery));
  json.EndObject();
}

Table table_of_deliveries() {
  return Table({"TIME", "RECEIVER", "EVENT", "OUTCOME", "WHAT CAME OF IT"});
}

void add_delivery(Table& table, const LoggedDelivery& delivery) {
  table.add({delivery.time, receivers_named(delivery), delivery.event,
             Cell(delivery.outcome, tone_of(delivery)), told(delivery)});
}

/// `table`: of the deliveries so far.
std::string followed_text(const Context& context, const LoggedDelivery& delivery, Table& table) {
  if (context.format == Format::kName) return "delivery/" + delivery.id + "\n";
  if (context.format == Format::kJson) return delivery_json(delivery);
  add_delivery(table, delivery);
  return table.next(Layout(context));
}

Result<ExitCode> follow_deliveries(Context& context, Cluster& cluster,
                                   const DeliveriesOptions& options) {
  Table table = table_of_deliveries();
  const auto on_line = [&](const std::string& pod, std::string_view line) {
    auto delivery = read_log_line(line);
    if (!delivery || !is_wanted(*delivery, options.filter)) return true;
    delivery->pod = pod;
    // Flushed for each delivery; the reader may have gone.
    context.out << followed_text(context, *delivery, table) << std::flush;
    return context.out.good();
  };
  const auto on_trouble = [&](const std::string& why) { context.err << why << std::endl; };
  const auto followed =
      follow_logs(cluster, options.source, context.look_again, on_line, on_trouble);
  if (!followed) return tl::unexpected(followed.error());
  return ExitCode::kOk;
}

Result<ExitCode> list_deliveries(Context& context, Cluster& cluster,
                                 const DeliveriesOptions& options) {
  NewestDeliveries newest(options.most);
  const auto pods =
      read_logs(cluster, options.source, [&](const std::string& pod, std::string_view line) {
        auto delivery = read_log_line(line);
        if (!delivery || !is_wanted(*delivery, options.filter)) return;
        delivery->pod = pod;
        newest.add(std::move(*delivery));
      });
  if (!pods) return tl::unexpected(pods.error());
  if (*pods == 0) {
    return not_well(
        fmt::format("no pod in {} has the labels {}: set --operator-namespace or --selector",
                    options.source.ns, options.source.selector));
  }
  const std::size_t added = newest.added();
  const auto deliveries = newest.take();
  if (is_document(context.format)) {
    context.out << deliveries_document(deliveries, context.format);
  } else if (!deliveries.empty()) {
    context.out << deliveries_table(deliveries, Layout(context));
  }
  if (deliveries.empty()) {
    context.err << "There is no such delivery in the log since then.\n";
  } else if (deliveries.size() < added) {
    context.err << fmt::format("These are the newest {} of {}: --tail shows more.\n",
                               deliveries.size(), added);
  }
  return deliveries.empty() && !options.filter.id.empty() ? ExitCode::kNotWell : ExitCode::kOk;
}

Result<ExitCode> tell_deliveries(Context& context, DeliveriesOptions options) {
  if (options.follow && context.format == Format::kYaml) {
    return wrong_usage("--follow cannot print YAML, which needs an end: use -o json");
  }
  if (options.cluster_config) options.filter.project = "*";
  options.source.since = age_of(options.since);
  const auto cluster = Cluster::connect(context);
  if (!cluster) return tl::unexpected(cluster.error());
  return options.follow ? follow_deliveries(context, **cluster, options)
                        : list_deliveries(context, **cluster, options);
}

}  // namespace

std::string deliveries_table(const std::vector<LoggedDelivery>& deliveries, const Layout& layout) {
  Table table = table_of_deliveries();
  for (const LoggedDelivery& delivery : deliveries) add_delivery(table, delivery);
  return table.text(layout);
}

std::string deliveries_document(const std::vector<LoggedDelivery>& deliveries, Format format) {
  Document document{.kind = "DeliveryList", .items = [&](Json& json) {
                      for (const auto& delivery : deliveries) write_delivery(json, delivery);
                    }};
  for (const auto& delivery : deliveries) document.names.push_back("delivery/" + delivery.id);
  return document_text(document, format);
}

std::string delivery_json(const LoggedDelivery& delivery) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  write_delivery(json, delivery);
  const auto read = json::parse({buffer.GetString(), buffer.GetSize()});
  return (read ? json::to_text(*read) : std::string("{}")) + "\n";
}

void add_deliveries(CLI::App& app, Context& context) {
  const auto options = std::make_shared<DeliveriesOptions>();
  CLI::App* command =
      app.add_subcommand("deliveries", "Show which deliveries came, their outcome and its reason.");
  CLI::Option* project = add_project(*command, options->filter.project,
                                     "Only to receivers of this project. If not given: to all.");
  command
      ->add_flag("--cluster-config", options->cluster_config,
                 "Only to receivers of the ClusterConfig.")
      ->excludes(project);
  command->add_option("--receiver", options->filter.receiver, "Only to the receiver of this name.")
      ->option_text("R");
  command
      ->add_option(
          "--id", options->filter.id,
          "Only the delivery with this id, which Bitbucket sends as X-Request-UUID (Cloud) "
          "or X-Request-Id (Data Center).")
      ->option_text("ID");
  command
      ->add_option("--since", options->since,
                   "How far back, such as 90s, 2h. Default: 1h; with --follow 10s.")
      ->option_text("TIME")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return std::string(age_of(text) ? "" : "expected a time such as 90s, 2h");
          },
          ""));
  CLI::Option* follows = command->add_flag("-f,--follow", options->follow,
                                           "Show new deliveries as they come, until Ctrl-C.");
  command->add_option("--tail", options->most, "At most this many, the newest. Default: 500.")
      ->option_text("COUNT")
      ->check(CLI::Range(1U, 100'000U))
      ->excludes(follows);
  add_operator_namespace(*command, context, options->source.ns);
  command
      ->add_option("-l,--selector", options->source.selector,
                   fmt::format("Labels of the operator's pods. If not given: {}.", kOperatorLabel))
      ->option_text("LABELS");
  command->footer(kDeliveriesExamples);
  command->callback([&context, options] {
    if (options->since.empty()) options->since = options->follow ? "10s" : "1h";
    context.command = [&context, options] { return tell_deliveries(context, *options); };
  });
}

}  // namespace receiver::ctl
