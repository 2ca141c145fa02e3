// parse_payload and parse_ref_changes read the text in one pass each and keep only the few strings
// that they need. If a member's name occurs twice, the last one counts.

#include <utility>

#include <fmt/format.h>

#include "bitbucket/event.h"
#include "bitbucket/ref_changes.h"
#include "json/reader.h"

namespace receiver::bitbucket {
namespace {

using json::Reader;
using Texts = std::vector<std::string>;

/// Reads `{"href": URL}`.
void add_url(Reader& in, Texts& urls) {
  std::string url;
  in.strings({{"href", url}});
  if (!url.empty() && urls.size() < kMaxUrls) urls.push_back(std::move(url));
}

/// The URLs in the object's `links` under this name: Cloud has one, Data Center a list.
Texts read_urls(Reader& in, Source source, std::string_view name) {
  Texts urls;
  in.member("links", [&] {
    urls.clear();
    in.member(name, [&] {
      urls.clear();
      if (source == Source::kCloud) {
        add_url(in, urls);
      } else {
        in.array([&] { add_url(in, urls); });
      }
    });
  });
  return urls;
}

/// The full name of a ref; empty if it cannot be read.
std::string cloud_ref(std::string_view type, const std::string& name) {
  return name.empty() ? name : (type == "tag" ? "refs/tags/" : "refs/heads/") + name;
}

/// One end of a Cloud change: the ref before or after the push. Returns its full name, which is
/// empty if it cannot be read; nothing if the value is not an object.
std::optional<std::string> read_cloud_ref(Reader& in) {
  std::string type;
  std::string name;
  if (!in.strings({{"type", type}, {"name", name}})) return std::nullopt;
  return cloud_ref(type, name);
}

/// The ref that moved; empty if it cannot be read.
std::string read_cloud_change(Reader& in) {
  std::optional<std::string> after;
  std::optional<std::string> before;
  in.object([&](std::string_view member) {
    if (member == "new") {
      after = read_cloud_ref(in);
    } else if (member == "old") {
      before = read_cloud_ref(in);
    } else {
      in.skip();
    }
  });
  return after ? *after : before.value_or("");
}

/// Reads `{"id": REF}`; empty if it cannot be read.
std::string read_data_center_ref(Reader& in) {
  std::string ref;
  in.strings({{"id", ref}});
  return ref.starts_with("refs/") ? ref : std::string();
}

std::string read_data_center_change(Reader& in) {
  std::string ref;
  in.member("ref", [&] { ref = read_data_center_ref(in); });
  return ref;
}

/// Empty: unknown which refs moved, because one cannot be read or there are too many.
Texts read_changes(Reader& in, Source source) {
  Texts refs;
  bool known = true;
  in.array([&] {
    std::string ref =
        source == Source::kCloud ? read_cloud_change(in) : read_data_center_change(in);
    known = known && !ref.empty() && refs.size() < kMaxRefs;
    if (known) refs.push_back(std::move(ref));
  });
  if (!known) refs.clear();
  return refs;
}

Push read_cloud_push(Reader& in) {
  Push push;
  in.object([&](std::string_view member) {
    if (member == "repository") {
      push.repository_urls = read_urls(in, Source::kCloud, "html");
    } else if (member == "push") {
      push.refs.clear();
      in.member("changes", [&] { push.refs = read_changes(in, Source::kCloud); });
    } else {
      in.skip();
    }
  });
  return push;
}

Push read_data_center_push(Reader& in) {
  Push push;
  bool too_many_refs = false;
  in.object([&](std::string_view member) {
    if (member == "repository") {
      push.repository_urls = read_urls(in, Source::kDataCenter, "clone");
    } else if (member == "changes") {
      push.refs = read_changes(in, Source::kDataCenter);
    } else if (member == "refLimitExceeded") {
      too_many_refs = in.boolean() == true;
    } else {
      in.skip();
    }
  });
  if (too_many_refs) push.refs.clear();
  return push;
}

PullRequest read_pull_request(Reader& in, Source source) {
  const bool cloud = source == Source::kCloud;
  PullRequest ended;
  in.member(cloud ? "pullrequest" : "pullRequest",
            [&] { ended.urls = read_urls(in, source, cloud ? "html" : "self"); });
  return ended;
}

Payload read(Reader& in, EventKind kind) {
  if (kind.action == Action::kRefreshPromotions) return read_pull_request(in, kind.source);
  return kind.source == Source::kCloud ? read_cloud_push(in) : read_data_center_push(in);
}

// The second pass -----------------------------------------------------------------------------

void add_commit(std::optional<Commit> commit, std::vector<Commit>& commits) {
  if (commit && commits.size() < kMaxCommits) commits.push_back(*std::move(commit));
}

void read_commits(Reader& in, Source source, std::vector<Commit>& commits) {
  in.array([&] { add_commit(read_commit(in, source), commits); });
}

/// One end of a Cloud change.
struct CloudEnd {
  std::string ref;
  std::string hash;
};

std::optional<CloudEnd> read_cloud_end(Reader& in, std::vector<Commit>& commits) {
  if (!in.at('{')) {
    in.skip();
    return std::nullopt;
  }
  CloudEnd end;
  std::string type;
  std::string name;
  in.object([&](std::string_view member) {
    if (member == "type") {
      type = in.string();
    } else if (member == "name") {
      name = in.string();
    } else if (member == "target") {
      auto target = read_commit(in, Source::kCloud);
      end.hash = target ? target->hash : std::string();
      add_commit(std::move(target), commits);
    } else {
      in.skip();
    }
  });
  end.ref = cloud_ref(type, name);
  return end;
}

RefChange read_cloud_ref_change(Reader& in, std::vector<Commit>& commits) {
  RefChange change;
  std::optional<CloudEnd> after;
  std::optional<CloudEnd> before;
  in.object([&](std::string_view member) {
    if (member == "new") {
      after = read_cloud_end(in, commits);
    } else if (member == "old") {
      before = read_cloud_end(in, commits);
    } else if (member == "commits") {
      read_commits(in, Source::kCloud, commits);
    } else if (member == "created") {
      change.created = in.boolean() == true;
    } else if (member == "closed") {
      change.deleted = in.boolean() == true;
    } else if (member == "forced") {
      change.forced = in.boolean() == true;
    } else if (member == "truncated") {
      change.truncated = in.boolean() == true;
    } else {
      in.skip();
    }
  });
  if (after) change.new_hash = after->hash;
  if (before) change.old_hash = before->hash;
  const auto& named = after ? after : before;
  if (named) change.ref = named->ref;
  change.created = change.created || !before;
  change.deleted = change.deleted || !after;
  return change;
}

RefChange read_data_center_ref_change(Reader& in) {
  RefChange change;
  std::string type;
  in.object([&](std::string_view member) {
    if (member == "ref") {
      change.ref = read_data_center_ref(in);
    } else if (member == "fromHash") {
      change.old_hash = read_commit_hash(in);
    } else if (member == "toHash") {
      change.new_hash = read_commit_hash(in);
    } else if (member == "type") {
      type = in.string();
    } else {
      in.skip();
    }
  });
  change.created = type == "ADD" || change.old_hash.empty();
  change.deleted = type == "DELETE" || change.new_hash.empty();
  return change;
}

/// Reads changes as read_changes() does.
template <class Read>
std::vector<RefChange> read_ref_changes(Reader& in, Read read_one) {
  std::vector<RefChange> changes;
  bool known = true;
  in.array([&] {
    RefChange change = read_one();
    known = known && !change.ref.empty() && changes.size() < kMaxRefs;
    if (known) changes.push_back(std::move(change));
  });
  if (!known) changes.clear();
  return changes;
}

}  // namespace

RefChanges parse_ref_changes(Source source, std::string_view body) {
  RefChanges read;
  bool too_many_refs = false;
  Reader in(body);
  in.object([&](std::string_view member) {
    if (source == Source::kCloud && member == "push") {
      read.changes.clear();
      in.member("changes", [&] {
        read.changes =
            read_ref_changes(in, [&] { return read_cloud_ref_change(in, read.commits); });
      });
    } else if (source == Source::kDataCenter && member == "changes") {
      read.changes = read_ref_changes(in, [&] { return read_data_center_ref_change(in); });
    } else if (source == Source::kDataCenter && member == "commits") {
      read_commits(in, source, read.commits);
    } else if (source == Source::kDataCenter && member == "toCommit") {
      add_commit(read_commit(in, source), read.commits);
    } else if (source == Source::kDataCenter && member == "refLimitExceeded") {
      too_many_refs = in.boolean() == true;
    } else {
      in.skip();
    }
  });
  if (too_many_refs || !in.finish().empty()) read.changes.clear();
  return read;
}

tl::expected<Payload, std::string> parse_payload(EventKind kind, std::string_view body) {
  const auto failure = [](std::string_view what) {
    return tl::unexpected(fmt::format("the body is not a JSON object: {}", what));
  };
  Reader in(body);
  const bool is_object = in.at('{');
  Payload payload = read(in, kind);
  const std::string_view problem = in.finish();
  if (problem == json::kTooDeep) {
    return failure(fmt::format("it nests deeper than {} levels", json::kMaxDepth));
  }
  if (!problem.empty()) return failure(fmt::format("{} at byte {}", problem, in.problem_at()));
  if (!is_object) return failure("it is another kind of value");
  return payload;
}

}  // namespace receiver::bitbucket
