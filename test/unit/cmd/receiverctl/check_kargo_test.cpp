#include "cmd/receiverctl/check_kargo.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace receiver::ctl {
namespace {

using Catch::Contains;

std::string account(const std::string& chart, const std::string& version) {
  return fmt::format(
      R"({{"metadata": {{"labels": {{"helm.sh/chart": "{}", "app.kubernetes.io/version": "{}"}}}}}})",
      chart, version);
}

}  // namespace

TEST_CASE("Kargo's version is that of its own chart") {
  CHECK(kargo_version_of(account("kargo-1.11.0", "v1.11.0")) == "v1.11.0");
  CHECK(kargo_version_of(account("bitbucket-receiver-0.2.0", "0.2.0")).empty());
  CHECK(kargo_version_of(R"({"metadata": {}})").empty());
  CHECK(kargo_version_of("nothing").empty());
}

TEST_CASE("what a version of Kargo cannot do is told, with what to do") {
  struct Row {
    const char* version;
    std::vector<Level> levels;
    const char* message;
  };
  const std::vector<Row> rows{
      {"v0.9.1", {Level::kFailure}, "no webhook receivers"},
      {"1.5.9", {Level::kFailure}, "no webhook receivers"},
      {"v1.6.0", {Level::kWarning, Level::kWarning}, "another name"},
      {"1.8.4", {Level::kWarning, Level::kWarning}, "another name"},
      {"v1.9.0", {Level::kWarning}, "rejects refreshes of Promotions"},
      {"v1.10.10", {Level::kWarning}, "rejects refreshes of Promotions"},
      {"v1.11.0", {Level::kOk}, "v1.11.0 is supported"},
      {"2.0.0", {Level::kOk}, "2.0.0 is supported"},
      {"", {}, ""},
      {"latest", {}, ""},
  };
  for (const Row& row : rows) {
    INFO(row.version);
    const Findings findings = judge_kargo(row.version);
    std::vector<Level> levels;
    for (const Finding& finding : findings) {
      levels.push_back(finding.level);
      CHECK(finding.remedy.empty() == (finding.level == Level::kOk));
    }
    CHECK(levels == row.levels);
    if (!findings.empty()) CHECK_THAT(findings.front().message, Contains(row.message));
  }
}

}  // namespace receiver::ctl
