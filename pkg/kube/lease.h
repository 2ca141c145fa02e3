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

/// The spec of a coordination.k8s.io/v1 Lease as far as an election uses it. Times are kept as
/// their text: they are compared for change only, so that clocks of other machines do not matter.
struct LeaseRecord {
  std::string holder;  ///< empty: nobody, or given back
  std::chrono::seconds duration{0};
  std::string acquire_time;
  std::string renew_time;
  std::int64_t transitions = 0;  ///< how often the holder has changed

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

/// A Lease as the API server answered with it.
struct Lease {
  LeaseRecord record;
  std::string json;  ///< the whole object: an update gives back what it does not know, and the
                     ///< version it saw
};

[[nodiscard]] tl::expected<Lease, std::string> parse_lease(std::string json);
/// The body of a PUT. It keeps the resource version of `seen`, so that it is refused if another
/// wrote meanwhile.
[[nodiscard]] std::string update_body(const Lease& seen, const LeaseRecord& record);
/// The body of a POST.
[[nodiscard]] std::string create_body(const ObjectKey& key, const LeaseRecord& record);

/// How the lease was found when it was won.
struct Acquisition {
  bool existed = false;   ///< somebody had held it before
  bool released = false;  ///< it named no holder: its last one gave it back
  bool own = false;       ///< it still named this candidate: nobody else has led meanwhile
  std::optional<clock::Wall::time_point> last_renewed;  ///< its renewTime, if readable

  friend bool operator==(const Acquisition&, const Acquisition&) = default;
};

/// What one candidate knows of the lease and may do about it: the decisions of client-go's
/// LeaderElector. Pure.
class Candidate {
 public:
  using Time = clock::Steady::time_point;

  /// `duration` is what the candidate asks for when it holds the lease; whole seconds are written,
  /// rounded up.
  Candidate(std::string identity, std::chrono::milliseconds duration);

  /// The Lease was read, or written by this candidate. Its time runs from when it was first seen as
  /// it is.
  void observe(const LeaseRecord& record, Time now);
  /// There is no Lease.
  void observe_none() { observed_.reset(); }

  /// The Lease names this candidate.
  [[nodiscard]] bool named() const;
  /// The time that its holder asked for has not passed since it was seen to change.
  [[nodiscard]] bool valid(Time now) const;
  /// It is this candidate's, or nobody's, or its holder has let it expire.
  [[nodiscard]] bool may_claim(Time now) const;

  /// What to write to win or renew it.
  [[nodiscard]] LeaseRecord claim(clock::Wall::time_point now) const;
  /// What to write to give it back: the next candidate need not wait for it to expire.
  [[nodiscard]] LeaseRecord release(clock::Wall::time_point now) const;
  /// How it is found by who claims it now.
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
