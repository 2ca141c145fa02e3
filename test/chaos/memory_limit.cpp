#include "test/chaos/memory_limit.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include <yaml-cpp/yaml.h>

namespace receiver::chaos {
namespace {

constexpr std::size_t kMebibyte = 1024UL * 1024;

void write(const std::string& file, const std::string& text) {
  std::ofstream stream(file);
  if (!(stream << text << std::flush)) throw std::runtime_error("cannot write " + file);
}

}  // namespace

std::size_t memory_limit_of_chart() {
  const auto values = YAML::LoadFile(CHART_VALUES);
  const auto text = values["resources"]["limits"]["memory"].as<std::string>();
  std::size_t unit = 0;
  const std::size_t number = std::stoul(text, &unit);
  if (text.substr(unit) != "Mi") throw std::runtime_error("the chart's memory limit: " + text);
  return number * kMebibyte;
}

MemoryLimit::MemoryLimit(std::size_t bytes)
    : unified_(std::filesystem::exists("/sys/fs/cgroup/cgroup.controllers")),
      directory_(std::string("/sys/fs/cgroup/") + (unified_ ? "" : "memory/") + "chaos-" +
                 std::to_string(::getpid())) {
  std::filesystem::create_directory(directory_);
  write(directory_ + (unified_ ? "/memory.max" : "/memory.limit_in_bytes"), std::to_string(bytes));
}

MemoryLimit::~MemoryLimit() {
  // Busy until the last process inside has been reaped.
  for (int attempt = 0; ::rmdir(directory_.c_str()) != 0 && attempt < 100; ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

test::Operator::Launcher MemoryLimit::launcher() const {
  return {"/bin/sh", "-c", R"(echo $$ >"$0/cgroup.procs" && exec "$@")", directory_};
}

std::size_t MemoryLimit::peak_bytes() const {
  return std::stoul(
      test::read_file(directory_ + (unified_ ? "/memory.peak" : "/memory.max_usage_in_bytes")));
}

}  // namespace receiver::chaos
