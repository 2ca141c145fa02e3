#include "controllers/recent_deliveries.h"

#include <algorithm>
#include <deque>
#include <malloc.h>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/eventually.h"

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using Refs = std::vector<std::string>;
using Time = RecentDeliveries::Time;

constexpr auto kPush = TargetKind::kWarehouse;
constexpr auto kPull = TargetKind::kPromotion;
const Recipient kApples{"/bitbucket/1", "apples", "bb"};
const Recipient kPears{"/bitbucket/2", "pears", "bb"};
const Recipient kEverywhere{"/bitbucket/3", "", "all"};

Named push(std::vector<std::string> repositories, Refs refs) {
  return {kPush, std::move(repositories), std::move(refs)};
}
Named pull(std::string url) {
  return {kPull, {std::move(url)}, {}};
}

/// Recipients by their path, with the refs, sorted; an empty set of refs means unknown ones.
using ByPath = std::map<std::string, std::multiset<std::string>>;
ByPath by_path(const std::vector<RecentDeliveries::Found>& found) {
  ByPath paths;
  for (const auto& [recipient, refs] : found) {
    CHECK(paths.emplace(recipient.path, std::multiset(refs.begin(), refs.end())).second);
  }
  return paths;
}

/// The memory, with a time that the test sets.
struct Remembering {
  explicit Remembering(RecentDeliveriesLimits limits = {}) : recent(limits) {
    recent.watch_is_current(kPush, now);
    recent.watch_is_current(kPull, now);
  }
  void remember(const Recipient& recipient, const Named& named) {
    recent.remember(recipient, named, now);
  }
  ByPath pushed(const std::string& ns, const std::string& repository) {
    return by_path(recent.find(kPush, ns, repository, now));
  }
  ByPath ended(const std::string& ns, const std::string& url) {
    return by_path(recent.find(kPull, ns, url, now));
  }

  Time now{1h};
  RecentDeliveries recent;
};

}  // namespace

TEST_CASE("a delivery is found by what it names, in its project alone") {
  Remembering script;
  script.remember(kApples, push({"repo", "repo-by-ssh"}, {"main"}));
  script.remember(kEverywhere, push({"repo"}, {"dev"}));
  script.remember(kPears, pull("pull/1"));

  CHECK(script.pushed("apples", "repo") ==
        ByPath{{"/bitbucket/1", {"main"}}, {"/bitbucket/3", {"dev"}}});
  CHECK(script.pushed("apples", "repo-by-ssh") == ByPath{{"/bitbucket/1", {"main"}}});
  CHECK(script.pushed("pears", "repo") == ByPath{{"/bitbucket/3", {"dev"}}});
  CHECK(script.pushed("apples", "repo-2").empty());
  CHECK(script.pushed("apples", "rep").empty());
  CHECK(script.pushed("pears", "pull/1").empty());
  CHECK(script.ended("pears", "pull/1") == ByPath{{"/bitbucket/2", {}}});
  CHECK(script.ended("apples", "pull/1").empty());
}

TEST_CASE("refs that are not known, or too many, stand for all") {
  Remembering script({.refs = 2, .refs_asked = 4});
  script.remember(kApples, push({"few"}, {"a", "b"}));
  script.remember(kApples, push({"many"}, {"a", "b", "c"}));
  script.remember(kApples, push({"unknown"}, {}));
  CHECK(script.pushed("apples", "few") == ByPath{{"/bitbucket/1", {"a", "b"}}});
  CHECK(script.pushed("apples", "many") == ByPath{{"/bitbucket/1", {}}});
  CHECK(script.pushed("apples", "unknown") == ByPath{{"/bitbucket/1", {}}});

  SECTION("one delivery whose refs are not known stands for all of its recipient") {
    script.remember(kApples, push({"few"}, {}));
    script.remember(kEverywhere, push({"few"}, {"c"}));
    CHECK(script.pushed("apples", "few") == ByPath{{"/bitbucket/1", {}}, {"/bitbucket/3", {"c"}}});
  }
  SECTION("what deliveries name together is bounded, too") {
    script.remember(kApples, push({"few"}, {"c", "d"}));
    CHECK(script.pushed("apples", "few") == ByPath{{"/bitbucket/1", {"a", "b", "c", "d"}}});
    script.remember(kEverywhere, push({"few"}, {"e"}));
    CHECK(script.pushed("apples", "few") == ByPath{{"/bitbucket/1", {}}, {"/bitbucket/3", {}}});
  }
}

TEST_CASE("a delivery is remembered for two minutes") {
  Remembering script;
  script.remember(kApples, push({"repo"}, {"main"}));
  script.now += 120s;
  CHECK(script.pushed("apples", "repo").size() == 1);
  script.now += 1ms;
  CHECK(script.pushed("apples", "repo").empty());
  CHECK(script.recent.size() == 0);
  CHECK(script.recent.bytes() == 0);
  CHECK(script.recent.dropped() == 0);
}

TEST_CASE("a delivery that names the same again takes the place of the first") {
  Remembering script;
  script.remember(kApples, push({"repo", "other"}, {"main"}));
  script.now += 60s;
  script.remember(kApples, push({"other", "repo", "repo"}, {"main"}));
  script.remember(kEverywhere, push({"repo", "other"}, {"main"}));
  script.remember(kApples, push({"repo", "other"}, {"dev"}));
  CHECK(script.recent.size() == 3);
  script.now += 120s;
  CHECK(script.pushed("apples", "repo") ==
        ByPath{{"/bitbucket/1", {"main", "dev"}}, {"/bitbucket/3", {"main"}}});
  script.now += 1ms;
  CHECK(script.pushed("apples", "repo").empty());
}

TEST_CASE("while a kind's watch is broken, and two minutes longer, its deliveries are remembered") {
  Remembering script;
  script.remember(kApples, push({"forgotten"}, {"main"}));
  script.now += 1s;
  script.remember(kApples, push({"before"}, {"main"}));
  script.remember(kApples, pull("pull/1"));
  script.now += 120s;
  script.recent.watch_broke(kPush, script.now);
  script.now += 1h;
  script.remember(kApples, push({"during"}, {"main"}));
  CHECK(script.pushed("apples", "before").size() == 1);
  CHECK(script.pushed("apples", "forgotten").empty());  // for good, though it was long ago
  CHECK(script.ended("apples", "pull/1").empty());      // of another kind, whose watch is current

  script.recent.watch_is_current(kPush, script.now);
  script.now += 60s;
  script.remember(kApples, push({"after"}, {"main"}));
  script.now += 60s;
  for (const char* name : {"before", "during", "after"}) {
    INFO(name);
    CHECK(script.pushed("apples", name).size() == 1);
  }
  script.now += 1ms;
  CHECK(script.pushed("apples", "before").empty());
  CHECK(script.pushed("apples", "during").empty());
  CHECK(script.pushed("apples", "after").size() == 1);
  CHECK(script.recent.size() == 1);
}

TEST_CASE("before the first watch is open nothing is forgotten") {
  RecentDeliveries recent;
  recent.remember(kApples, push({"repo"}, {"main"}), Time(1h));
  CHECK(recent.find(kPush, "apples", "repo", Time(9h)).size() == 1);
  recent.watch_is_current(kPush, Time(10h));
  CHECK(recent.find(kPush, "apples", "repo", Time(10h + 2min)).size() == 1);
  CHECK(recent.find(kPush, "apples", "repo", Time(10h + 2min + 1ms)).empty());
}

TEST_CASE("at a bound the oldest delivery goes, and is counted") {
  SECTION("of one recipient") {
    Remembering script({.per_recipient = 2});
    script.remember(kPears, push({"first"}, {}));
    for (const char* name : {"a", "b", "a", "c"}) script.remember(kApples, push({name}, {}));
    CHECK(script.pushed("apples", "b").empty());
    CHECK(script.pushed("apples", "a").size() == 1);
    CHECK(script.pushed("apples", "c").size() == 1);
    CHECK(script.pushed("pears", "first").size() == 1);
    CHECK(script.recent.dropped() == 1);
  }
  SECTION("of all, whatever its kind") {
    Remembering script({.deliveries = 2});
    script.remember(kApples, pull("pull/1"));
    script.now += 1s;
    script.remember(kPears, push({"a"}, {}));
    script.now += 1s;
    script.remember(kApples, push({"b"}, {}));
    CHECK(script.ended("apples", "pull/1").empty());
    script.now += 1s;
    script.remember(kApples, pull("pull/2"));
    CHECK(script.pushed("pears", "a").empty());
    CHECK(script.pushed("apples", "b").size() == 1);
    CHECK(script.ended("apples", "pull/2").size() == 1);
    CHECK(script.recent.dropped() == 2);
  }
  SECTION("of all, by their bytes") {
    Remembering script({.bytes = 10'000, .name_bytes = 20'000});
    script.remember(kApples, push({"a"}, {std::string(4'000, 'x')}));
    script.remember(kApples, push({"b"}, {std::string(4'000, 'x')}));
    CHECK(script.recent.size() == 2);
    script.remember(kApples, push({"c"}, {std::string(4'000, 'x')}));
    CHECK(script.pushed("apples", "a").empty());
    CHECK(script.recent.size() == 2);
    CHECK(script.recent.bytes() <= 10'000);
    script.remember(kApples, push({"too large alone"}, {std::string(10'000, 'x')}));
    CHECK(script.recent.size() == 0);
    CHECK(script.recent.bytes() == 0);
    CHECK(script.recent.dropped() == 4);
  }
}

TEST_CASE("names of a length that nobody has are no way to fill the memory") {
  Remembering script;
  const std::string endless(100'000, 'x');
  script.remember(kApples, push({endless}, {"refs/heads/main"}));
  CHECK(script.recent.size() == 0);
  script.remember(kApples, push({endless, "repository"}, {"refs/heads/" + endless}));
  CHECK(script.pushed("apples", "repository") == ByPath{{"/bitbucket/1", {}}});
  CHECK(script.recent.bytes() < 10'000);
}

TEST_CASE("a delivery that names nothing is not remembered") {
  Remembering script;
  script.remember(kApples, push({}, {"main"}));
  CHECK(script.recent.size() == 0);
}

TEST_CASE("the bounds hold what is really taken") {
  const std::size_t before = mallinfo2().uordblks;
  Remembering script;
  for (int i = 0; i < 12'000; ++i) {
    Refs refs;
    for (int ref = 0; ref < i % 5; ++ref) refs.push_back(fmt::format("refs/heads/b-{}-{}", i, ref));
    const Recipient recipient{fmt::format("/webhooks/bitbucket/{:064}", i % 700),
                              fmt::format("project-{}", i % 700), "receiver"};
    script.remember(recipient, push({fmt::format("git.orchard.example/scm/orch/{}", i % 3'000),
                                     fmt::format("ssh://git.orchard.example/orch/{}", i % 3'000)},
                                    std::move(refs)));
    if (i % 1'000 == 0) CHECK(script.recent.bytes() <= 8U * 1024 * 1024);
  }
  const std::size_t taken = mallinfo2().uordblks - before;
  INFO(taken);
  CHECK(script.recent.size() > 4'000);
  CHECK(script.recent.dropped() > 0);
  // A sanitizer's allocator gives no figures.
  if (before > 0) CHECK(taken <= script.recent.bytes());
}

// Against a model ----------------------------------------------------------------------------

namespace {

/// The same with plain lists: every query looks at every delivery.
class PlainList {
 public:
  explicit PlainList(RecentDeliveriesLimits limits) : limits_(limits) {}

  void remember(const Recipient& to, Named named, Time now) {
    forget_expired(now);
    if (named.refs.size() > limits_.refs) named.refs.clear();
    const Entry entry{to, std::move(named), now};
    std::erase_if(entries_, [&](const Entry& other) {
      return other.to == to && other.named.kind == entry.named.kind &&
             std::set(other.named.identities.begin(), other.named.identities.end()) ==
                 std::set(entry.named.identities.begin(), entry.named.identities.end()) &&
             other.named.refs == entry.named.refs;
    });
    entries_.push_back(entry);
    const auto of_recipient = [&](const Entry& other) { return other.to == to; };
    if (static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), of_recipient)) >
        limits_.per_recipient) {
      entries_.erase(std::find_if(entries_.begin(), entries_.end(), of_recipient));
    }
    if (entries_.size() > limits_.deliveries) entries_.erase(entries_.begin());
  }

  ByPath find(TargetKind kind, const std::string& ns, const std::string& identity, Time now) {
    forget_expired(now);
    ByPath found;
    std::set<std::string> unknown;
    std::size_t refs = 0;
    for (const Entry& entry : entries_) {
      const bool named = entry.named.kind == kind &&
                         std::ranges::count(entry.named.identities, identity) > 0 &&
                         (entry.to.project.empty() || entry.to.project == ns);
      if (!named) continue;
      found[entry.to.path].insert(entry.named.refs.begin(), entry.named.refs.end());
      refs += entry.named.refs.size();
      if (entry.named.refs.empty()) unknown.insert(entry.to.path);
    }
    for (auto& [path, its_refs] : found) {
      if (unknown.contains(path) || refs > limits_.refs_asked) its_refs.clear();
    }
    return found;
  }

  void watch(TargetKind kind, bool current, Time now) {
    forget_expired(now);
    current_since_.erase(kind);
    if (current) current_since_[kind] = now;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  void forget_expired(Time now) {
    std::erase_if(entries_, [&](const Entry& entry) {
      const auto current = current_since_.find(entry.named.kind);
      return current != current_since_.end() && now - entry.at > limits_.remembered &&
             now - current->second > limits_.remembered;
    });
  }

 private:
  struct Entry {
    Recipient to;
    Named named;
    Time at;
  };
  const RecentDeliveriesLimits limits_;
  std::deque<Entry> entries_;  ///< the oldest first
  std::map<TargetKind, Time> current_since_;
};

}  // namespace

TEST_CASE("whatever the order of deliveries, questions and outages, it answers as a plain list") {
  const RecentDeliveriesLimits limits{
      .per_recipient = 6, .deliveries = 20, .refs = 3, .refs_asked = 8};
  for (unsigned seed = 0; seed < (test::kSanitized ? 4 : 20); ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    const auto one_of = [&](std::vector<std::string> texts) {
      return texts[below(static_cast<unsigned>(texts.size()))];
    };
    RecentDeliveries recent(limits);
    PlainList model(limits);
    Time now{1h};
    for (int step = 0; step < 2'000; ++step) {
      now += std::chrono::milliseconds(1 + below(below(50) == 0 ? 150'000 : 3'000));
      const TargetKind kind = below(3) == 0 ? kPull : kPush;
      const unsigned what = below(100);
      if (what < 50) {
        const unsigned who = below(8);
        const Recipient to{fmt::format("/bitbucket/{}", who), one_of({"", "apples", "pears"}),
                           "bb"};
        Named named{kind, {}, {}};
        for (unsigned i = 0; i <= below(3); ++i) {
          named.identities.push_back(one_of({"a", "b", "c", "d"}));
        }
        if (kind == kPush) {
          for (unsigned i = 0; i < below(6); ++i) named.refs.push_back(one_of({"m", "n", "o"}));
        }
        // A path belongs to one recipient: it is derived from its project.
        const Recipient own{to.path + to.project, to.project, to.receiver};
        recent.remember(own, named, now);
        model.remember(own, named, now);
      } else if (what < 96) {
        const std::string ns = one_of({"apples", "pears", "plums"});
        const std::string identity = one_of({"a", "b", "c", "d"});
        REQUIRE(by_path(recent.find(kind, ns, identity, now)) ==
                model.find(kind, ns, identity, now));
      } else {
        const bool current = below(3) != 0;
        model.watch(kind, current, now);
        if (current) {
          recent.watch_is_current(kind, now);
        } else {
          recent.watch_broke(kind, now);
        }
      }
    }
    recent.watch_broke(kPush, now);  // both have forgotten what has expired
    recent.watch_broke(kPull, now);
    model.forget_expired(now);
    CHECK(recent.size() == model.size());
  }
}

}  // namespace receiver::controllers
