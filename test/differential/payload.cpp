#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "test/differential/bitbucket.h"
#include "text/unicode.h"

namespace receiver::test {
namespace {

constexpr std::size_t kMostCommits = 5;
const std::string kNone(40, '0');

std::string with_replacements(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto point = text::first_code_point(bytes);
    if (point.bytes == 0) {
      text += "\xef\xbf\xbd";
    } else {
      text += bytes.substr(0, point.bytes);
    }
    bytes.remove_prefix(std::max<std::size_t>(point.bytes, 1));
  }
  return text;
}

std::string short_name(const std::string& ref) {
  return ref.substr(ref.find('/', std::string_view("refs/").size()) + 1);
}

bool is_tag(const std::string& ref) {
  return ref.starts_with("refs/tags/");
}

std::vector<std::size_t> commits_of(const std::map<std::string, Tip>& refs) {
  std::vector<std::size_t> commits;
  for (const auto& [ref, tip] : refs) commits.push_back(tip.commit);
  return commits;
}

/// The commits that the update has brought; for a tag, none are sent.
std::vector<std::size_t> brought(const History& history, const HistoryPush& push,
                                 const RefUpdate& update) {
  if (!update.after || is_tag(update.ref)) return {};
  return commits_between(history, {update.after->commit},
                         update.before ? std::vector<std::size_t>{update.before->commit}
                                       : commits_of(push.refs_before));
}

std::string listed(const Bitbucket& bitbucket, const std::vector<std::size_t>& commits) {
  std::vector<std::string> documents;
  for (const std::size_t commit : commits) {
    if (documents.size() == kMostCommits) break;
    documents.push_back(commit_document(bitbucket, commit));
  }
  return fmt::format("[{}]", fmt::join(documents, ", "));
}

// Cloud.

std::string pushed_end(const Bitbucket& bitbucket, const std::string& ref,
                       const std::optional<Tip>& tip) {
  if (!tip) return "null";
  return fmt::format(
      R"({{"name": {}, "target": {}, "links": {{}}, "type": "{}"{}}})",
      json_text(bitbucket, short_name(ref)), commit_document(bitbucket, tip->commit),
      is_tag(ref) ? "tag" : "branch",
      !is_tag(ref)      ? R"(, "merge_strategies": ["merge_commit", "squash", "fast_forward"])"
      : tip->tag_object ? R"(, "message": "A tag\n", "date": "2026-03-13T10:00:00+00:00")"
                        : R"(, "message": "", "date": null, "tagger": null)");
}

std::string cloud_change(const Bitbucket& bitbucket, const HistoryPush& push,
                         const RefUpdate& update) {
  const History& history = bitbucket.history;
  const auto commits = brought(history, push, update);
  const bool forced = update.before && update.after &&
                      !ancestors(history, update.after->commit)[update.before->commit];
  return fmt::format(
      R"({{"old": {}, "new": {}, "truncated": {}, "created": {}, "forced": {}, "closed": {}, )"
      R"("links": {{}}, "commits": {}}})",
      pushed_end(bitbucket, update.ref, update.before),
      pushed_end(bitbucket, update.ref, update.after), commits.size() > kMostCommits,
      !update.before, forced, !update.after, listed(bitbucket, commits));
}

std::string cloud_payload(const Bitbucket& bitbucket, const HistoryPush& push) {
  std::vector<std::string> changes;
  for (const RefUpdate& update : push.updates) {
    changes.push_back(cloud_change(bitbucket, push, update));
  }
  return fmt::format(
      R"({{"push": {{"changes": [{}]}}, "repository": {{"type": "repository", )"
      R"("full_name": "{}", "links": {{"html": {{"href": "{}"}}}}, "scm": "git"}}}})",
      fmt::join(changes, ", "), bitbucket.repository.name(), clone_url(bitbucket));
}

// Data Center.

std::string hash_of(const History& history, const std::optional<Tip>& tip) {
  if (!tip) return kNone;
  return tip->tag_object ? history.tag_objects[*tip->tag_object].hash
                         : history.commits[tip->commit].hash;
}

std::string data_center_change(const Bitbucket& bitbucket, const RefUpdate& update) {
  return fmt::format(R"({{"ref": {{"id": {0}, "displayId": {1}, "type": "{2}"}}, "refId": {0}, )"
                     R"("fromHash": "{3}", "toHash": "{4}", "type": "{5}"}})",
                     json_text(bitbucket, update.ref), json_text(bitbucket, short_name(update.ref)),
                     is_tag(update.ref) ? "TAG" : "BRANCH",
                     hash_of(bitbucket.history, update.before),
                     hash_of(bitbucket.history, update.after),
                     !update.before  ? "ADD"
                     : !update.after ? "DELETE"
                                     : "UPDATE");
}

std::string data_center_payload(const Bitbucket& bitbucket, const HistoryPush& push) {
  std::vector<std::string> changes;
  for (const RefUpdate& update : push.updates) {
    changes.push_back(data_center_change(bitbucket, update));
  }
  std::string commits;
  const RefUpdate& first = push.updates.front();
  if (bitbucket.traits.tells_commits && first.after) {
    auto all = brought(bitbucket.history, push, first);
    if (all.empty()) all = {first.after->commit};
    commits = fmt::format(R"(, "commits": {}, "toCommit": {})", listed(bitbucket, all),
                          commit_document(bitbucket, first.after->commit));
  }
  return fmt::format(
      R"({{"eventKey": "repo:refs_changed", "date": "2026-03-14T11:20:01+0000", )"
      R"("repository": {{"slug": "{}", "links": {{"clone": [{{"href": "{}", "name": "http"}}]}}}}, )"
      R"("changes": [{}]{}}})",
      bitbucket.repository.slug, clone_url(bitbucket), fmt::join(changes, ", "), commits);
}

template <class Encoding>
std::string written(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, Encoding> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

std::string clone_url(const Bitbucket& bitbucket) {
  const auto& repository = bitbucket.repository;
  return bitbucket.is_cloud() ? "https://bitbucket.org/" + repository.name()
                              : repository.server + "/scm/" + repository.name() + ".git";
}

std::string payload_of(const Bitbucket& bitbucket, std::size_t push) {
  const HistoryPush& told = bitbucket.history.pushes[push];
  return bitbucket.is_cloud() ? cloud_payload(bitbucket, told)
                              : data_center_payload(bitbucket, told);
}

std::string json_text(const Bitbucket& bitbucket, std::string_view bytes) {
  const std::string text = with_replacements(bytes);
  return bitbucket.traits.ascii_json ? written<rapidjson::ASCII<>>(text)
                                     : written<rapidjson::UTF8<>>(text);
}

std::string commit_document(const Bitbucket& bitbucket, std::size_t number) {
  const Commit& commit = bitbucket.history.commits[number];
  std::vector<std::string> parents;
  for (const std::size_t parent : commit.parents) {
    const std::string& hash = bitbucket.history.commits[parent].hash;
    parents.push_back(
        bitbucket.is_cloud()
            ? fmt::format(R"({{"type": "commit", "hash": "{}", "links": {{}}}})", hash)
            : fmt::format(R"({{"id": "{}", "displayId": "{}"}})", hash, hash.substr(0, 11)));
  }
  return bitbucket.is_cloud()
             ? fmt::format(R"({{"type": "commit", "hash": "{}", "message": "Commit {}\n", )"
                           R"("author": {{"type": "author"}}, "parents": [{}]}})",
                           commit.hash, number, fmt::join(parents, ", "))
             : fmt::format(R"({{"id": "{}", "displayId": "{}", "author": {{"id": 1042}}, )"
                           R"("message": "Commit {}\n", "parents": [{}]}})",
                           commit.hash, commit.hash.substr(0, 11), number,
                           fmt::join(parents, ", "));
}

std::vector<std::size_t> commits_between(const History& history,
                                         const std::vector<std::size_t>& from,
                                         const std::vector<std::size_t>& without) {
  std::vector<bool> wanted(history.commits.size(), false);
  const auto mark = [&](const std::vector<std::size_t>& tips, bool value) {
    for (const std::size_t tip : tips) {
      const auto found = ancestors(history, tip);
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (found[i]) wanted[i] = value;
      }
    }
  };
  mark(from, true);
  mark(without, false);
  std::vector<std::size_t> commits;
  for (std::size_t i = wanted.size(); i-- > 0;) {
    if (wanted[i]) commits.push_back(i);
  }
  return commits;
}

}  // namespace receiver::test
