#include "test/differential/naive_decision.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <rapidjson/pointer.h>

#include "git/path_filter.h"

namespace receiver::test {
namespace {

using bitbucket::Source;
using rapidjson::Document;
using rapidjson::Value;

constexpr std::size_t kMostSteps = 5;
constexpr int kMostPages = 1000;

std::string text_at(const Value& value, const char* pointer) {
  const Value* found = rapidjson::Pointer(pointer).Get(value);
  return found != nullptr && found->IsString()
             ? std::string(found->GetString(), found->GetStringLength())
             : std::string();
}

bool is_true_at(const Value& value, const char* pointer) {
  const Value* found = rapidjson::Pointer(pointer).Get(value);
  return found != nullptr && found->IsTrue();
}

std::string hash_at(const Value& value, const char* pointer) {
  std::string hash = text_at(value, pointer);
  return hash.find_first_not_of('0') == std::string::npos ? "" : hash;
}

/// Data Center may send only the parts of a path; empty: there is none.
std::string path_at(const Value& change, const char* pointer) {
  const Value* path = rapidjson::Pointer(pointer).Get(change);
  if (path == nullptr || path->IsString()) return path == nullptr ? "" : path->GetString();
  std::string text = text_at(*path, "/toString");
  if (!text.empty()) return text;
  for (const Value& part : (*path)["components"].GetArray()) {
    text += (text.empty() ? "" : "/") + std::string(part.GetString());
  }
  return text;
}

}  // namespace

NaiveDecision::NaiveDecision(bitbucket_rest::Repository repository, std::string_view body, Ask ask,
                             Fault fault)
    : repository_(std::move(repository)), ask_(std::move(ask)), fault_(fault) {
  Document document;
  document.Parse(body.data(), body.size());
  const char* const place = is_cloud() ? "/push/changes" : "/changes";
  for (const Value& change : rapidjson::Pointer(place).Get(document)->GetArray()) {
    if (is_cloud()) {
      const char* const end = rapidjson::Pointer("/new").Get(change)->IsNull() ? "/old" : "/new";
      const std::string pointer(end);
      const std::string name = text_at(change, (pointer + "/name").c_str());
      const bool is_tag = text_at(change, (pointer + "/type").c_str()) == "tag";
      updates_.push_back({(is_tag ? "refs/tags/" : "refs/heads/") + name,
                          hash_at(change, "/old/target/hash"), hash_at(change, "/new/target/hash"),
                          is_true_at(change, "/forced")});
    } else {
      updates_.push_back({text_at(change, "/ref/id"), hash_at(change, "/fromHash"),
                          hash_at(change, "/toHash"), false});
    }
  }
}

bool NaiveDecision::refreshes(const git::Subscription& subscription) {
  for (std::size_t i = 0; i < updates_.size(); ++i) {
    if (!concerns(updates_[i], subscription)) continue;
    if (subscription.paths.empty()) return true;
    const Paths& paths = changed(i);
    if (!paths) return true;
    for (const std::string& path : *paths) {
      if (may_count(path, subscription)) return true;
    }
  }
  return false;
}

bool NaiveDecision::is_cloud() const {
  return repository_.product == Source::kCloud;
}

bool NaiveDecision::concerns(const Update& update, const git::Subscription& subscription) {
  if (!git::affected(subscription, std::vector{update.ref})) return false;
  const bool takes_default =
      subscription.strategy == git::Strategy::kNewestFromBranch && subscription.branch.empty();
  if (!takes_default) return true;
  if (has(Fault::kMainIsDefault)) return update.ref == "refs/heads/main";
  if (!default_branch_) default_branch_ = default_branch();
  return !*default_branch_ || update.ref == **default_branch_;
}

bool NaiveDecision::may_count(const std::string& path,
                              const git::Subscription& subscription) const {
  const git::PathFilter filter(subscription.paths);
  if (has(Fault::kPlainSpellingOnly) && git::quoted_path(path) != path) {
    const auto matches = [&](const std::string& pattern) {
      return git::PathPattern::parse(pattern)->matches(path) == git::PathMatch::kYes;
    };
    const auto& include = subscription.paths.include();
    return (include.empty() || std::ranges::any_of(include, matches)) &&
           std::ranges::none_of(subscription.paths.exclude(), matches);
  }
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  const std::size_t place = path.find(kReplacement);
  if (has(Fault::kReplacementIsName) && place != std::string::npos) {
    std::string other = path;
    return may_count(other.replace(place, kReplacement.size(), "?"), subscription);
  }
  return filter.may_count(path);
}

const NaiveDecision::Paths& NaiveDecision::changed(std::size_t update) {
  auto found = changed_.find(update);
  if (found == changed_.end()) {
    found = changed_.emplace(update, find_changed(updates_[update])).first;
    if (!found->second && has(Fault::kErrorIsNothing)) found->second.emplace();
  }
  return found->second;
}

NaiveDecision::Paths NaiveDecision::find_changed(const Update& update) {
  const bool is_tag = update.ref.starts_with("refs/tags/");
  if (update.after.empty()) return std::nullopt;
  const bool alone = is_tag ? update.before.empty() || has(Fault::kMovedTag)
                            : update.before.empty() && has(Fault::kNewBranch);
  if (!alone && (is_tag || update.before.empty())) return std::nullopt;
  if (update.forced && !has(Fault::kForcedIsNotLookedAt)) return std::nullopt;

  std::string query = (is_cloud() ? "include=" : "until=") + update.after;
  if (!alone) query += (is_cloud() ? "&exclude=" : "&since=") + update.before;
  const auto commits = list("/commits", query);
  if (!commits || (commits->empty() && !has(Fault::kForcedIsNotLookedAt))) return std::nullopt;
  const char* const hash = is_cloud() ? "/hash" : "/id";
  std::vector<Step> steps;
  std::string at = alone ? text_at(commits->front(), hash) : update.after;
  while (steps.size() < (alone ? 1 : kMostSteps) && at != update.before) {
    const auto commit = std::ranges::find_if(
        *commits, [&](const Document& document) { return text_at(document, hash) == at; });
    if (commit == commits->end()) break;
    const Value& parents = *rapidjson::Pointer("/parents").Get(*commit);
    std::string parent = parents.Empty() ? "" : text_at(parents[0], hash);
    std::string compared = parent;
    if (has(Fault::kOtherParent) && !parents.Empty()) {
      compared = text_at(parents[parents.Size() - 1], hash);
    }
    steps.push_back({at, compared});
    at = std::move(parent);
  }
  if (!alone && at != update.before) {
    if (has(Fault::kForcedIsNotLookedAt)) return difference({update.after, update.before});
    const bool is_long = steps.size() == kMostSteps;
    if (!has(is_long ? Fault::kFirstSteps : Fault::kNotReached)) return std::nullopt;
  }
  if (has(Fault::kNetDifference) && !alone) return difference({update.after, update.before});
  return all_of(steps);
}

NaiveDecision::Paths NaiveDecision::all_of(const std::vector<Step>& steps) {
  std::set<std::string> all;
  for (const Step& step : steps) {
    const Paths paths = difference(step);
    if (!paths) return std::nullopt;
    all.insert(paths->begin(), paths->end());
  }
  return all;
}

NaiveDecision::Paths NaiveDecision::difference(const Step& step) {
  std::string path = "/changes";
  std::string query = "until=" + step.commit;
  if (is_cloud()) {
    path = "/diffstat/" + step.commit;
    query = has(Fault::kNewPathOnly) ? "topic=false" : "topic=false&renames=false";
    if (!step.parent.empty()) path += ".." + step.parent;
    if (has(Fault::kWrongOrder) && !step.parent.empty()) {
      path = "/diffstat/" + step.parent + ".." + step.commit;
      query = "renames=false";
    }
  } else if (!step.parent.empty()) {
    query += "&since=" + step.parent;
  }
  const auto values = list(path, query);
  if (!values) return std::nullopt;
  std::set<std::string> paths;
  for (const Document& change : *values) {
    for (const char* const place : {"/new/path", "/old/path", "/path", "/srcPath"}) {
      std::string told = path_at(change, place);
      if (told.empty()) continue;
      paths.insert(std::move(told));
      if (has(Fault::kNewPathOnly)) break;
    }
  }
  const bool is_nothing = paths.empty() && !has(Fault::kWrongOrder);
  if (is_nothing || (!is_cloud() && values->size() >= 1000 && !has(Fault::kCutIsAll))) {
    return std::nullopt;
  }
  return paths;
}

std::optional<std::string> NaiveDecision::default_branch() {
  if (is_cloud()) {
    const auto document = get(url_of(""));
    std::string name = document ? text_at(*document, "/mainbranch/name") : std::string();
    if (name.empty()) return std::nullopt;
    return "refs/heads/" + name;
  }
  for (const char* const path : {"/default-branch", "/branches/default"}) {
    const auto document = get(url_of(path));
    if (document) return text_at(*document, "/id");
  }
  return std::nullopt;
}

std::optional<std::vector<Document>> NaiveDecision::list(const std::string& path,
                                                         const std::string& query) {
  std::vector<Document> values;
  std::string url = url_of(path) + "?" + query;
  for (int pages = 0; pages < kMostPages; ++pages) {
    auto page = get(url);
    if (!page) return std::nullopt;
    const std::size_t before = values.size();
    for (const Value& value : (*page)["values"].GetArray()) {
      values.emplace_back().CopyFrom(value, values.back().GetAllocator());
    }
    if (has(Fault::kFirstPage)) return values;
    if (is_cloud()) {
      url = text_at(*page, "/next");
      if (url.empty()) return values;
    } else {
      if (is_true_at(*page, "/isLastPage")) return values;
      if (values.size() == before) {
        if (has(Fault::kCutIsAll)) return values;
        return std::nullopt;
      }
      url = fmt::format("{}?{}&start={}", url_of(path), query, values.size());
    }
  }
  return std::nullopt;
}

std::optional<Document> NaiveDecision::get(const std::string& url) {
  const auto answer = ask_({"GET", url, ""});
  Document document;
  document.Parse(answer.body.data(), answer.body.size());
  if (answer.status != 200 || document.HasParseError()) return std::nullopt;
  return document;
}

std::string NaiveDecision::url_of(const std::string& path) const {
  return (is_cloud() ? fmt::format("{}/2.0/repositories/{}", repository_.server, repository_.name())
                     : fmt::format("{}/rest/api/latest/projects/{}/repos/{}", repository_.server,
                                   repository_.owner, repository_.slug)) +
         path;
}

}  // namespace receiver::test
