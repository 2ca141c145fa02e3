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
  /// Namespace of Events about cluster-scoped objects: the API server accepts only `default` and
  /// `kube-system`.
  std::string default_namespace = "default";
  /// Limit of waiting Events. Beyond it, the newest of the object with the most is dropped and
  /// counted.
  std::size_t queue = 256;
  double per_second = 5;
  /// Called before each request. While it returns false, Events wait, or clear() drops them:
  /// another replica reports them then. If not set, always true.
  std::function<bool()> may_write{};
};

/// Writes events.k8s.io/v1 Events, one at a time, in turns by object. Equal ones (object, type,
/// reason, action, note) within six minutes become one Event with a series. An Event that is
/// rejected, or fails several times, is dropped, counted, and logged at most once a minute: Events
/// only inform. All members run on the client's thread. The object and the client must outlive
/// run().
class EventRecorder {
 public:
  EventRecorder(RestClient& rest, EventRecorderOptions options, log::Logger logger);
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  /// Never blocks or fails. `note` is for people (at most 1,024 bytes are kept).
  void emit(const ObjectReference& regarding, EventType type, std::string reason,
            std::string action, std::string note);

  /// Drops all waiting Events, without counting them. A request in flight may finish; it is not
  /// retried.
  void clear();

  /// Sends Events until stop(), or until the client is closed; Events that still wait are not sent.
  /// Call once.
  boost::asio::awaitable<void> run();
  void stop();
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::kube
