// Compares the spared refreshes with what Kargo would discover.
//
// Each history is a random repository, created with the `git` command, and a Bitbucket for it; each
// push is a delivery, judged for random subscriptions. `git log` gives what Kargo would discover.
// By hand:
//
//   DIFFERENTIAL_PUSHES=5000 build/release/differential
//
// A failure names the seed of its history: DIFFERENTIAL_SEED=… begins with that one.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "git/path_filter.h"
#include "test/differential/naive_decision.h"
#include "test/differential/product.h"
#include "test/differential/world.h"
#include "text/ascii.h"

namespace receiver::test {
namespace {

using bitbucket::Source;
using bitbucket_rest::ApiAnswer;
using bitbucket_rest::ApiRequest;

constexpr std::size_t kPushes = 300;
#ifdef NDEBUG
constexpr std::size_t kPushesOfDecision = kPushes;
#else  // with sanitizers, too
constexpr std::size_t kPushesOfDecision = 75;
#endif
constexpr std::size_t kSubscriptions = 20;
constexpr std::size_t kPushesOfAHistory = 25;
constexpr std::uint64_t kFirstSeed = 20'261'129;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : text::parse_number<std::uint64_t>(text).value();
}

/// Calls `judge` with each world and push, `otherwise` of them unless the environment has a number,
/// or until it returns false.
void for_each_push(
    std::size_t otherwise,
    const std::function<bool(std::uint64_t seed, PushWorld&, std::size_t push)>& judge) {
  const std::uint64_t pushes = setting("DIFFERENTIAL_PUSHES", otherwise);
  std::uint64_t seed = setting("DIFFERENTIAL_SEED", kFirstSeed);
  for (std::size_t judged = 0; judged < pushes; ++seed) {
    PushWorld world(seed, seed % 2 == 0 ? Source::kCloud : Source::kDataCenter, kPushesOfAHistory);
    for (std::size_t push = 0; push < kPushesOfAHistory && judged < pushes; ++push, ++judged) {
      if (!judge(seed, world, push)) return;
    }
  }
}

/// Asks the same question only once.
NaiveDecision::Ask remembering(const DeliveredPush& delivery, std::vector<std::string>& said) {
  auto known = std::make_shared<std::map<std::string, ApiAnswer>>();
  return [&delivery, &said, known](const ApiRequest& request) {
    const auto [found, is_new] = known->try_emplace(request.url);
    if (is_new) {
      found->second = delivery.answer(request);
      said.push_back(fmt::format("{} {}\n  {} {}\n", request.method, request.url,
                                 found->second.status, found->second.body));
    }
    return found->second;
  };
}

/// All details of a failure.
std::string story_of(PushWorld& world, std::uint64_t seed, std::size_t push,
                     const DeliveredPush& delivery, const git::Subscription& subscription,
                     const std::vector<std::string>& said) {
  std::string text = fmt::format("DIFFERENTIAL_SEED={} push {} of it\n{}{}{}\n", seed, push,
                                 described(world, push), described(subscription), delivery.body());
  for (const std::string& one : said) text += one;
  for (const RefUpdate& update : world.history.pushes[push].updates) {
    if (!update.after) continue;
    text += fmt::format("{} in Git:\n", update.ref);
    const auto& way = world.discovery.way(update.after->commit);
    for (std::size_t i = 0; i < std::min<std::size_t>(way.size(), 10); ++i) {
      text += fmt::format("  {} {}\n", way[i].hash, fmt::join(way[i].paths, " "));
    }
  }
  return text;
}

struct Tally {
  std::size_t decided = 0;
  std::size_t nothing = 0;  ///< discovery finds nothing
  std::size_t nothing_spared = 0;
  std::size_t simple = 0;  ///< of these
  std::size_t simple_spared = 0;
  std::size_t told = 0;  ///< of these, those for which Bitbucket answers everything
  std::size_t told_spared = 0;
  std::size_t elsewhere = 0;  ///< it is known that no ref is the default branch
  std::size_t elsewhere_spared = 0;

  [[nodiscard]] std::string text() const {
    return fmt::format(
        "{} decisions; discovery finds nothing: {}, spared {}; simple pushes of these: {}, spared "
        "{}; told in full of these: {}, spared {}; not on the default branch: {}, spared {}",
        decided, nothing, nothing_spared, simple, simple_spared, told, told_spared, elsewhere,
        elsewhere_spared);
  }
};

/// Whether the delivery refreshes each of the subscriptions. Calls for one history follow each
/// other, with the history's seed.
using Decide =
    std::function<std::vector<bool>(std::uint64_t seed, const Bitbucket&, const DeliveredPush&,
                                    const std::vector<git::Subscription>&, NaiveDecision::Ask)>;

/// Properties of every decision.
void check_decision(const Decide& decide) {
  Tally tally;
  for_each_push(kPushesOfDecision, [&](std::uint64_t seed, PushWorld& world, std::size_t push) {
    std::vector<git::Subscription> subscriptions;
    for (std::size_t i = 0; i < kSubscriptions; ++i) {
      subscriptions.push_back(random_subscription(world, push));
    }
    const DeliveredPush delivery(world, push);
    std::vector<std::string> said;
    const auto refreshed =
        decide(seed, world.bitbucket, delivery, subscriptions, remembering(delivery, said));
    for (std::size_t i = 0; i < subscriptions.size(); ++i) {
      const bool finds = world.discovery.finds(subscriptions[i], push);
      if (finds && !refreshed[i]) {
        FAIL("spared, but Kargo would discover something\n"
             << story_of(world, seed, push, delivery, subscriptions[i], said));
      }
      ++tally.decided;
      if (finds) continue;
      const std::size_t spared = refreshed[i] ? 0 : 1;
      ++tally.nothing;
      tally.nothing_spared += spared;
      if (delivery.is_quiet() && is_elsewhere(world, push, subscriptions[i])) {
        ++tally.elsewhere;
        tally.elsewhere_spared += spared;
      }
      if (!is_simple(world, push, subscriptions[i])) continue;
      ++tally.simple;
      tally.simple_spared += spared;
      if (!delivery.is_quiet() || !is_told_in_full(world, push, subscriptions[i])) continue;
      ++tally.told;
      tally.told_spared += spared;
      if (refreshed[i] && std::getenv("DIFFERENTIAL_SHOW") != nullptr) {
        WARN("refreshed for nothing\n"
             << story_of(world, seed, push, delivery, subscriptions[i], said));
      }
    }
    return true;
  });
  INFO(tally.text());
  if (std::getenv("DIFFERENTIAL_SHOW") != nullptr) WARN(tally.text());
  CHECK(tally.told * 20 > tally.decided);
  CHECK(tally.told_spared * 100 >= tally.told * 95);
  CHECK(tally.elsewhere > 0);
  CHECK(tally.elsewhere_spared == tally.elsewhere);
}

constexpr std::array kFaults{
    std::pair{Fault::kNetDifference, "the net difference, not that of each commit"},
    std::pair{Fault::kWrongOrder, "Cloud's commits in the wrong order"},
    std::pair{Fault::kFirstPage, "the first page only"},
    std::pair{Fault::kOtherParent, "a merge's other parent"},
    std::pair{Fault::kForcedIsNotLookedAt, "forced is not looked at"},
    std::pair{Fault::kNotReached, "a way that does not lead to the old commit"},
    std::pair{Fault::kFirstSteps, "the first five steps of a longer way"},
    std::pair{Fault::kNewBranch, "a new branch's newest commit"},
    std::pair{Fault::kMovedTag, "a moved tag's new commit"},
    std::pair{Fault::kNewPathOnly, "the new path of what was renamed"},
    std::pair{Fault::kPlainSpellingOnly, "not as Git spells it"},
    std::pair{Fault::kReplacementIsName, "U+FFFD as a name"},
    std::pair{Fault::kCutIsAll, "what Data Center tells, though there is more"},
    std::pair{Fault::kErrorIsNothing, "an error is no change"},
    std::pair{Fault::kMainIsDefault, "main is the default branch"},
};

}  // namespace

TEST_CASE("a history's trees are those that Git has") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    PushWorld world(seed, Source::kCloud, kPushesOfAHistory);
    for (const Commit& commit : world.history.commits) {
      const auto logged = world.repository.log(commit.hash, 1);
      REQUIRE(logged.size() == 1);
      CHECK(logged.front().hash == commit.hash);
      std::vector<std::string> paths;
      for (const auto& path : differing_paths(former_tree(world.history, commit), *commit.tree)) {
        paths.push_back(git::quoted_path(path));
      }
      CHECK(logged.front().paths == paths);
    }
  }
}

TEST_CASE("a naive decision spares what it may, and no more") {
  check_decision([](std::uint64_t, const Bitbucket& bitbucket, const DeliveredPush& delivery,
                    const std::vector<git::Subscription>& subscriptions, NaiveDecision::Ask ask) {
    NaiveDecision decision(bitbucket.repository, delivery.body(), std::move(ask));
    std::vector<bool> refreshed;
    for (const auto& subscription : subscriptions) {
      refreshed.push_back(decision.refreshes(subscription));
    }
    return refreshed;
  });
}

TEST_CASE("the operator spares what it may, and no more") {
  std::unique_ptr<Product> product;
  std::uint64_t seed_of_product = 0;
  check_decision([&](std::uint64_t seed, const Bitbucket& bitbucket, const DeliveredPush& delivery,
                     const std::vector<git::Subscription>& subscriptions,
                     const NaiveDecision::Ask& ask) {
    if (!product || seed != seed_of_product) {
      product.reset();
      product = std::make_unique<Product>(bitbucket);
      seed_of_product = seed;
    }
    return product->refreshes(delivery.body(), subscriptions, ask);
  });
}

TEST_CASE("every fault of a decision is found") {
  std::map<Fault, std::size_t> found;
  std::size_t pushes = 0;
  for_each_push(kPushes, [&](std::uint64_t, PushWorld& world, std::size_t push) {
    ++pushes;
    const DeliveredPush delivery(world, push);
    std::vector<std::string> said;
    const auto ask = remembering(delivery, said);
    std::vector<git::Subscription> missed;
    for (std::size_t i = 0; i < kSubscriptions; ++i) {
      auto subscription = random_subscription(world, push);
      if (world.discovery.finds(subscription, push)) missed.push_back(std::move(subscription));
    }
    for (const auto& [fault, name] : kFaults) {
      if (found.contains(fault)) continue;
      NaiveDecision decision(world.bitbucket.repository, delivery.body(), ask, fault);
      const bool refreshes_all = std::ranges::all_of(
          missed, [&](const auto& subscription) { return decision.refreshes(subscription); });
      if (!refreshes_all) found[fault] = pushes;
    }
    return found.size() < kFaults.size();
  });
  for (const auto& [fault, name] : kFaults) {
    INFO(name);
    CHECK(found.contains(fault));
    if (std::getenv("DIFFERENTIAL_SHOW") != nullptr) {
      WARN(name << ": found by push " << found[fault]);
    }
  }
}

}  // namespace receiver::test
