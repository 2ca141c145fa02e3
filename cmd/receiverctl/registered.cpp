#include "cmd/receiverctl/registered.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/receiverctl/bitbucket.h"
#include "cmd/receiverctl/document.h"
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

/// In the words of the schema.
const char* action_of(const Registered& registered) {
  if (!registered.tried) return "not_tried";
  if (!registered.error.empty()) return "failed";
  switch (registered.plan.action) {
    case Change::kNone:
      break;
    case Change::kCreate:
      return "create";
    case Change::kUpdate:
    case Change::kDelete:
      return "update";
    case Change::kPostpone:
    case Change::kSkip:
      return "skipped";
  }
  return "unchanged";
}

void write_differences(Json& json, const std::vector<Difference>& differences, bool show_urls) {
  json.Key("differences");
  json.StartArray();
  for (const Difference& difference : differences) {
    json.StartObject();
    member(json, "field", difference.field);
    member(json, "from", shown(difference, difference.from, show_urls));
    member(json, "to", shown(difference, difference.to, show_urls));
    json.EndObject();
  }
  json.EndArray();
}

void write_skipped(Json& json, const std::string& repository, const char* reason) {
  json.StartObject();
  member(json, "repository", repository);
  member(json, "action", "skipped");
  member(json, "reason", reason);
  json.EndObject();
}

void write_items(Json& json, const Report& report, bool show_urls) {
  for (const Registered& registered : report.repositories) {
    json.StartObject();
    member(json, "server", registered.repository.server);
    member(json, "repository", registered.repository.name());
    member(json, "action", action_of(registered));
    write_differences(json, registered.plan.differences, show_urls);
    member(json, "reason", registered.plan.reason);
    member(json, "notes", registered.plan.notes);
    member(json, "error", registered.error);
    json.EndObject();
  }
  for (const std::string& url : report.skipped) write_skipped(json, url, kElsewhere);
  for (const std::string& name : report.outside) write_skipped(json, name, kOutside);
}

}  // namespace

std::string result_of(const Registered& registered, bool dry_run) {
  return result_cell(registered, dry_run).text;
}

std::string report_table(const Report& report, bool show_urls, bool wide, const Layout& layout) {
  std::vector<std::string> titles{"REPOSITORY", "WEBHOOK", "DIFFERENCE"};
  if (wide) titles.insert(titles.begin() + 1, "SERVER");
  Table table(std::move(titles));
  const auto add = [&](const std::string& name, const std::string& server, const Cell& result,
                       const std::string& line) {
    std::vector<Cell> row{name, result, line};
    if (wide) row.insert(row.begin() + 1, server);
    table.add(std::move(row));
  };
  for (const Registered& registered : report.repositories) {
    std::vector<std::string> lines;
    lines.reserve(registered.plan.differences.size());
    for (const Difference& difference : registered.plan.differences) {
      lines.push_back(line_of(difference, show_urls));
    }
    if (!registered.plan.reason.empty()) lines = {registered.plan.reason};
    if (!registered.error.empty()) lines = {registered.error};
    if (lines.empty()) lines.emplace_back();
    add(registered.repository.name(), registered.repository.server,
        result_cell(registered, report.dry_run), lines.front());
    for (std::size_t i = 1; i < lines.size(); ++i) add("", "", "", lines[i]);
  }
  return table.text(layout);
}

std::string report_document(const Report& report, bool show_urls, Format format) {
  Document document{.kind = "RegistrationList",
                    .items = [&](Json& json) { write_items(json, report, show_urls); },
                    .more =
                        [&](Json& json) {
                          member(json, "dryRun", report.dry_run);
                          member(json, "notes", report.notes);
                        }};
  for (const Registered& registered : report.repositories) {
    document.names.push_back("repository/" + registered.repository.name());
  }
  return document_text(document, format);
}

}  // namespace receiver::ctl
