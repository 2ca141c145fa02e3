#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitbucket_rest/messages.h"
#include "git/ref_selector.h"
#include "test/differential/bitbucket.h"
#include "test/differential/discovery.h"
#include "test/differential/git_repository.h"
#include "test/differential/history.h"

namespace receiver::test {

/// Everything that follows from a seed.
struct PushWorld {
  PushWorld(std::uint64_t seed, bitbucket::Source product, std::size_t pushes);
  PushWorld(const PushWorld&) = delete;
  PushWorld& operator=(const PushWorld&) = delete;

  Random random;
  History history;
  GitRepository repository;
  Bitbucket bitbucket;
  Discovery discovery;
};

/// One push as a receiver gets it.
class DeliveredPush {
 public:
  DeliveredPush(PushWorld& world, std::size_t push);

  [[nodiscard]] const std::string& body() const { return body_; }
  /// Whether every question is answered with the state right after the push.
  [[nodiscard]] bool is_quiet() const { return is_quiet_; }
  /// Bitbucket's answer, sometimes none. The same question has the same answer.
  [[nodiscard]] bitbucket_rest::ApiAnswer answer(const bitbucket_rest::ApiRequest& request) const;

 private:
  const Bitbucket& bitbucket_;
  std::size_t asked_after_;
  std::string body_;
  std::uint64_t seed_;
  bool is_quiet_;
};

/// A subscription to the repository with path patterns, often one that the push affects.
[[nodiscard]] git::Subscription random_subscription(PushWorld& world, std::size_t push);

/// Whether the push has one or two refs, each a new tag, or a branch whose way leads back to its
/// old commit in at most five steps.
[[nodiscard]] bool is_simple(const PushWorld& world, std::size_t push,
                             const git::Subscription& subscription);
/// Whether, for a simple push, Bitbucket reports everything: every changed file of every step, by
/// its name, on pages of a usual length; and the default branch, if it is asked for.
[[nodiscard]] bool is_told_in_full(const PushWorld& world, std::size_t push,
                                   const git::Subscription& subscription);

/// Whether the subscription is to the default branch, which Bitbucket reports, and the push to
/// other branches.
[[nodiscard]] bool is_elsewhere(const PushWorld& world, std::size_t push,
                                const git::Subscription& subscription);

/// For people.
[[nodiscard]] std::string described(const PushWorld& world, std::size_t push);
[[nodiscard]] std::string described(const git::Subscription& subscription);

}  // namespace receiver::test
