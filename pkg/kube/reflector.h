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

/// How long a reflector waits for what.
struct ReflectorTimes {
  std::chrono::milliseconds list_head{60'000};  ///< a list of a large collection takes its time
  std::chrono::milliseconds list_silence{30'000};
  std::chrono::milliseconds watch_head{30'000};
  /// A watch that has said nothing for so long is opened again. API servers send a bookmark about
  /// every minute where anything changes at all: two are missing then. Where nothing changes, or no
  /// bookmarks are sent, opening it again costs one request and loses nothing.
  std::chrono::milliseconds watch_silence{110'000};
  /// A watch that ends sooner, and has brought nothing, has failed.
  std::chrono::milliseconds watch_life{1'000};
  Backoff::Options backoff;
};

struct ReflectorOptions {
  Resource resource;
  std::string ns;              ///< empty: all namespaces
  std::string label_selector;  ///< empty: all
  std::string field_selector;
  json::Projection
      projection;  ///< of the objects; metadata is always kept as far as ObjectMeta needs it
  ReflectorTimes times;
  /// Which objects the sink is given, asked as each comes; empty: all. Of the others nothing but
  /// the metadata is ever decoded: what else they hold is no business of this process.
  std::function<bool(const ObjectKey& key)> wanted{};
};

/// What a reflector counts and is.
struct ReflectorStatus {
  enum class Settled {
    kNotYet,   ///< no list has ended
    kSynced,   ///< the store is whole, and kept so
    kRefused,  ///< lists were answered with 403 or 404, more than once: retried at least every 30 s
  };
  Settled settled = Settled::kNotYet;
  /// A watch is open, or is being opened after one that ended well, and nothing has failed since:
  /// the sink is as new as the API server's word.
  bool current = false;
  std::string refusal;           ///< for people: which permission or kind is missing
  bool kind_is_unknown = false;  ///< kRefused: by 404; there can be no objects of it
  int failures_in_a_row = 0;     ///< of lists and watches, since one went well
  std::string failure;           ///< for people: the last of them
  std::uint64_t lists = 0, watches = 0, events = 0, bad_objects = 0, failures = 0;
  std::chrono::steady_clock::time_point last_heard;  ///< last byte of a list or watch
};

/// Keeps a sink equal to a collection of the API server: lists in pages, then watches with
/// bookmarks, for ever. A store that was synced once stays so: whatever fails later, it is retried
/// and the last known set served. After an outage it is back soon after the first success of any
/// request of the client: of a whole kind within a second, of namespaces at 50 a second. Client and
/// sink outlive the reflector, or at least its stop().
class Reflector {
 public:
  Reflector(RestClient& rest, ReflectorOptions options, ObjectSink& sink, log::Logger logger);
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  /// Called whenever `settled` changes, on the client's thread. Set before run().
  void on_settled(std::function<void(const ReflectorStatus&)> callback);
  /// The same, whenever `current` changes.
  void on_current(std::function<void(bool current)> callback);
  /// Called after each list or watch that failed, and after the first that goes well again; after
  /// on_settled. On the client's thread; set before run().
  void on_tried(std::function<void(const ReflectorStatus&)> callback);

  /// Ends after stop() (or when the client is closed). Once.
  boost::asio::awaitable<void> run();
  /// At once, whatever it waits for: afterwards neither sink nor client nor callback is used again.
  void stop();

  [[nodiscard]] const ReflectorStatus& status() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  ///< shared with answers that are still on their way
};

}  // namespace receiver::kube
