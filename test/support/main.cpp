#define CATCH_CONFIG_RUNNER
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <set>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/process.h"

namespace {

using receiver::test::ControlPlane;

/// Shows the end of the operators' logs if a test fails.
class OperatorLogs : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& /*test*/) override { earlier_ = logs(); }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    if (stats.totals.assertions.failed == 0) return;
    constexpr std::size_t kEnd = 12'000;
    for (const std::filesystem::path& path : logs()) {
      if (earlier_.count(path) != 0) continue;
      const std::string text = receiver::test::read_file(path);
      std::cerr << "--- the end of " << path.string() << "\n"
                << text.substr(text.size() > kEnd ? text.size() - kEnd : 0) << "---\n";
    }
  }

 private:
  static std::set<std::filesystem::path> logs() {
    std::set<std::filesystem::path> result;
    for (const auto& entry : std::filesystem::directory_iterator(ControlPlane::directory())) {
      if (entry.path().filename().string().starts_with("operator-")) result.insert(entry.path());
    }
    return result;
  }

  std::set<std::filesystem::path> earlier_;
};

CATCH_REGISTER_LISTENER(OperatorLogs)

}  // namespace

int main(int argc, char** argv) {
  Catch::Session session;
  if (const int error = session.applyCommandLine(argc, argv); error != 0) return error;
  const Catch::ConfigData& options = session.configData();
  if (options.showHelp || options.listTests || options.listTags || options.listReporters ||
      options.listTestNamesOnly) {
    return session.run();
  }
  try {
    const ControlPlane control_plane;
    return session.run();
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << std::endl;
    return 1;
  }
}
