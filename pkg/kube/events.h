#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "kube/event_series.h"
#include "kube/rest.h"
#include "log/logger.h"

namespace receiver::kube {

struct EventRecorderOptions {
  std::string controller;  ///< reportingController, e.g. "kargo.akuity.io/bitbucket-receiver"
  std::string instance;    ///< reportingInstance
  /// Of Events about cluster-scoped objects: the API server accepts `default` and `kube-system`
  /// only.
  std::string default_namespace = "default";
  /// Waiting Events; beyond it the newest of the object that has the most is dropped and counted.
  std::size_t queue = 256;
  double per_second = 5;
  /// Asked before each request; while it says no, what there is to say waits, or is dropped by
  /// clear(): it is another replica's to tell then. Not given: always yes.
  std::function<bool()> may_write{};
};

/// Writes events.k8s.io/v1 Events, one at a time, in turns by object. Equal ones (object, type,
/// reason, action, note) less than six minutes apart become one Event with a series. What is
/// refused, or fails several times, is dropped, counted and named in the log at most once a minute:
/// Events inform, nothing depends on them. All members run on the client's thread; the object and
/// the client outlive run().
class EventRecorder {
 public:
  EventRecorder(RestClient& rest, EventRecorderOptions options, log::Logger logger);
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  /// Never blocks or fails. `note` is for people (at most 1,024 bytes are kept).
  void emit(const ObjectReference& regarding, EventType type, std::string reason,
            std::string action, std::string note);

  /// Drops all that waits, without counting it. A request in flight may finish; it is not repeated.
  void clear();

  /// Sends what is emitted until stop(), or until the client is closed; what then waits is not
  /// sent. Once.
  boost::asio::awaitable<void> run();
  void stop();
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::kube
