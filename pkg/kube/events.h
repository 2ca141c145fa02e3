#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "kube/object_key.h"
#include "kube/rest.h"
#include "log/logger.h"

namespace receiver::kube {

/// The object an Event is about.
struct ObjectReference {
  std::string api_version;
  std::string kind;
  ObjectKey key;
  std::string uid;
  std::string resource_version;
};

enum class EventType { kNormal, kWarning };

struct EventRecorderOptions {
  std::string controller;         ///< reportingController, e.g. "kargo.akuity.io/bitbucket-receiver"
  std::string instance;           ///< reportingInstance
  std::string default_namespace;  ///< of Events about cluster-scoped objects
  std::size_t queue = 256;        ///< waiting Events; beyond it the newest is dropped and counted
  double per_second = 5;
};

/// Writes events.k8s.io/v1 Events. Equal ones (object, type, reason, note) within six minutes become one Event with a series.
class EventRecorder {
 public:
  EventRecorder(RestClient& rest, EventRecorderOptions options, log::Logger logger);
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  /// Never blocks or fails. `note` is for people (at most 1,024 bytes are kept).
  void emit(const ObjectReference& regarding, EventType type, std::string reason, std::string action, std::string note);

  /// Sends what is emitted until stop().
  boost::asio::awaitable<void> run();
  void stop();
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::kube
