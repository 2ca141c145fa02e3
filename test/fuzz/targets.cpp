// Which objects a delivery is for: the index against a look at every object; that the objects which
// Bitbucket is asked about are among them; that catch-up omits none of them; and the answer when
// they are refreshed, or not.
//
// The input has one line per item, with fields separated by tabs; a byte 1 in a field is a line
// break. For the outcome's numbers, the length counts.
//
//   w NAMESPACE NAME URL BRANCH URL BRANCH ...   a Warehouse
//   p NAMESPACE NAME URL ...                     a Promotion that waits
//   d PROJECT REF URL ...                        a push to the receiver of a project
//   m PROJECT URL ...                            the end of a pull request
//   r APPLIED QUEUED REFUSED OVERLOADED          an outcome
//   e EVENT                                      an event without an action

#include "webhook/targets.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bitbucket/event.h"
#include "bitbucket_rest/repository.h"
#include "controllers/bitbucket_access.h"
#include "git/repository.h"
#include "json/json.h"
#include "test/fuzz/fuzz.h"
#include "webhook/answers.h"

namespace receiver::fuzz {
namespace {

using controllers::Target;
using controllers::TargetKind;
using Fields = std::vector<std::string>;

Fields fields_of(std::string_view line) {
  Fields fields;
  for (std::size_t end = 0; end != std::string_view::npos; line.remove_prefix(end + 1)) {
    end = line.find('\t');
    std::ranges::replace(fields.emplace_back(line.substr(0, end)), '\x01', '\n');
    if (end == std::string_view::npos) break;
  }
  return fields;
}

Fields from(const Fields& fields, std::size_t first) {
  return first < fields.size()
             ? Fields(fields.begin() + static_cast<std::ptrdiff_t>(first), fields.end())
             : Fields();
}

/// Objects by key, and the store that has them.
template <typename Object>
class Objects {
 public:
  explicit Objects(typename kube::Store<Object>::IndexKeys index_keys)
      : store_([this](const kube::ObjectMeta& meta,
                      const rapidjson::Value&) -> Decoded { return all_.at(meta.key); },
               std::move(index_keys)) {}
  ~Objects() = default;
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;

  /// Adds an object, or replaces the old one.
  void put(Object object) {
    const kube::ObjectKey key = object.key;
    all_.insert_or_assign(key, std::move(object));
    const kube::ObjectMeta meta{
        .key = key, .uid = {}, .resource_version = std::to_string(++version_)};
    require(store_.upsert(meta, rapidjson::Value()).has_value(), "the store takes every object");
  }

  [[nodiscard]] const kube::Store<Object>& store() const { return store_; }
  [[nodiscard]] const std::map<kube::ObjectKey, Object>& all() const { return all_; }

 private:
  using Decoded = tl::expected<Object, std::string>;
  std::map<kube::ObjectKey, Object> all_;
  kube::Store<Object> store_;
  int version_ = 0;
};

struct World {
  Objects<api::Warehouse> warehouses{webhook::warehouse_index_keys};
  Objects<api::Promotion> promotions{webhook::promotion_index_keys};
};

void put(World& world, const Fields& fields) {
  const kube::ObjectKey key{fields[1], fields[2]};
  if (fields[0] == "p") return world.promotions.put({key, from(fields, 3)});
  api::Warehouse warehouse{key, {}};
  for (std::size_t url = 3; url < fields.size(); url += 2) {
    git::Subscription& subscription = warehouse.subscriptions.emplace_back();
    subscription.repo_url = fields[url];
    if (url + 1 < fields.size()) subscription.branch = fields[url + 1];
  }
  world.warehouses.put(std::move(warehouse));
}

/// The project's objects that `wanted` confirms, without an index.
template <typename Object, typename Wanted>
std::vector<Target> scan(const Objects<Object>& objects, const std::string& project,
                         TargetKind kind, const Wanted& wanted) {
  std::vector<Target> found;
  for (const auto& [key, object] : objects.all()) {
    if ((project.empty() || key.ns == project) && wanted(object)) found.push_back({kind, key});
  }
  return found;
}

void check_targets(const World& world, const std::string& project, const std::vector<Target>& found,
                   const std::vector<Target>& expected) {
  require(found == expected,
          "the index finds what a look at every object finds, once and in order");
  const std::vector<Target> reachable =
      webhook::reachable_targets({project}, world.warehouses.store(), world.promotions.store());
  const std::set<Target> caught_up(reachable.begin(), reachable.end());
  require(caught_up.size() == reachable.size(), "catch-up names an object once");
  for (const Target& target : found) {
    require(caught_up.contains(target), "catch-up reaches what a delivery could be for");
  }
}

/// Some are refreshed at once; Bitbucket is asked about the others.
void check_parts(const World& world, const bitbucket::Push& push, const std::string& project,
                 const std::vector<Target>& expected) {
  controllers::BitbucketAccess cloud;
  cloud.server = bitbucket_rest::kCloudApi;
  const auto split = webhook::split_targets_of(push, project, world.warehouses.store(), cloud);
  require(split.open.empty() || split.repository, "who asks knows about which repository");
  std::vector<Target> both = split.certain;
  for (const webhook::OpenTarget& open : split.open) both.push_back(open.target);
  std::ranges::sort(both);
  require(both == expected, "asking adds no target, leaves none out, and has none twice");
}

void check_push(const World& world, const Fields& fields) {
  bitbucket::Push push{.repository_urls = from(fields, 3), .refs = {}};
  if (!fields[2].empty()) push.refs.push_back(fields[2]);
  std::set<std::string> repositories;
  for (const std::string& url : push.repository_urls) repositories.insert(git::identity(url));
  repositories.erase("");
  const auto expected =
      scan(world.warehouses, fields[1], TargetKind::kWarehouse, [&](const auto& warehouse) {
        const bool wanted = std::ranges::any_of(warehouse.subscriptions, [&](const auto& one) {
          return repositories.contains(git::identity(one.repo_url)) &&
                 git::affected(one, push.refs);
        });
        require((webhook::judge(push, warehouse) == webhook::Verdict::kTarget) == wanted,
                "an object by itself is judged as among others");
        return wanted;
      });
  check_parts(world, push, fields[1], expected);
  check_targets(world, fields[1], webhook::targets_of(push, fields[1], world.warehouses.store()),
                expected);
}

void check_pull_request(const World& world, const Fields& fields) {
  const bitbucket::PullRequest ended{.urls = from(fields, 2)};
  std::set<std::string> pull_requests;
  for (const std::string& url : ended.urls) {
    pull_requests.insert(bitbucket::pull_request_identity(url));
  }
  pull_requests.erase("");
  const auto expected =
      scan(world.promotions, fields[1], TargetKind::kPromotion, [&](const auto& promotion) {
        const auto& urls = promotion.pull_request_urls;
        const bool wanted = std::ranges::any_of(urls, [&](const std::string& url) {
          return pull_requests.contains(bitbucket::pull_request_identity(url));
        });
        require((webhook::judge(ended, promotion) == webhook::Verdict::kTarget) == wanted,
                "a Promotion by itself is judged as among others");
        return wanted;
      });
  check_targets(world, fields[1], webhook::targets_of(ended, fields[1], world.promotions.store()),
                expected);
}

void check_line(const http::Response& answer, const char* member) {
  require(answer.body.find('\n') == answer.body.size() - 1, "an answer is one line");
  const auto json = json::parse(answer.body);
  require(json && json->IsObject() && json->HasMember(member), "an answer says what became of it");
}

void check_outcome(const Fields& fields) {
  const controllers::RefreshOutcome refreshes{.applied = fields[1].size(),
                                              .queued = fields[2].size(),
                                              .refused = fields[3].size(),
                                              .overloaded = !fields[4].empty()};
  const bool all_done = refreshes.queued + refreshes.refused == 0 && !refreshes.overloaded;
  require(!webhook::outcome_name(webhook::outcome_of(refreshes)).empty(), "an outcome has a name");
  for (const bitbucket::Event& event : bitbucket::kEvents) {
    const http::Response answer = webhook::refresh_response(event.kind, refreshes);
    require((answer.status == 200) == all_done, "only what is applied is acknowledged");
    const bool resent = event.kind.source == bitbucket::Source::kCloud;
    require(all_done || (answer.status >= 500) == (resent || refreshes.overloaded),
            "who sends again is told to, who does not is not");
    require((answer.status == 503) == answer.headers.find("Retry-After").has_value(),
            "who is told to come again is told when");
    check_line(answer, answer.body.starts_with("{\"msg\"") ? "msg" : "error");
  }
}

}  // namespace

void fuzz(std::string_view input) {
  World world;
  while (!input.empty()) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    const Fields fields = fields_of(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
    const std::string& what = fields[0];
    if ((what == "w" || what == "p") && fields.size() > 3) put(world, fields);
    if (what == "d" && fields.size() > 3) check_push(world, fields);
    if (what == "m" && fields.size() > 2) check_pull_request(world, fields);
    if (what == "r" && fields.size() > 4) check_outcome(fields);
    if (what == "e" && fields.size() > 1) check_line(webhook::ignored_response(fields[1]), "msg");
  }
}

}  // namespace receiver::fuzz
