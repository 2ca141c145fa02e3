// Bitbucket fails, in a different way for each project and all at the same time, while pushes
// arrive that cause questions (SPEC 6.1): in doubt everything is refreshed, in time.

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/chaos/bitbuckets.h"
#include "test/chaos/experiment.h"
#include "test/support/commits.h"
#include "test/support/delivery.h"

namespace receiver::chaos {

using clock::Wall;
using std::chrono::milliseconds;
using test::Answer;
using test::Cluster;
using test::eventually;
using test::Operator;
using test::Project;
using At = BitbucketFault::At;

namespace {

constexpr int kOfEachProject = 4;  ///< repositories
/// Time in which each repository gets one push.
constexpr std::chrono::seconds kEachOnce = 4s;
/// Odd, so that the two streams of Traffic are half of the repositories apart: no push is served by
/// the refresh of the one before it. No commit is repeated within 110 s.
constexpr int kPushesOfEach = 31;
constexpr std::chrono::seconds kRefreshedWithin = 3s;
constexpr milliseconds kUsually{250};  ///< targets that need no question
constexpr std::chrono::seconds kLeftAlone{60};
/// A token, for example, is paused after this many answers: those to questions in flight.
constexpr std::size_t kAskedAtOnce = 12;

/// The Warehouses of each repository, and how they subscribe to it.
constexpr std::array<std::pair<const char*, const char*>, 4> kWarehouses{{
    {"all", R"("branch": "main")"},
    {"web", R"("branch": "main", "includePaths": ["apps/web"])"},
    {"docs", R"("branch": "main", "includePaths": ["docs"])"},
    {"default", ""},
}};
constexpr std::size_t kDocs = 2;
/// These are refreshed whatever Bitbucket says.
constexpr std::size_t kAlways = 2;

Answer failed(unsigned status, std::string body = {}, std::string retry_after = {}) {
  return {.status = status, .body = std::move(body), .retry_after = std::move(retry_after)};
}

Answer late(const std::string& url, milliseconds after) {
  Answer answer = right_answer(url);
  answer.after = after;
  return answer;
}

/// The number after `name` in the URL.
int number_behind(const std::string& url, const std::string& name) {
  const std::size_t at = url.find(name);
  return at == std::string::npos ? 0 : std::stoi(url.substr(at + name.size()));
}

Answer another_page_of_cloud(const std::string& url, const std::string& next) {
  const int page = number_behind(url, "&page=");
  return {.body = fmt::format(R"({{"values": [{{"status": "added", "old": null,
                                                "new": {{"path": "apps/web/{}"}}}}],
                                   "next": "{}&page={}"}})",
                              page, next.substr(0, next.find("&page=")), page + 1)};
}

Answer another_page_of_data_center(const std::string& url) {
  const int start = number_behind(url, "?start=");
  return {.body = fmt::format(R"({{"isLastPage": false, "start": {}, "nextPageStart": {},
                                   "values": [{{"type": "ADD",
                                                "path": {{"toString": "apps/web/{}"}}}}]}})",
                              start, start + 1, start)};
}

std::vector<BitbucketFault> faults(const std::string& elsewhere) {
  return {
      {.what = "Bitbucket Cloud answers after 1.5 s",
       .at = At::kCloud,
       .answer = [](const std::string& url) { return late(url, 1500ms); },
       .in_doubt = false},
      {.what = "Bitbucket hangs",
       .answer = [](const std::string& url) { return late(url, 10min); }},
      {.what = "Bitbucket Cloud answers 401",
       .at = At::kCloud,
       .answer = [](const std::string&) { return failed(401); },
       .pauses = true},
      {.what = "Bitbucket Cloud answers 403",
       .at = At::kCloud,
       .answer = [](const std::string&) { return failed(403); },
       .pauses = true},
      {.what = "Bitbucket answers 404", .answer = [](const std::string&) { return failed(404); }},
      {.what = "Bitbucket Cloud answers 429",
       .at = At::kCloud,
       .answer = [](const std::string&) { return failed(429, "Rate limit exceeded"); },
       .pauses = true},
      {.what = "Bitbucket answers 429 with Retry-After: 2",
       .answer = [](const std::string&) { return failed(429, "", "2"); }},
      {.what = "Bitbucket answers 500", .answer = [](const std::string&) { return failed(500); }},
      {.what = "Bitbucket Cloud answers 555",
       .at = At::kCloud,
       .answer = [](const std::string&) { return failed(555, "<html>"); }},
      {.what = "Bitbucket's JSON ends in the middle",
       .answer =
           [](const std::string& url) {
             Answer answer = right_answer(url);
             answer.body.resize(answer.body.size() / 2);
             return answer;
           }},
      {.what = "Bitbucket Cloud's pages never end",
       .at = At::kCloud,
       .answer = [](const std::string& url) { return another_page_of_cloud(url, url); }},
      {.what = "Bitbucket's pages never end", .answer = another_page_of_data_center},
      {.what = "Bitbucket Cloud's next page is on another host",
       .at = At::kCloud,
       .answer =
           [elsewhere](const std::string& url) {
             return another_page_of_cloud(url, elsewhere + url.substr(url.find("/2.0/")));
           }},
      {.what = "Bitbucket leads to another host (302)",
       .answer =
           [elsewhere](const std::string& url) {
             return Answer{.status = 302, .location = elsewhere + url.substr(url.find("/rest/"))};
           }},
      {.what = "the proxy leads to a stranger, whose authority is unknown", .at = At::kStranger},
      {.what = "the proxy leads to a stranger, whose certificate has another name",
       .at = At::kMisnamed},
      {.what = "BITBUCKET_HOSTS does not list the host", .at = At::kUnlisted},
      {.what = "repositories without filters and token, meanwhile", .at = At::kNobody},
  };
}

/// Projects with one fault each, and pushes to all of their repositories in turn.
class Tenants {
 public:
  Tenants(const Cluster& cluster, Bitbuckets& bitbuckets)
      : faults_(faults(bitbuckets.elsewhere())), projects_(make_projects(cluster, faults_.size())) {
    for (std::size_t i = 0; i < faults_.size(); ++i) {
      const Project& project = *projects_[i];
      auto keys = bitbuckets.add(project.name(), faults_[i]);
      keys["secret"] = World::kSecret;
      project.put_secret("bb-secret", keys);
      for (int slug = 0; slug < kOfEachProject; ++slug) add_warehouses(i, slug, bitbuckets);
    }
    for (int round = 0; round < kPushesOfEach; ++round) {
      for (int slug = 0; slug < kOfEachProject; ++slug) {
        for (std::size_t i = 0; i < faults_.size(); ++i) add_push(i, slug, bitbuckets);
      }
    }
  }

  [[nodiscard]] const std::vector<BitbucketFault>& faults_of_them() const { return faults_; }
  [[nodiscard]] const Project& project(std::size_t i) const { return *projects_[i]; }
  [[nodiscard]] const std::vector<Signed>& pushes() const { return pushes_; }

  /// The beginning of the names of the project's Warehouses.
  [[nodiscard]] std::string warehouses(std::size_t i) const {
    return "warehouses/" + projects_[i]->name() + "/";
  }

 private:
  static std::string slug_of(int number) { return fmt::format("app-{}", number); }

  /// The kinds of Warehouses in a project.
  [[nodiscard]] std::size_t kinds(std::size_t i) const {
    return faults_[i].at == At::kNobody ? 1 : kWarehouses.size();
  }

  void add_warehouses(std::size_t i, int slug, const Bitbuckets& bitbuckets) const {
    const Project& project = *projects_[i];
    for (std::size_t kind = 0; kind < kinds(i); ++kind) {
      const auto& [name, git] = kWarehouses.at(kind);
      project.add_warehouse(slug_of(slug) + "-" + name,
                            bitbuckets.repository(project.name(), slug_of(slug)), git);
    }
  }

  void add_push(std::size_t i, int slug, const Bitbuckets& bitbuckets) {
    const Project& project = *projects_[i];
    std::vector<std::string> targets;
    for (std::size_t kind = 0; kind < kinds(i); ++kind) {
      targets.push_back(warehouses(i) + slug_of(slug) + "-" + kWarehouses.at(kind).first);
    }
    const auto repository = bitbuckets.repository(project.name(), slug_of(slug));
    const int number = static_cast<int>(pushes_.size()) + 1;
    const auto delivery = faults_[i].at == At::kCloud
                              ? test::cloud_commit(repository, number)
                              : test::data_center_commit(repository, number);
    pushes_.push_back({World::path(project), test::sign(delivery, World::kSecret), targets});
  }

  std::vector<BitbucketFault> faults_;
  Projects projects_;
  std::vector<Signed> pushes_;
};

/// Observations of one project.
struct Seen {
  Time began, ended;                ///< of the fault
  std::optional<Time> asked_again;  ///< the first question that was answered after it
  std::vector<SentDelivery> deliveries;
  std::vector<Change> changes;

  [[nodiscard]] bool in_fault(const SentDelivery& sent) const {
    return sent.begun > began && sent.answered < ended;
  }
  [[nodiscard]] bool before(const SentDelivery& sent) const { return sent.answered < began; }
  [[nodiscard]] bool after(const SentDelivery& sent) const {
    return asked_again && sent.begun > *asked_again;
  }
  /// Whether the Warehouse that the push does not affect was spared.
  [[nodiscard]] bool spared(const SentDelivery& sent) const {
    SentDelivery docs = sent;
    docs.targets = {sent.targets.at(kDocs)};
    return check({docs}, changes).acknowledged.broken == 1;
  }
};

milliseconds in_milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<milliseconds>(time);
}

/// How long each delivery took to be applied; checks that all are.
std::vector<milliseconds> applied(const Seen& seen, const std::vector<SentDelivery>& deliveries) {
  std::vector<milliseconds> took;
  for (const SentDelivery& sent : deliveries) {
    const auto after = applied_after(sent, seen.changes);
    INFO("a push to " << sent.targets.front() << ", sent until "
                      << clock::format_nanos(sent.last_byte));
    CHECK(after);
    if (after) took.push_back(in_milliseconds(*after));
  }
  REQUIRE_FALSE(took.empty());
  return took;
}

/// The deliveries with only the first targets.
std::vector<SentDelivery> with_targets(std::vector<SentDelivery> deliveries, std::size_t first) {
  for (SentDelivery& sent : deliveries) sent.targets.resize(std::min(first, sent.targets.size()));
  return deliveries;
}

/// The required targets depend on what Bitbucket could answer.
void check_project(const BitbucketFault& fault, const Seen& seen, std::size_t met) {
  std::vector<SentDelivery> due = seen.deliveries;
  std::size_t in_fault = 0;
  for (SentDelivery& sent : due) {
    CHECK(sent.status == 200);
    const bool all = fault.at == At::kUnlisted || (fault.in_doubt && seen.in_fault(sent));
    if (!all) sent.targets.resize(std::min(kAlways, sent.targets.size()));
    in_fault += seen.in_fault(sent) ? 1 : 0;
  }
  CHECK(in_fault >= kOfEachProject);
  const milliseconds latest = std::ranges::max(applied(seen, due));
  CHECK(latest < kRefreshedWithin);
  // The first target needs no question.
  const std::vector<milliseconds> at_once = applied(seen, with_targets(seen.deliveries, 1));
  test::check_median(at_once, kUsually);

  Row row{fault.what, seen.deliveries, check(due, seen.changes)};
  if (seen.asked_again) row.recovery = in_milliseconds(*seen.asked_again - seen.ended);
  for (const SentDelivery& sent : seen.deliveries) {
    const bool unaffected = seen.before(sent) || seen.after(sent);
    if (unaffected) {
      row.worst_unaffected = std::max(row.worst_unaffected, in_milliseconds(sent.took()));
    }
  }
  row.remark = fmt::format("{} requests met it; all refreshed after {} ms, without question {} ms",
                           met, latest.count(), std::ranges::max(at_once).count());
  report(row);
  for (const std::string& example : row.findings.examples) UNSCOPED_INFO(example);
  CHECK(row.findings.acknowledged.broken == 0);
}

/// The operator asks repeatedly; correct answers spare.
void check_asked(const BitbucketFault& fault, const Seen& seen, std::size_t met) {
  const auto spared_when = [&](bool (Seen::*when)(const SentDelivery&) const) {
    return std::ranges::count_if(seen.deliveries, [&](const SentDelivery& sent) {
      return (seen.*when)(sent) && seen.spared(sent);
    });
  };
  if (fault.at == At::kUnlisted) {
    CHECK(spared_when(&Seen::before) == 0);
    return;
  }
  CHECK(met > 0);
  if (fault.pauses) CHECK(met <= kAskedAtOnce);
  CHECK(spared_when(&Seen::before) > 0);
  if (seen.asked_again) CHECK(spared_when(&Seen::after) > 0);
}

/// Only the Bitbuckets have seen a token or a secret.
void check_hidden(const Cluster& cluster, const Operator& op, const Bitbuckets& bitbuckets,
                  const Tenants& tenants) {
  const std::string log = op.log();
  const std::string events = cluster.kubectl({"get", "events", "-A", "-o", "json"});
  const std::string metrics = op.metrics_port("/metrics").body;
  const std::string others = bitbuckets.seen_by_others();
  CHECK_THAT(log, Catch::Contains("cannot ask Bitbucket which files a push changes"));
  CHECK_THAT(events, Catch::Contains("BitbucketHostNotAllowed"));
  CHECK_THAT(metrics, Catch::Contains("bitbucket_questions_total"));
  CHECK_THAT(others, Catch::Contains("CONNECT api.bitbucket.org:443 "));

  std::vector<std::string> hidden = bitbuckets.tokens();
  hidden.emplace_back(World::kSecret);
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  for (const std::string& secret : hidden) {
    INFO(secret);
    CHECK_FALSE(has(log, secret));
    CHECK_FALSE(has(events, secret));
    CHECK_FALSE(has(metrics, secret));
    CHECK_FALSE(has(others, secret));
  }
  for (std::size_t i = 0; i < tenants.faults_of_them().size(); ++i) {
    CHECK_FALSE(has(log + events + metrics, World::path(tenants.project(i))));
  }
  CHECK(bitbuckets.connections_elsewhere() == 0);
}

/// Returns when the feed contains everything that has happened so far.
void await_all_of(const ChangeFeed& feed, const Project& project) {
  project.add_warehouse("last", "https://git.example.com/scm/no/body.git");
  const auto revision = std::stoll(test::resource_version(project.warehouse("last")));
  eventually("etcd has reported the last change", [&] { return feed.revision() >= revision; });
}

/// By then, unless they are paused for longer, the Bitbuckets get questions again.
void fail_in_all_ways(std::chrono::seconds lasts, std::chrono::seconds asked_again_within) {
  const Cluster cluster;
  Bitbuckets bitbuckets;
  const Tenants tenants(cluster, bitbuckets);
  const Operator op(cluster, bitbuckets.settings());
  const ChangeFeed feed(static_cast<unsigned short>(std::stoi(cluster.setting("ETCD_PORT"))));
  Traffic traffic(tenants.pushes(), {op.port()});
  std::this_thread::sleep_for(kEachOnce);
  bitbuckets.begin();
  const Time began = Wall::now();
  std::this_thread::sleep_for(lasts);
  const Time ended = Wall::now();
  bitbuckets.end();

  const std::vector<BitbucketFault>& all = tenants.faults_of_them();
  const auto asked_again = [&](std::size_t i) -> std::optional<Time> {
    const auto answered = bitbuckets.answered(tenants.project(i).name());
    const auto first = std::ranges::upper_bound(answered, ended);
    return first == answered.end() ? std::nullopt : std::optional(*first);
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool never = all[i].at == At::kUnlisted || all[i].at == At::kNobody;
    const bool paused = all[i].pauses && asked_again_within < kLeftAlone;
    if (never || paused) continue;
    INFO(all[i].what);
    eventually(
        "Bitbucket is asked again", [&] { return asked_again(i).has_value(); }, asked_again_within);
  }
  std::this_thread::sleep_for(kEachOnce);
  traffic.stop();
  await_all_of(feed, tenants.project(0));

  const std::vector<SentDelivery> deliveries = traffic.deliveries();
  const std::vector<Change> changes = feed.changes();
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(all[i].what);
    const std::string name = tenants.project(i).name();
    const std::string mine = tenants.warehouses(i);
    Seen seen{began, ended, asked_again(i), deliveries, changes};
    std::erase_if(seen.deliveries, [&](const SentDelivery& sent) {
      return !sent.targets.front().starts_with(mine);
    });
    std::erase_if(seen.changes,
                  [&](const Change& change) { return !change.object.starts_with(mine); });
    check_project(all[i], seen, bitbuckets.met(name));
    if (all[i].at != At::kNobody) check_asked(all[i], seen, bitbuckets.met(name));
  }
  check_hidden(cluster, op, bitbuckets, tenants);
}

}  // namespace

TEST_CASE("Bitbucket fails for 6 s in all ways", "[.][quick][bitbucket]") {
  fail_in_all_ways(6s, 5s);
}

TEST_CASE("Bitbucket fails for 20 s in all ways, and is asked again after a pause", "[bitbucket]") {
  fail_in_all_ways(20s, kLeftAlone + 5s);
}

}  // namespace receiver::chaos
