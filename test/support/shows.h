#pragma once

#include <sstream>
#include <string>

#include <catch2/catch.hpp>

namespace receiver::test {

/// Of /metrics: a sample on a line of its own.
inline auto shows(const std::string& sample) {
  return Catch::Matchers::Contains("\n" + sample + "\n");
}

/// Of /metrics: what is said of each metric, a line each.
inline std::string descriptions(const std::string& metrics) {
  static const std::string start = "# HELP ";
  std::istringstream lines(metrics);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(start)) found += line.substr(start.size()) + "\n";
  }
  return found;
}

/// Of /metrics: the upper bounds of a series' buckets, such as `took_seconds_bucket{kind="a",`.
inline std::string bounds(const std::string& metrics, const std::string& series) {
  const std::string start = series + "le=\"";
  std::istringstream lines(metrics);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(start)) continue;
    if (!found.empty()) found += ' ';
    found += line.substr(start.size(), line.find('"', start.size()) - start.size());
  }
  return found;
}

}  // namespace receiver::test
