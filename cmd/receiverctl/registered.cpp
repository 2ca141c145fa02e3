#include "cmd/receiverctl/registered.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/receiverctl/output.h"

namespace receiver::ctl {
namespace {

using Change = bitbucket_rest::Action;
using bitbucket_rest::Difference;

std::string shown(const Difference& difference, const std::string& value, bool show_urls) {
  return difference.field == "url" && !value.empty() && !show_urls
             ? bitbucket_rest::masked_url(value)
             : value;
}

std::string line_of(const Difference& difference, bool show_urls) {
  const std::string to = shown(difference, difference.to, show_urls);
  if (difference.from.empty()) return fmt::format("{}: {}", difference.field, to);
  return fmt::format("{}: {} → {}", difference.field, shown(difference, difference.from, show_urls),
                     to);
}

Cell result_cell(const Registered& registered, bool dry_run) {
  if (!registered.tried) return {"not tried", Tone::kBad};
  if (!registered.error.empty()) return {"failed", Tone::kBad};
  switch (registered.plan.action) {
    case Change::kNone:
      return {"unchanged", Tone::kQuiet};
    case Change::kCreate:
      return dry_run ? Cell("would create", Tone::kWarning) : Cell("created", Tone::kGood);
    case Change::kUpdate:
    case Change::kDelete:
      return dry_run ? Cell("would update", Tone::kWarning) : Cell("updated", Tone::kGood);
    case Change::kPostpone:
    case Change::kSkip:
      return {"skipped", Tone::kWarning};
  }
  return "";
}

}  // namespace

std::string result_of(const Registered& registered, bool dry_run) {
  return result_cell(registered, dry_run).text;
}

std::string report_table(const Report& report, bool show_urls, bool colours) {
  Table table({"REPOSITORY", "WEBHOOK", "DIFFERENCE"});
  for (const Registered& registered : report.repositories) {
    std::vector<std::string> lines;
    lines.reserve(registered.plan.differences.size());
    for (const Difference& difference : registered.plan.differences) {
      lines.push_back(line_of(difference, show_urls));
    }
    if (!registered.plan.reason.empty()) lines = {registered.plan.reason};
    if (!registered.error.empty()) lines = {registered.error};
    if (lines.empty()) lines.emplace_back();
    table.add(
        {registered.repository.name(), result_cell(registered, report.dry_run), lines.front()});
    for (std::size_t i = 1; i < lines.size(); ++i) table.add({"", "", lines[i]});
  }
  return table.text(colours);
}

std::string report_json(const Report& report, bool show_urls) {
  return json_text([&](Json& json) {
    json.StartObject();
    member(json, "dryRun", report.dry_run);
    json.Key("repositories");
    json.StartArray();
    for (const Registered& registered : report.repositories) {
      json.StartObject();
      member(json, "server", registered.repository.server);
      member(json, "repository", registered.repository.name());
      member(json, "result", result_of(registered, report.dry_run));
      json.Key("differences");
      json.StartArray();
      for (const Difference& difference : registered.plan.differences) {
        json.StartObject();
        member(json, "field", std::string(difference.field));
        member(json, "from", shown(difference, difference.from, show_urls));
        member(json, "to", shown(difference, difference.to, show_urls));
        json.EndObject();
      }
      json.EndArray();
      member(json, "reason", registered.plan.reason);
      member(json, "notes", registered.plan.notes);
      member(json, "error", registered.error);
      json.EndObject();
    }
    json.EndArray();
    member(json, "skipped", report.skipped);
    member(json, "notAllowed", report.outside);
    member(json, "notes", report.notes);
    json.EndObject();
  });
}

}  // namespace receiver::ctl
