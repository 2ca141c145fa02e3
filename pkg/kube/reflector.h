#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "json/json.h"
#include "kube/backoff.h"
#include "kube/resource.h"
#include "kube/rest.h"
#include "kube/store.h"
#include "log/logger.h"

namespace receiver::kube {

/// The timeouts of a reflector.
struct ReflectorTimes {
  std::chrono::milliseconds list_head{60'000};  ///< a list of a large collection takes time
  std::chrono::milliseconds list_silence{30'000};
  std::chrono::milliseconds watch_head{30'000};
  /// A watch without any data for this long is opened again. API servers send a bookmark about
  /// every minute if anything changes at all, so two are missing then. If nothing changes, or no
  /// bookmarks are sent, opening it again costs one request and loses nothing.
  std::chrono::milliseconds watch_silence{110'000};
  /// A watch that ends sooner, without any event, counts as failed.
  std::chrono::milliseconds watch_life{1'000};
  Backoff::Options backoff;
};

struct ReflectorOptions {
  Resource resource;
  std::string ns;              ///< empty: all namespaces
  std::string label_selector;  ///< empty: all
  std::string field_selector;
  json::Projection
      projection;  ///< of the objects; the metadata that ObjectMeta needs is always kept
  ReflectorTimes times;
  /// Which objects the sink gets, called for each object; empty: all. Of other objects only the
  /// metadata is decoded: this process must not read the rest.
  std::function<bool(const ObjectKey& key)> wanted{};
};

/// The state and counts of a reflector.
struct ReflectorStatus {
  enum class Settled {
    kNotYet,   ///< no list has finished
    kSynced,   ///< the store is complete, and stays complete
    kRefused,  ///< several lists were answered 403 or 404: retried at least every 30 s
  };
  Settled settled = Settled::kNotYet;
  /// A watch is open, or is being opened after one that ended normally, and nothing has failed
  /// since: the sink is as new as the API server's data.
  bool current = false;
  std::string refusal;           ///< for people: the missing permission or kind
  bool kind_is_unknown = false;  ///< kRefused because of a 404: no objects of this kind can exist
  int failures_in_a_row = 0;     ///< lists and watches since the last success
  std::string failure;           ///< for people: the last failure
  std::uint64_t lists = 0, watches = 0, events = 0, bad_objects = 0, failures = 0;
  std::chrono::steady_clock::time_point last_heard;  ///< last byte of a list or watch
};

/// Keeps a sink equal to a collection of the API server: lists in pages, then watches with
/// bookmarks, forever. A store that was synced once stays synced: later failures are retried, and
/// the last known set is served. After an outage it recovers soon after the first success of any
/// request of the client: a whole kind within a second, namespaces at 50 per second. Client and
/// sink must outlive the reflector, or at least its stop().
class Reflector {
 public:
  Reflector(RestClient& rest, ReflectorOptions options, ObjectSink& sink, log::Logger logger);
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  /// Called whenever `settled` changes, on the client's thread. Set before run().
  void on_settled(std::function<void(const ReflectorStatus&)> callback);
  /// The same, for `current`.
  void on_current(std::function<void(bool current)> callback);
  /// Called after each list or watch that failed, and after the first success afterwards; after
  /// on_settled. On the client's thread; set before run().
  void on_tried(std::function<void(const ReflectorStatus&)> callback);

  /// Runs until stop(), or until the client is closed. Call once.
  boost::asio::awaitable<void> run();
  /// Takes effect at once. Afterwards neither sink nor client nor callbacks are used.
  void stop();

  [[nodiscard]] const ReflectorStatus& status() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  ///< shared with answers in flight
};

}  // namespace receiver::kube
