#include "cmd/receiverctl/help.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cmd/receiverctl/deliveries.h"
#include "cmd/receiverctl/findings.h"
#include "cmd/receiverctl/matching.h"
#include "cmd/receiverctl/receivers.h"
#include "cmd/receiverctl/registered.h"
#include "cmd/receiverctl/versions.h"
#include "test/unit/cmd/receiverctl/terminal.h"

namespace receiver::ctl {
namespace {

std::string help_of(std::vector<const char*> words, std::optional<std::size_t> columns) {
  Terminal terminal;
  terminal.context.columns = columns;
  words.insert(words.begin(), "receiverctl");
  CHECK(terminal.run(words) == 0);
  return terminal.out.str();
}

/// The output of commands for fixed values.
std::vector<std::string> tables(const Layout& layout) {
  const ReceiverState good{
      .project = "kargo-demo",
      .name = "bb-wh-receiver",
      .secret_name = "bb-wh-secret",
      .url = "https://hooks.example.com/kargo/bitbucket/" + std::string(64, '7'),
      .ready = true,
      .warehouses = 12,
      .promotions = 3};
  const ReceiverState bad{
      .name = "bitbucket",
      .secret_name = "bitbucket",
      .why = "Secret kargo-system-resources/bitbucket not found; create it with a key \"secret\""};
  const Findings findings{
      {Level::kOk, "API server", "https://10.0.0.1:6443 answers as Kubernetes v1.34.4"},
      {Level::kWarning, "name", "hooks.example.com is 10.1.2.3: private",
       "Bitbucket Cloud cannot reach it; Data Center can from the same network"},
      {Level::kFailure, "permission of kargo/kargo-external-webhooks-server",
       "missing: get, list, watch secrets in kargo-demo",
       "name the project in the chart's `projects`, or bind a role there that allows it"}};
  using controllers::TargetKind;
  const std::vector<Match> matches{
      {{TargetKind::kWarehouse, {"kargo-demo", "shop-https"}},
       webhook::Verdict::kTarget,
       "it subscribes to https://bitbucket.org/acme/shop, branch main"},
      {{TargetKind::kWarehouse, {"kargo-demo", "shop-development"}},
       webhook::Verdict::kOtherRefs,
       "it subscribes to other refs: https://bitbucket.org/acme/shop, branch dev"}};
  LoggedDelivery delivery{.time = "2026-11-30T00:00:01.000Z",
                          .id = "18faeae4",
                          .event = "repo:push",
                          .project = "kargo-demo",
                          .receiver = "bb-wh-receiver",
                          .url = "https://bitbucket.org/acme/shop",
                          .outcome = "ok",
                          .applied = 2,
                          .milliseconds = 19};
  LoggedDelivery refused = delivery;
  refused.outcome = "refused";
  refused.url.clear();
  refused.message =
      "answered 401: the signature is not of this receiver's secret; the webhook in Bitbucket must "
      "have the same";
  const std::vector<ComponentVersion> versions{
      {.component = "client", .version = "1.2.3", .commit = "abcdef012345", .date = "2026-11-29"},
      {.component = "operator",
       .message = "deployments.apps is forbidden: User \"jane\" cannot list resource "
                  "\"deployments\" in API group \"apps\" in the namespace \"kargo\""},
      {.component = "apiServer", .version = "v1.34.4", .message = "https://10.0.0.1:6443"}};
  Registered created{.repository = {}};
  created.repository.server = "https://api.bitbucket.org";
  created.repository.owner = "acme";
  created.repository.slug = "a-repository-with-a-long-name";
  created.plan.action = bitbucket_rest::Action::kCreate;
  created.plan.differences = {{"title", "", "Kargo kargo-demo/bb-wh-receiver [0123456789ab/bb]"},
                              {"url", "", good.url},
                              {"events", "", "repo:push"}};
  return {receivers_table({good, bad}, {.layout = layout}),
          receivers_table({good, bad}, {.urls = true, .layout = layout}),
          report_table({.repositories = {created}}, false, true, layout),
          findings_text(findings, layout),
          matches_table(matches, layout),
          deliveries_table({delivery, refused}, layout),
          versions_text(versions, layout)};
}

std::size_t columns_of(const std::string& line) {
  std::size_t columns = 0;
  for (const char byte : line) columns += (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U;
  return columns;
}

/// Shell commands stay whole, so that people can copy them.
bool is_example(const std::string& line) {
  return line.starts_with("  receiverctl ") || line.starts_with("  kubectl ") ||
         line.starts_with("    --");
}

}  // namespace

TEST_CASE("help and tables fit the terminal, and are whole where there is none") {
  struct Row {
    const char* name;
    std::optional<std::size_t> columns;
  };
  for (const Row& row : std::vector<Row>{{"width_60.txt", 60},
                                         {"width_80.txt", 80},
                                         {"width_160.txt", 160},
                                         {"width_none.txt", std::nullopt}}) {
    INFO(row.name);
    const std::size_t help_columns = std::min(row.columns.value_or(kUsualHelp), kWidestHelp);
    std::string shown;
    for (const std::vector<const char*>& words :
         std::vector<std::vector<const char*>>{{},
                                               {"receivers", "--help"},
                                               {"receivers", "describe", "--help"},
                                               {"send", "--help"}}) {
      shown += "$ receiverctl";
      for (const char* word : words) shown += std::string(" ") + word;
      const std::string help = help_of(words, row.columns);
      shown += "\n" + help + "\n";
      std::istringstream lines_of(help);
      for (std::string line; std::getline(lines_of, line);) {
        INFO(line);
        CHECK((is_example(line) || columns_of(line) <= help_columns));
      }
    }
    for (const std::string& table : tables({false, row.columns})) {
      shown += table + "\n";
      std::istringstream lines_of(table);
      for (std::string line; std::getline(lines_of, line);) {
        INFO(line);
        const bool is_word = line.find(' ', line.find_first_not_of(' ')) == std::string::npos;
        CHECK((is_word || columns_of(line) <= row.columns.value_or(1'000)));
      }
    }
    const std::string file = std::string(TESTDATA_DIR) + "/receiverctl/" + row.name;
    if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(file, std::ios::binary) << shown;
    std::ifstream golden(file, std::ios::binary);
    CHECK(shown == std::string{std::istreambuf_iterator<char>(golden), {}});
  }
}

TEST_CASE("an example stays one line, with the comment behind it") {
  CHECK_THAT(help_of({"check", "--help"}, 60),
             Catch::Contains("\n  receiverctl check --via http://bitbucket-receiver.kargo         "
                             "        # in the cluster, by its Service\n"));
}

TEST_CASE("an example that reads a token can be pasted whole") {
  CHECK_THAT(help_of({"register", "--help"}, 80),
             Catch::Contains("\n  read -rs token && \\\n  receiverctl register "));
}

TEST_CASE("examples call the program as it was called, but not where another one runs it") {
  struct Row {
    const char* text;
    const char* called;
  };
  for (const Row& row : std::vector<Row>{
           {"  receiverctl check", "  k b check"},
           {"receiverctl check", "k b check"},
           {"pbpaste | receiverctl explain -", "pbpaste | k b explain -"},
           {"source <(receiverctl completion bash)", "source <(k b completion bash)"},
           {"see `receiverctl --help`", "see `k b --help`"},
           {"see `receiverctl\n--help`", "see `k b\n--help`"},
           {"kubectl exec x -- receiverctl check", "kubectl exec x -- receiverctl check"},
           {"> ~/x/receiverctl.fish", "> ~/x/receiverctl.fish"},
           {"/usr/bin/receiverctl check", "/usr/bin/receiverctl check"},
           {"receiverctl", "receiverctl"}}) {
    CHECK(called(row.text, "k b") == row.called);
  }
}

}  // namespace receiver::ctl
