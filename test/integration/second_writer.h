#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "test/support/cluster.h"
#include "test/support/project.h"

namespace receiver::test {

/// Kargo's management controller, as far as it writes the status of one ProjectConfig or of the
/// ClusterConfig. As the real one does, it
/// - acts at once when it starts and when the spec or the refresh annotation changes, but not when
/// a
///   Secret or the status does;
/// - publishes the good receivers of all types, and reports the others in its own words, with
///   Reconciling=True left and observedGeneration not advanced;
/// - tries again with a backoff of up to 1,000 s while a receiver fails, and looks again every five
///   minutes otherwise. The time for that is simulated: it passes only in pass().
class SecondWriter {
 public:
  SecondWriter(const Cluster& cluster, const Project& project, std::string base_url);
  /// For the ClusterConfig.
  SecondWriter(const Cluster& cluster, std::string base_url);
  ~SecondWriter();
  SecondWriter(const SecondWriter&) = delete;
  SecondWriter& operator=(const SecondWriter&) = delete;

  /// Everything that is due in that time happens, each step after the reactions to the last write.
  void pass(std::chrono::milliseconds time);
  /// Returns when nobody has written the object for a moment.
  void await_quiet() const;
  [[nodiscard]] int writes() const { return writes_; }

 private:
  struct Condition {
    std::string type, status, reason, message, generation, since;
    friend bool operator==(const Condition&, const Condition&) = default;
  };
  struct Status {
    std::string receivers;  ///< JSON; empty: none
    std::vector<Condition> conditions;
    std::string observed_generation, handled_refresh;
    friend bool operator==(const Status&, const Status&) = default;
  };
  struct Owner {
    std::string path, project, secrets_namespace;  ///< project: empty for the ClusterConfig
    std::string failure_prefix, ready_message;
  };
  SecondWriter(const Cluster& cluster, Owner owner, std::string base_url);

  void run();
  /// Whether it has written.
  bool reconcile();
  [[nodiscard]] Status wanted(const Json& config, std::vector<std::string>& errors) const;
  /// The entry in the API server's format; empty, and one more error, if it fails.
  [[nodiscard]] std::string entry_of(const Json& receiver, std::vector<std::string>& errors) const;
  [[nodiscard]] static Status status_of(const Json& config);
  static void set(Status& status, Condition condition);

  const Api api_;
  const Api& tests_api_;  ///< for the thread that constructs it
  const Owner owner_;
  const std::string base_url_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> writes_{0};

  std::mutex mutex_;  ///< guards the rest, and whole reconciles
  std::string seen_;  ///< generation and refresh annotation
  int failures_ = 0;  ///< in a row
  std::chrono::milliseconds now_{0}, due_{0};
  std::thread thread_;
};

}  // namespace receiver::test
