#pragma once

#include <array>
#include <csignal>

namespace receiver::ctl {

/// While it exists, the first SIGINT or SIGTERM is recorded, so that a command can report what it
/// has done; the second one ends the process. Signals that were ignored before, for example under
/// nohup, stay ignored. One instance at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// The signal that the last instance recorded; 0: none.
  [[nodiscard]] static int signal();
  [[nodiscard]] static bool happened() { return signal() != 0; }

 private:
  std::array<struct sigaction, 2> before_{};
};

}  // namespace receiver::ctl
