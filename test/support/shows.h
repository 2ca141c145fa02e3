#pragma once

#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace receiver::test {

/// For /metrics: a sample on its own line.
inline auto shows(const std::string& sample) {
  return Catch::Matchers::Contains("\n" + sample + "\n");
}

/// For /metrics: the rest of each line that begins with `start`.
inline std::vector<std::string> rests_of_lines(const std::string& metrics,
                                               const std::string& start) {
  std::istringstream lines(metrics);
  std::vector<std::string> rests;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(start)) rests.push_back(line.substr(start.size()));
  }
  return rests;
}

/// For /metrics: the help of each metric, one per line.
inline std::string descriptions(const std::string& metrics) {
  std::string found;
  for (const std::string& rest : rests_of_lines(metrics, "# HELP ")) found += rest + "\n";
  return found;
}

/// For /metrics: the upper bounds of a series' buckets, such as `took_seconds_bucket{kind="a",`.
inline std::string bounds(const std::string& metrics, const std::string& series) {
  std::string found;
  for (const std::string& rest : rests_of_lines(metrics, series + "le=\"")) {
    if (!found.empty()) found += ' ';
    found += rest.substr(0, rest.find('"'));
  }
  return found;
}

}  // namespace receiver::test
