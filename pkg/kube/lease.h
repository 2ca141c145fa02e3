#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "clock/clock.h"
#include "kube/object_key.h"

namespace receiver::kube {

/// The part of a coordination.k8s.io/v1 Lease that an election uses. Times are kept as text: they
/// are only compared for change, so clocks of other machines do not matter.
struct LeaseRecord {
  std::string holder;  ///< empty: nobody, or released
  std::chrono::seconds duration{0};
  std::string acquire_time;
  std::string renew_time;
  std::int64_t transitions = 0;  ///< how often the holder has changed

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

/// A Lease as the API server returned it.
struct Lease {
  LeaseRecord record;
  std::string
      json;  ///< the whole object: an update keeps unknown fields and the version that was read
};

[[nodiscard]] tl::expected<Lease, std::string> parse_lease(std::string json);
/// The body of a PUT. It contains the resource version of `seen`, so that it is rejected if another
/// client wrote meanwhile.
[[nodiscard]] std::string update_body(const Lease& seen, const LeaseRecord& record);
/// The body of a POST.
[[nodiscard]] std::string create_body(const ObjectKey& key, const LeaseRecord& record);

/// The state of the lease when it was won.
struct Acquisition {
  bool existed = false;   ///< another candidate had held it before
  bool released = false;  ///< it named no holder: its last one released it
  bool own = false;       ///< it still named this candidate: no other has led meanwhile
  std::optional<clock::Wall::time_point> last_renewed;  ///< its renewTime, if readable

  friend bool operator==(const Acquisition&, const Acquisition&) = default;
};

/// What one candidate knows about the lease and may do: the decisions of client-go's LeaderElector.
/// Pure.
class Candidate {
 public:
  using Time = clock::Steady::time_point;

  /// `duration` is the lease duration that the candidate writes, rounded up to whole seconds.
  Candidate(std::string identity, std::chrono::milliseconds duration);

  /// The Lease was read, or written by this candidate. Its time counts from when it was first seen
  /// in this state.
  void observe(const LeaseRecord& record, Time now);
  /// There is no Lease.
  void observe_none() { observed_.reset(); }

  /// Whether the Lease names this candidate.
  [[nodiscard]] bool named() const;
  /// Whether the lease duration since the last observed change has not passed.
  [[nodiscard]] bool valid(Time now) const;
  /// Whether it is this candidate's, or nobody's, or expired.
  [[nodiscard]] bool may_claim(Time now) const;

  /// The record that wins or renews it.
  [[nodiscard]] LeaseRecord claim(clock::Wall::time_point now) const;
  /// The record that releases it: the next candidate need not wait for it to expire.
  [[nodiscard]] LeaseRecord release(clock::Wall::time_point now) const;
  /// The state in which a claim finds it now.
  [[nodiscard]] Acquisition found() const;
  /// Empty if there is none.
  [[nodiscard]] std::string_view holder() const;

 private:
  std::string identity_;
  std::chrono::seconds duration_;
  std::optional<LeaseRecord> observed_;
  Time observed_at_{};
};

}  // namespace receiver::kube
