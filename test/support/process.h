#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace receiver::test {

using Environment = std::map<std::string, std::string>;

/// A child process. It is killed when this object is destroyed or its creator ends.
class Process {
 public:
  /// The first argument names the program. Standard output and error go to the file `output`.
  Process(std::vector<std::string> arguments, const Environment& environment,
          const std::string& output);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  /// The exit code; 128 plus the signal's number if a signal ended it; nothing if it still runs.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit);
  [[nodiscard]] pid_t id() const { return id_; }

 private:
  pid_t id_ = -1;
  std::optional<int> exit_code_;
};

struct Finished {
  int exit_code;
  std::string output;
};
/// Whether receiverctl has a result to print: a failure is one line.
[[nodiscard]] inline bool prints_document(const Finished& finished) {
  return finished.exit_code == 0 || finished.output.find("\n") + 1 < finished.output.size();
}
/// Runs a program to its end with the environment of this process and `extra`.
[[nodiscard]] Finished run(std::vector<std::string> arguments, const Environment& extra = {});

/// The environment of this process.
[[nodiscard]] Environment current_environment();
[[nodiscard]] std::string read_file(const std::string& path);

/// A free TCP port of 127.0.0.1, below those that the kernel uses for outgoing connections. Another
/// process may still take it: callers must retry with another port.
[[nodiscard]] unsigned short free_port();

}  // namespace receiver::test
