// The bodies of deliveries, as each kind of event reads them.

#include <algorithm>
#include <array>
#include <string>
#include <variant>

#include "bitbucket/event.h"
#include "bitbucket/ref_changes.h"
#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

using bitbucket::Action;
using bitbucket::EventKind;
using bitbucket::Source;

constexpr std::array kKinds{
    EventKind{Source::kCloud, Action::kRefreshWarehouses},
    EventKind{Source::kCloud, Action::kRefreshPromotions},
    EventKind{Source::kDataCenter, Action::kRefreshWarehouses},
    EventKind{Source::kDataCenter, Action::kRefreshPromotions},
};

void check_push(const bitbucket::Push& push, EventKind kind) {
  require(push.repository_urls.size() <= bitbucket::kMaxUrls, "the URLs are bounded");
  require(push.refs.size() <= bitbucket::kMaxRefs, "the refs are bounded");
  for (const std::string& ref : push.refs) {
    require(ref.starts_with("refs/"), "a ref is a full name");
    require(kind.source == Source::kDataCenter || ref.starts_with("refs/heads/") ||
                ref.starts_with("refs/tags/"),
            "a ref of Cloud is a branch or a tag");
  }
}

bool is_hash_or_none(const std::string& text) {
  return text.empty() || bitbucket::is_commit_hash(text);
}

/// The results of the second pass over a push.
void check_ref_changes(std::string_view body, const bitbucket::Push& push, Source source) {
  const auto [changes, commits] = bitbucket::parse_ref_changes(source, body);
  require(std::ranges::equal(changes, push.refs, {}, &bitbucket::RefChange::ref),
          "both passes name the same refs");
  require(commits.size() <= bitbucket::kMaxCommits, "the commits are bounded");
  for (const bitbucket::Commit& commit : commits) {
    require(bitbucket::is_commit_hash(commit.hash) && is_hash_or_none(commit.first_parent),
            "a commit is known by hashes");
  }
  for (const bitbucket::RefChange& change : changes) {
    require(is_hash_or_none(change.old_hash) && is_hash_or_none(change.new_hash),
            "a hash is one, or none");
    require(change.created || !change.old_hash.empty() || source == Source::kCloud,
            "a ref has an old commit, or is new");
    const auto walk = bitbucket::walk_first_parents(commits, change.new_hash, change.old_hash);
    require(walk.commits.size() <= bitbucket::kMaxSteps, "a walk is bounded");
    if (!walk.reached) continue;
    require(walk.commits.front().hash == change.new_hash &&
                walk.commits.back().first_parent == change.old_hash,
            "a walk leads from the new commit to the old one");
  }
}

void check_pull_request(const bitbucket::PullRequest& pull_request) {
  require(pull_request.urls.size() <= bitbucket::kMaxUrls, "the URLs are bounded");
  for (const std::string& url : pull_request.urls) {
    const std::string identity = bitbucket::pull_request_identity(url);
    require(identity.size() <= url.size(), "an identity is no longer than its URL");
    require(bitbucket::pull_request_identity(url + "/") == identity || url.size() >= 4096,
            "a final slash makes no difference");
  }
}

bool equal(const bitbucket::Payload& left, const bitbucket::Payload& right) {
  if (const auto* push = std::get_if<bitbucket::Push>(&left)) {
    const auto& other = std::get<bitbucket::Push>(right);
    return push->repository_urls == other.repository_urls && push->refs == other.refs;
  }
  return std::get<bitbucket::PullRequest>(left).urls ==
         std::get<bitbucket::PullRequest>(right).urls;
}

}  // namespace

void fuzz(std::string_view input) {
  const bool is_object = bitbucket::parse_payload(kKinds.front(), input).has_value();
  for (const EventKind kind : kKinds) {
    const auto payload = bitbucket::parse_payload(kind, input);
    require(payload.has_value() == is_object, "whether a body is an object is not the event's say");
    const auto spaced = bitbucket::parse_payload(kind, " \r\n\t" + std::string(input) + "\n ");
    require(spaced.has_value() == is_object, "white space around a body makes no difference");
    if (!payload) {
      require(!payload.error().empty() && payload.error().find('\n') == std::string::npos,
              "a failure is one line");
      continue;
    }
    require(equal(*payload, *spaced), "white space around a body makes no difference");
    const bool pushed = kind.action == Action::kRefreshWarehouses;
    require(std::holds_alternative<bitbucket::Push>(*payload) == pushed,
            "a payload is of its event's kind");
    if (pushed) {
      check_push(std::get<bitbucket::Push>(*payload), kind);
      check_ref_changes(input, std::get<bitbucket::Push>(*payload), kind.source);
    } else {
      check_pull_request(std::get<bitbucket::PullRequest>(*payload));
    }
  }
}

}  // namespace receiver::fuzz
