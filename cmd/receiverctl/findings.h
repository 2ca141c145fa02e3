#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/output.h"

namespace receiver::ctl {

enum class Level : std::uint8_t { kOk, kWarning, kFailure };

/// One line of `check`.
struct Finding {
  Level level = Level::kOk;
  std::string subject;  ///< what was looked at: "clock"
  std::string message;
  std::string remedy{};  ///< what to do; empty where all is well, or the message says it
};

using Findings = std::vector<Finding>;

inline void ok(Findings& findings, std::string subject, std::string message) {
  findings.push_back({Level::kOk, std::move(subject), std::move(message)});
}
inline void warn(Findings& findings, std::string subject, std::string message, std::string remedy) {
  findings.push_back({Level::kWarning, std::move(subject), std::move(message), std::move(remedy)});
}
inline void fail(Findings& findings, std::string subject, std::string message, std::string remedy) {
  findings.push_back({Level::kFailure, std::move(subject), std::move(message), std::move(remedy)});
}

[[nodiscard]] std::string findings_text(const Findings& findings, const Layout& layout);
/// A CheckList.
[[nodiscard]] std::string findings_document(const Findings& findings, Format format);

}  // namespace receiver::ctl
