#include "test/integration/transcript.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/process.h"
#include "test/support/receiverctl_schema.h"

namespace receiver::test {
namespace {

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

Transcript::Transcript(const Cluster& cluster,
                       std::vector<std::pair<std::string, std::string>> names)
    : kubeconfig_(cluster.directory() + "/kubeconfig.admin"), names_(std::move(names)) {}

void Transcript::run(std::vector<std::string> arguments) {
  text_ += "$ receiverctl";
  for (const std::string& argument : arguments) text_.append(" ").append(neutral(argument));
  const std::vector<std::string> typed = arguments;
  arguments.insert(arguments.begin(), RECEIVERCTL_BINARY);
  const Finished finished =
      test::run(std::move(arguments), {{"KUBECONFIG", kubeconfig_}, {"TZ", "UTC"}});
  const bool is_json = std::ranges::find(typed, "json") != typed.end();
  if (is_json && prints_document(finished)) CHECK(schema_problem(finished.output) == "");
  for (const std::string& secret : secrets_) {
    CHECK(finished.output.find(secret) == std::string::npos);
  }
  text_ += fmt::format("\n{}exit code {}\n\n", neutral(finished.output), finished.exit_code);
}

std::string Transcript::neutral(std::string text) const {
  for (const auto& [what, with] : names_) replace_all(text, what, with);
  static const std::vector<std::pair<std::regex, std::string>> patterns{
      {std::regex(R"(127\.0\.0\.1:[0-9]+)"), "127.0.0.1:PORT"},
      {std::regex("localhost:[0-9]+"), "localhost:PORT"},
      {std::regex("[0-9a-f]{64}"), "HEX"},
      {std::regex("/[0-9a-f]{8}…"), "/HEX…"},
      {std::regex("\\[[0-9a-f]{12}/"), "[HASH/"},
      {std::regex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"},
      {std::regex(R"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z)"), "TIME"},
      {std::regex(R"([0-9]{4}-[0-9]{2}-[0-9]{2}, in [0-9]+ days)"), "DATE, in N days"},
      {std::regex(R"([0-9]+ ms)"), "N ms"},
      {std::regex(R"("milliseconds": [0-9]+)"), "\"milliseconds\": N"},
      {std::regex(R"(Kubernetes v[0-9.]+)"), "Kubernetes VERSION"},
      {std::regex(R"(does not resolve: Host not found \([^→]*)"),
       "does not resolve: Host not found "},
      {std::regex(R"(runs; \S+ leads)"), "runs; REPLICA leads"},
  };
  for (const auto& [pattern, with] : patterns) text = std::regex_replace(text, pattern, with);
  return text;
}

void Transcript::check(const std::string& name) const {
  const std::string file = std::string(TESTDATA_DIR) + "/receiverctl/" + name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(file, std::ios::binary) << text_;
  CHECK(text_ == read_file(file));
}

}  // namespace receiver::test
