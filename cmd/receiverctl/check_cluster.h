#pragma once

#include <string>
#include <vector>

#include "api/receiver_owner.h"
#include "clock/clock.h"
#include "cmd/receiverctl/check.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/findings.h"
#include "kube/error.h"

/// The part of `check` that asks the API server, and the judgements that it makes.
namespace receiver::ctl {

/// The API server answers, its clock is ours, the kinds are there, and the operator leads. False if
/// it does not answer: then there is no use in going on.
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

/// How far a clock may be off before somebody should look at it.
inline constexpr std::chrono::seconds kClockTolerance{5};
[[nodiscard]] Finding judge_clock(clock::Wall::time_point server, clock::Wall::time_point here);

/// How long after one leader gave its Lease back another may be about to take it.
inline constexpr std::chrono::seconds kHandover{10};
/// Of the Lease's JSON, as of `now`: it is held for as long as it says itself.
[[nodiscard]] Finding judge_lease(const std::string& json, clock::Wall::time_point now);

/// The base URL that published URLs begin with: of `https://h/b/bitbucket/HEX`, `https://h/b`.
[[nodiscard]] std::string base_of(const std::string& receiver_url);
/// Whether all published URLs begin with one base URL, and with `expected` if that is not empty.
/// `base`: what to go on with; empty if it is not known.
[[nodiscard]] Finding judge_base_url(const std::vector<api::ReceiverOwner>& owners,
                                     const std::string& expected, std::string& base);

/// The URL of some receiver that is published below the base URL; empty if there is none.
[[nodiscard]] std::string receiver_below(const std::vector<api::ReceiverOwner>& owners,
                                         const std::string& base);

}  // namespace receiver::ctl
