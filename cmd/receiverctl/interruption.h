#pragma once

#include <array>
#include <csignal>

namespace receiver::ctl {

/// While it lives, the first SIGINT or SIGTERM is noted, so that a command can say what it has done
/// and what not; the second one, of either kind, ends the process. What was ignored before, as
/// under nohup, still is. One at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// The number of the signal that was noted last; 0: none since the beginning of the last one.
  [[nodiscard]] static int signal();
  [[nodiscard]] static bool happened() { return signal() != 0; }

 private:
  std::array<struct sigaction, 2> before_{};
};

}  // namespace receiver::ctl
