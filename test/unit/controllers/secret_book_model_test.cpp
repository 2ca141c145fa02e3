#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "controllers/secret_book.h"
#include "test/support/eventually.h"

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using Known = SecretState::Known;
using Kind = kube::ApiError::Kind;
using kube::ObjectKey;

/// Secrets as in the API server, with lists, watches that lag and reads that take time, any of
/// which may fail, in random order. The book must start all due actions, report changes, and know
/// the true state once nothing happens any more.
class World {
 public:
  /// `size` is the number of namespaces, and of Secrets in each.
  World(std::uint32_t seed, SecretAccess access, unsigned size)
      : random_(seed), access_(access), size_(size), book_(access) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      one_step();
      check();
    }
    calm_down();
    for (const auto& [ns, names] : named_) {
      for (const auto& name : names) {
        const SecretState state = book_.lookup(ns, name);
        const auto held = truth_.find({ns, name});
        CAPTURE(ns, name, static_cast<int>(state.known), state.why);
        REQUIRE(state.known == (held == truth_.end() ? Known::kMissing : Known::kPresent));
        if (held != truth_.end()) REQUIRE(text_of(state) == text_of(held->second));
      }
    }
    REQUIRE(book_.settled(now_));
  }

 private:
  struct Truth {
    std::string value;
    bool labelled;
  };
  struct Change {
    ObjectKey key;
    bool visible;  ///< to the one watch of all labeled ones: it is there afterwards
    std::optional<Truth> now;
  };
  struct Read {
    ObjectKey key;
    std::optional<kube::ApiResult<api::Secret>> served;
  };
  /// The server side of a source's watch.
  struct Follower {
    enum class At { kResting, kBegun, kListing, kWatching, kBroken } at = At::kResting;
    std::deque<std::pair<ObjectKey, Truth>> unlisted;  ///< of the current list
    std::size_t position = 0;                          ///< in the log: the next event
    int refusals = 0;
    std::set<ObjectKey>
        found_out{};  ///< by reads since the last list began, without an event since
  };
  /// A named Secret.
  struct Named {
    SecretBook::Time since;
    int failures = 0;  ///< of reads
  };

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_()) % bound; }
  bool chance(unsigned percent) { return trouble_ && below(100) < percent; }
  ObjectKey any_key() {
    return {fmt::format("n{}", below(size_)), fmt::format("s{}", below(size_))};
  }
  static api::Secret secret_of(const Truth& truth) {
    api::Secret secret;
    secret.value = crypto::SecretString(std::string(truth.value));
    secret.labelled = truth.labelled;
    return secret;
  }
  static std::string text_of(const Truth& truth) {
    return fmt::format("{} {}", truth.value, truth.labelled);
  }
  static std::string text_of(const SecretState& state) {
    return fmt::format("{} {}", state.secret.value ? state.secret.value->view() : "-",
                       state.secret.labelled);
  }

  void one_step() {
    switch (below(12)) {
      case 0:
      case 1:
        return mutate();
      case 2:
        return rename();
      case 3:
        now_ += std::chrono::milliseconds(below(5'000));
        return act(book_.due(now_));
      case 4:
        if (chance(20)) now_ += SecretBook::kRound;
        return act(book_.due(now_));
      case 5:
        if (below(20) == 0) act(book_.owners_settled());
        return act(book_.asked(any_key().ns, now_));
      case 6:
      case 7:
        return serve_or_answer();
      default:
        if (followers_.empty()) return;
        auto chosen = followers_.begin();
        std::advance(chosen, below(static_cast<unsigned>(followers_.size())));
        return advance(chosen->first, chosen->second);
    }
  }

  void mutate() {
    const ObjectKey key = any_key();
    const auto held = truth_.find(key);
    const bool was_visible = held != truth_.end() && held->second.labelled;
    std::optional<Truth> now;
    if (below(4) > 0) now = Truth{fmt::format("v{}", ++values_), below(3) > 0};
    if (!now && held == truth_.end()) return;
    const bool visible = now && now->labelled;
    if (now) {
      truth_.insert_or_assign(key, *now);
    } else {
      truth_.erase(key);
    }
    const bool seen = access_ == SecretAccess::kNamespaced || visible || was_visible;
    if (seen) {
      log_.push_back({key, access_ == SecretAccess::kNamespaced ? now.has_value() : visible, now});
    }
  }

  /// Receivers name other Secrets from now on.
  void rename() {
    const std::string ns = any_key().ns;
    std::set<std::string> names;
    for (unsigned i = below(4); i > 0; --i) names.insert(any_key().name);
    if (names.empty()) {
      named_.erase(ns);
    } else {
      named_[ns] = names;
    }
    for (unsigned i = 0; i < size_; ++i) {
      const ObjectKey key{ns, fmt::format("s{}", i)};
      if (names.contains(key.name)) {
        about_.try_emplace(key, Named{now_});
      } else {
        about_.erase(key);
        for (auto& [source, follower] : followers_) follower.found_out.erase(key);
      }
    }
    act(book_.referenced(ns, names, now_));
    remember(ns);
  }

  void serve_or_answer() {
    if (reads_.empty()) return;
    auto chosen = reads_.begin();
    std::advance(chosen, below(static_cast<unsigned>(reads_.size())));
    if (!chosen->second.served) return serve(chosen->second);
    answer(chosen->first);
  }
  void serve(Read& read) {
    const auto held = truth_.find(read.key);
    auto gone = kube::make_error(Kind::kNotFound, "not found");
    gone.reason = "NotFound";
    if (chance(30)) {
      const Kind kind = below(2) == 0 ? Kind::kServer : Kind::kForbidden;
      read.served = tl::unexpected(kube::make_error(kind, fmt::format("trouble {}", ++values_)));
    } else if (held == truth_.end()) {
      read.served = tl::unexpected(gone);
    } else {
      read.served = secret_of(held->second);
    }
  }
  void answer(SecretBook::Ticket ticket) {
    Read read = std::move(reads_.at(ticket));
    reads_.erase(ticket);
    const auto about = about_.find(read.key);
    const std::string before = known_of(read.key);
    const bool found_out = *read.served || read.served->error().says_object_is_gone();
    if (about != about_.end() && !found_out) ++about->second.failures;
    act(book_.answered(ticket, std::move(*read.served), now_));
    // A read that does not count changes nothing.
    if (about == about_.end() || !found_out || known_of(read.key) == before) return;
    for (auto& [source, follower] : followers_) {
      if (covers(source, read.key)) follower.found_out.insert(read.key);
    }
  }

  [[nodiscard]] bool covers(const std::string& source, const ObjectKey& key) const {
    return access_ == SecretAccess::kCluster || key.ns == source;
  }

  void advance(const std::string& source, Follower& follower) {
    using At = Follower::At;
    switch (follower.at) {
      case At::kResting:
        book_.list_began(source);
        follower.found_out.clear();
        if (chance(50)) return fail_list(source, follower);
        follower.at = At::kBegun;
        return;
      case At::kBegun:
        if (chance(80)) return;  // much may happen before the API server makes the list
        follower.at = At::kListing;
        follower.position = log_.size();
        follower.unlisted.clear();
        for (const auto& [key, truth] : truth_) {
          if (!covers(source, key)) continue;
          if (access_ == SecretAccess::kNamespaced || truth.labelled) {
            follower.unlisted.emplace_back(key, truth);
          }
        }
        return;
      case At::kListing: {
        if (chance(10)) {
          follower.at = At::kResting;
          return fail_list(source, follower);
        }
        // Results of reads since then may be newer than the list.
        std::map<ObjectKey, std::string> stands;
        for (const ObjectKey& key : follower.found_out) stands[key] = known_of(key);
        if (follower.unlisted.empty()) {
          follower.at = At::kWatching;
          act(book_.list_ended(source, now_));
        } else {
          const auto [key, truth] = follower.unlisted.front();
          follower.unlisted.pop_front();
          tell(key, truth);
        }
        for (const auto& [key, known] : stands) {
          if (known_of(key) != known) FAIL(key.str() + " was overruled by a list");
        }
        return;
      }
      case At::kWatching: {
        if (chance(10)) {
          follower.at = At::kBroken;
          return act(book_.failed(source, "the watch broke", now_));
        }
        if (chance(3)) {
          follower.at = At::kResting;  // 410
          return;
        }
        while (follower.position < log_.size() && !covers(source, log_[follower.position].key)) {
          ++follower.position;
        }
        if (follower.position == log_.size()) return;
        const Change change = log_[follower.position++];
        if (!change.visible) return act(book_.removed(change.key, now_));
        return tell(change.key, *change.now);
      }
      case At::kBroken:
        if (chance(60)) return act(book_.failed(source, "the watch broke", now_));
        follower.at = At::kWatching;
        return book_.recovered(source);
    }
  }
  void fail_list(const std::string& source, Follower& follower) {
    if (below(2) == 0 && ++follower.refusals >= 3) {
      act(book_.refused(source, "no permission", now_));
    }
    // The first action may have closed nothing: only names decide what is watched.
    act(book_.failed(source, fmt::format("trouble {}", ++values_), now_));
  }
  void tell(const ObjectKey& key, const Truth& truth) {
    if (chance(3)) {
      if (const auto about = about_.find(key); about != about_.end()) ++about->second.failures;
      return act(book_.unreadable(key, "nonsense", now_));
    }
    act(book_.upserted(key, secret_of(truth)));
  }

  void act(const SecretBook::Actions& actions) {
    for (const SecretBook::Action& action : actions) {
      if (const auto* open = std::get_if<SecretBook::OpenWatch>(&action)) {
        REQUIRE(followers_.try_emplace(open->source).second);
      } else if (const auto* close = std::get_if<SecretBook::CloseWatch>(&action)) {
        REQUIRE(followers_.erase(close->source) == 1);
      } else if (const auto* read = std::get_if<SecretBook::ReadOne>(&action)) {
        REQUIRE(named_.contains(read->key.ns));
        REQUIRE(named_.at(read->key.ns).contains(read->key.name));
        REQUIRE(reads_.emplace(read->ticket, Read{read->key, {}}).second);
      } else if (const auto* changed = std::get_if<SecretBook::Changed>(&action)) {
        remember(changed->ns);
      }
    }
  }

  /// The state as seen by code that only looks when notified.
  void remember(const std::string& ns) {
    remembered_.erase(ns);
    const auto names = named_.find(ns);
    if (names == named_.end()) return;
    for (const auto& name : names->second) remembered_[ns][name] = all_of(ns, name);
  }
  [[nodiscard]] std::string known_of(const ObjectKey& key) const {
    const SecretState state = book_.lookup(key.ns, key.name);
    return fmt::format("{} {}", static_cast<int>(state.known), text_of(state));
  }
  [[nodiscard]] std::string all_of(const std::string& ns, const std::string& name) const {
    const SecretState state = book_.lookup(ns, name);
    return fmt::format("{} {} {} {}", static_cast<int>(state.known), state.why, text_of(state),
                       state.watched);
  }

  void check() {
    for (const auto& [ns, names] : named_) {
      for (const auto& name : names) {
        if (remembered_[ns][name] != all_of(ns, name)) {
          FAIL(fmt::format("{}/{} was not told: {} instead of {}", ns, name, all_of(ns, name),
                           remembered_[ns][name]));
        }
      }
    }
    const bool all_refused = access_ == SecretAccess::kCluster && !followers_.empty() &&
                             followers_.begin()->second.refusals >= 3;
    const bool settled = book_.settled(now_);
    for (const auto& [key, about] : about_) {
      const Known known = book_.lookup(key.ns, key.name).known;
      const bool failed = known == Known::kRefused || known == Known::kUnreadable;
      if (failed && about.failures < SecretBook::kTries && !all_refused) {
        FAIL(key.str() + " is given up before it was tried");
      }
      const bool waits = known == Known::kNotRead && now_ < about.since + SecretBook::kPatience;
      if (waits && settled) FAIL(key.str() + " is not waited for");
    }
    for (unsigned i = 0; i < 4; ++i) {  // nothing is known about unnamed Secrets
      const ObjectKey key = any_key();
      const auto names = named_.find(key.ns);
      const bool named = names != named_.end() && names->second.contains(key.name);
      if (book_.names(key) != named) FAIL(key.str() + " is kept, or not");
      if (!named && all_of(key.ns, key.name) != "0  - false true") FAIL(key.str() + " is known");
    }
    if (access_ == SecretAccess::kNamespaced && followers_.size() != named_.size()) {
      FAIL("not every namespace has its watch");
    }
    std::map<std::string, std::size_t> of_namespace;
    for (const auto& [ticket, read] : reads_) {
      if (++of_namespace[read.key.ns] > SecretBook::kReadsOfANamespace) FAIL("too many of one");
    }
    if (reads_.size() > SecretBook::kReadsAtOnce) FAIL("too many reads");
    if (book_.next_due() && *book_.next_due() <= now_) FAIL("what may begin has not begun");
  }

  void calm_down() {
    trouble_ = false;
    act(book_.owners_settled());
    for (int round = 0; round < 4; ++round) {
      for (unsigned step = 0; step < 25 * size_ * size_; ++step) {
        for (auto& [source, follower] : followers_) advance(source, follower);
        if (!reads_.empty()) serve_or_answer();
        check();
      }
      now_ += SecretBook::kRound;
      act(book_.due(now_));
    }
  }

  std::minstd_rand random_;
  const SecretAccess access_;
  const unsigned size_;
  bool trouble_ = true;
  SecretBook book_;
  SecretBook::Time now_{1h};
  int values_ = 0;
  std::map<ObjectKey, Truth> truth_;
  std::vector<Change> log_;
  std::map<std::string, std::set<std::string>> named_;
  std::map<ObjectKey, Named> about_;
  std::map<std::string, Follower> followers_;
  std::map<SecretBook::Ticket, Read> reads_;
  std::map<std::string, std::map<std::string, std::string>> remembered_;
};

}  // namespace

TEST_CASE("whatever happens: the book tells each change, and in the end knows the truth",
          "[single-threaded]") {
  constexpr std::uint32_t kLarge = test::kSanitized ? 1 : 6;
  constexpr std::uint32_t kSmall = kLarge * 50;
  for (const SecretAccess access : {SecretAccess::kNamespaced, SecretAccess::kCluster}) {
    for (std::uint32_t seed = 1; seed <= kLarge + kSmall; ++seed) {
      CAPTURE(seed, access == SecretAccess::kCluster);
      // In the small ones, no later list corrects what the first did wrong.
      const bool small = seed > kLarge;
      World(seed, access, small ? 2 : 4).run(small ? 60 : 1'500);
    }
  }
}

}  // namespace receiver::controllers
