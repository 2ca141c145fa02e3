#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kube/json.h"
#include "kube/resource.h"
#include "kube/rest.h"
#include "kube/store.h"
#include "log/logger.h"

namespace receiver::kube {

struct ReflectorOptions {
  Resource resource;
  std::string ns;              ///< empty: all namespaces
  std::string label_selector;  ///< empty: all
  std::string field_selector;
  Projection projection;  ///< of the objects; metadata is always kept as far as ObjectMeta needs it
};

/// What a reflector counts and is.
struct ReflectorStatus {
  enum class Settled {
    kNotYet,   ///< no list has ended
    kSynced,   ///< the store is whole, and kept so
    kRefused,  ///< 403 or 404 at the last list: retried every 30 s
  };
  Settled settled = Settled::kNotYet;
  std::string refusal;  ///< for people: which permission or kind is missing
  std::uint64_t lists = 0, watches = 0, events = 0, bad_objects = 0, failures = 0;
  std::chrono::steady_clock::time_point last_heard;  ///< last byte of a list or watch
};

/// Keeps a sink equal to a collection of the API server: lists in pages, then watches with bookmarks, for ever.
class Reflector {
 public:
  Reflector(RestClient& rest, ReflectorOptions options, ObjectSink& sink, log::Logger logger);
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  /// Called whenever `settled` changes, on the client's thread. Before run().
  void on_settled(std::function<void(const ReflectorStatus&)> callback);

  /// Ends after stop() (or when the client is closed). Once.
  boost::asio::awaitable<void> run();
  void stop();

  [[nodiscard]] const ReflectorStatus& status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::kube
