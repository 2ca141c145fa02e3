#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "cluster.h"
#include "project.h"

namespace receiver::integration {

/// Another controller of a project's ProjectConfig, on a thread of its own, that behaves as Kargo's
/// does: it computes the status of every receiver from the Secret that it names and writes it at an
/// interval, if it differs from what stands there. On an error it tells its own words and leaves
/// Reconciling True; then, and only then, a receiver of its own type that lacks its Secret is
/// named.
class SecondWriter {
 public:
  static constexpr std::chrono::milliseconds kInterval{150};

  SecondWriter(const Cluster& cluster, const Project& project, std::string base_url);
  ~SecondWriter();
  SecondWriter(const SecondWriter&) = delete;
  SecondWriter& operator=(const SecondWriter&) = delete;

  [[nodiscard]] int writes() const { return writes_; }
  /// Returns when it has looked so often again.
  void await_rounds(int rounds) const;

 private:
  void run(const Cluster& cluster, const Project& project);
  void reconcile(const Api& api, const Project& project);

  const std::string base_url_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> writes_{0}, rounds_{0};
  std::thread thread_;
};

}  // namespace receiver::integration
