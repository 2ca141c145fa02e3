#pragma once

#include <array>
#include <csignal>

namespace receiver::ctl {

/// While it lives, the first SIGINT or SIGTERM is noted, so that a command can say what it has done
/// and what not; a second one ends the process. What was ignored before, as under nohup, still is.
/// One at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  [[nodiscard]] static bool happened();

 private:
  static constexpr std::array<int, 2> kSignals{SIGINT, SIGTERM};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace receiver::ctl
