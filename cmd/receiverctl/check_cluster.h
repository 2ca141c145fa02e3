#pragma once

#include <string>
#include <vector>

#include "api/receiver_owner.h"
#include "clock/clock.h"
#include "cmd/receiverctl/check.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/findings.h"
#include "kube/error.h"

/// The part of `check` that asks the API server, and judges its answers.
namespace receiver::ctl {

/// Checks that the API server answers, its clock agrees, it serves the kinds, and a replica of the
/// operator leads. False if it does not answer: the other checks need it.
[[nodiscard]] bool check_cluster(Cluster& cluster, const CheckOptions& options, Findings& findings);

/// Receivers and their Secrets. Returns the owners.
[[nodiscard]] std::vector<api::ReceiverOwner> check_receivers(Cluster& cluster,
                                                              const CheckOptions& options,
                                                              Findings& findings);

/// What the operator needs of one version of an API group.
struct NeededKinds {
  std::string group_version;
  std::vector<std::string> plurals;
  std::string remedy;  ///< where they are not served
};
[[nodiscard]] const std::vector<NeededKinds>& needed_kinds();
/// Of the answer to `/apis/GROUP/VERSION`, which lists the kinds that are served.
[[nodiscard]] Finding judge_kinds(const NeededKinds& needed,
                                  const kube::ApiResult<std::string>& answer);

/// A larger difference between the clocks is a warning.
inline constexpr std::chrono::seconds kClockTolerance{5};
[[nodiscard]] Finding judge_clock(clock::Wall::time_point server, clock::Wall::time_point here);

/// For this time after a leader has released its Lease, it is normal that nobody holds it.
inline constexpr std::chrono::seconds kHandover{10};
/// Judges the Lease's JSON at the time `now`. The Lease itself says how long it is valid.
[[nodiscard]] Finding judge_lease(const std::string& json, clock::Wall::time_point now);

/// The base URL that published URLs begin with: of `https://h/b/bitbucket/HEX`, `https://h/b`.
[[nodiscard]] std::string base_of(const std::string& receiver_url);
/// Whether all published URLs begin with one base URL, and with `expected` if that is not empty.
/// `base`: set to the base URL for the other checks; empty if it is not known.
[[nodiscard]] Finding judge_base_url(const std::vector<api::ReceiverOwner>& owners,
                                     const std::string& expected, std::string& base);

/// Any published receiver URL below the base URL; empty if there is none.
[[nodiscard]] std::string receiver_below(const std::vector<api::ReceiverOwner>& owners,
                                         const std::string& base);

}  // namespace receiver::ctl
