#include "cmd/bitbucket-receiver/wiring.h"

#include <algorithm>
#include <utility>

#include "controllers/catch_up.h"

namespace receiver {
namespace {

using std::chrono::milliseconds;
using Settled = kube::ReflectorStatus::Settled;

constexpr milliseconds kStillServed{5'000};
constexpr milliseconds kForTheLease{2'000};
constexpr milliseconds kForAnswers{500};

}  // namespace

bool owners_listed(const kube::ReflectorStatus& project_configs,
                   const kube::ReflectorStatus& cluster_configs) {
  const bool no_such_kind =
      project_configs.settled == Settled::kRefused && project_configs.kind_is_unknown;
  return (project_configs.settled == Settled::kSynced || no_such_kind) &&
         cluster_configs.settled != Settled::kNotYet;
}

bool owners_settled(const kube::ReflectorStatus& project_configs,
                    const kube::ReflectorStatus& cluster_configs) {
  return project_configs.settled != Settled::kNotYet && cluster_configs.settled != Settled::kNotYet;
}

kube::LeaderElector::Callbacks leader_callbacks(bool wants_catch_up,
                                                std::function<void(bool leading)> set_leading,
                                                std::function<void()> catch_up) {
  return {.started =
              [wants_catch_up, set_leading,
               catch_up = std::move(catch_up)](const kube::Acquisition& acquisition) {
                set_leading(true);
                if (!wants_catch_up) return;
                if (controllers::deliveries_may_be_lost(acquisition, clock::Wall::now())) {
                  catch_up();
                }
              },
          .stopped = [set_leading] { set_leading(false); }};
}

ShutdownTimes shutdown_times(ShutdownTimes::Time now, milliseconds grace_period) {
  ShutdownTimes times;
  times.ended = now + grace_period;
  times.served = now + std::min(kStillServed, grace_period / 4);
  times.drained = std::max(times.served, times.ended - kForTheLease);
  times.answered = times.served + (times.drained - times.served) * 3 / 4;
  times.answer_by = times.answered - kForAnswers;
  return times;
}

}  // namespace receiver
