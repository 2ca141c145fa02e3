#include "cmd/receiverctl/findings.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/receiverctl/document.h"
#include "cmd/receiverctl/output.h"

namespace receiver::ctl {
namespace {

std::string name_of(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kWarning:
      return "warning";
    case Level::kFailure:
      return "failure";
  }
  return {};
}

Tone tone_of(Level level) {
  switch (level) {
    case Level::kOk:
      return Tone::kGood;
    case Level::kWarning:
      return Tone::kWarning;
    case Level::kFailure:
      return Tone::kBad;
  }
  return Tone::kPlain;
}

auto count(const Findings& findings, Level level) {
  return std::ranges::count(findings, level, &Finding::level);
}

}  // namespace

std::string findings_text(const Findings& findings, const Layout& layout) {
  Table table({"", "CHECK", "RESULT"});
  for (const Finding& finding : findings) {
    table.add({Cell(name_of(finding.level), tone_of(finding.level)), finding.subject,
               finding.remedy.empty() ? finding.message
                                      : fmt::format("{} → {}", finding.message, finding.remedy)});
  }
  return table.text(layout) +
         fmt::format("\n{} ok, {} warning(s), {} failure(s)\n", count(findings, Level::kOk),
                     count(findings, Level::kWarning), count(findings, Level::kFailure));
}

std::string findings_document(const Findings& findings, Format format) {
  Document document{.kind = "CheckList", .items = [&](Json& json) {
                      for (const Finding& finding : findings) {
                        json.StartObject();
                        member(json, "level", name_of(finding.level));
                        member(json, "check", finding.subject);
                        member(json, "message", finding.message);
                        member(json, "remedy", finding.remedy);
                        json.EndObject();
                      }
                    }};
  for (const Finding& finding : findings) document.names.push_back("check/" + finding.subject);
  return document_text(document, format);
}

}  // namespace receiver::ctl
