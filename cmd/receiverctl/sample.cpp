#include "cmd/receiverctl/sample.h"

#include <random>

#include <fmt/format.h>

#include "bitbucket_rest/repository.h"
#include "cmd/version.h"
#include "crypto/crypto.h"
#include "json/json.h"
#include "text/ascii.h"

namespace receiver::ctl {
namespace {

using bitbucket::Action;
using bitbucket::Source;
using bitbucket_rest::read_repository_url;
using bitbucket_rest::RepositoryUrl;
using json::quote;

constexpr std::string_view kBefore = "5f1b0c7d2e9a4836bc05d1f7a2e4936807c5d1ab";
constexpr std::string_view kAfter = "c3d9e8f7061524334251607f8e9dacbb0a192837";
constexpr std::string_view kNone = "0000000000000000000000000000000000000000";

// Bitbucket Cloud -----------------------------------------------------------------------------

constexpr const char* kCloudActor =
    R"({"type": "user", "display_name": "receiverctl", "nickname": "receiverctl"})";

std::string cloud_repository(const std::string& html, const std::string& full_name) {
  const std::string slug = full_name.substr(full_name.rfind('/') + 1);
  return fmt::format(
      R"({{"type": "repository", "full_name": {0}, "name": {1}, "scm": "git", "is_private": true,
    "links": {{"self": {{"href": {2}}}, "html": {{"href": {3}}}}}}})",
      quote(full_name), quote(slug),
      quote("https://api.bitbucket.org/2.0/repositories/" + full_name), quote(html));
}

std::string cloud_ref(std::string_view type, const std::string& name, std::string_view hash,
                      const std::string& time) {
  return fmt::format(
      R"({{"type": "{}", "name": {}, "target": {{"type": "commit", "hash": "{}", "date": {},
      "message": "Sent by receiverctl\n"}}}})",
      type, quote(name), hash, quote(time));
}

std::string cloud_push(const RepositoryUrl& url, const SampleSubject& subject) {
  const bool tag = !subject.tag.empty();
  const std::string after = tag ? cloud_ref("tag", subject.tag, kAfter, subject.time)
                                : cloud_ref("branch", subject.branch, kAfter, subject.time);
  const std::string before =
      tag ? "null" : cloud_ref("branch", subject.branch, kBefore, subject.time);
  const std::string full_name = url.owner + "/" + url.slug;
  const std::string html = fmt::format("https://bitbucket.org/{}", full_name);
  return fmt::format(R"({{"push": {{"changes": [{{
    "old": {},
    "new": {},
    "created": {}, "closed": false, "forced": false, "truncated": false,
    "commits": [{{"type": "commit", "hash": "{}", "message": "Sent by receiverctl\n"}}]}}]}},
  "repository": {},
  "actor": {}}})",
                     before, after, tag, kAfter, cloud_repository(html, full_name), kCloudActor);
}

std::string cloud_pull_request(const SampleSubject& subject, std::string_view id, bool merged) {
  // https://bitbucket.org/WORKSPACE/REPOSITORY/pull-requests/7
  const std::string repository = subject.pull_request.substr(0, subject.pull_request.find("/pull"));
  const auto url = read_repository_url(repository);
  const std::string full_name =
      url ? url->owner + "/" + url->slug : std::string("workspace/repository");
  return fmt::format(
      R"({{"pullrequest": {{"type": "pullrequest", "id": {}, "title": "Sent by receiverctl",
    "state": "{}", "merge_commit": {}, "updated_on": {},
    "links": {{"html": {{"href": {}}}}}}},
  "repository": {},
  "actor": {}}})",
      id, merged ? "MERGED" : "DECLINED",
      merged ? fmt::format(R"({{"type": "commit", "hash": "{:.12}"}})", kAfter) : "null",
      quote(subject.time), quote(subject.pull_request), cloud_repository(repository, full_name),
      kCloudActor);
}

// Bitbucket Data Center -----------------------------------------------------------------------

constexpr const char* kDataCenterActor =
    R"({"name": "receiverctl", "active": true, "displayName": "receiverctl", "slug": "receiverctl",
    "type": "NORMAL"})";

std::string data_center_repository(const RepositoryUrl& url) {
  // A key's clone URLs are in lower case.
  const std::string path = fmt::format("{}/{}.git", text::ascii_lower(url.owner), url.slug);
  const std::string http = fmt::format("{}/scm/{}", url.server, path);
  const std::size_t port = url.host.ends_with(']') ? std::string::npos : url.host.rfind(':');
  const std::string ssh = url.ssh
                              ? fmt::format("ssh://git@{}/{}", url.host, path)
                              : fmt::format("ssh://git@{}:7999/{}", url.host.substr(0, port), path);
  const bool personal = url.owner.starts_with('~');
  const std::string self =
      fmt::format("{}/{}/{}/repos/{}/browse", url.server, personal ? "users" : "projects",
                  personal ? url.owner.substr(1) : url.owner, url.slug);
  return fmt::format(
      R"({{"slug": {0}, "name": {0}, "scmId": "git", "state": "AVAILABLE", "public": false,
    "project": {{"key": {1}, "name": {1}, "type": "{2}"}},
    "links": {{"clone": [{{"name": "http", "href": {3}}}, {{"name": "ssh", "href": {4}}}],
      "self": [{{"href": {5}}}]}}}})",
      quote(url.slug), quote(url.owner), personal ? "PERSONAL" : "NORMAL", quote(http), quote(ssh),
      quote(self));
}

std::string data_center_push(const RepositoryUrl& url, const SampleSubject& subject) {
  const bool tag = !subject.tag.empty();
  const std::string& name = tag ? subject.tag : subject.branch;
  const std::string id = (tag ? "refs/tags/" : "refs/heads/") + name;
  return fmt::format(R"({{"eventKey": "repo:refs_changed", "date": {},
  "actor": {},
  "repository": {},
  "changes": [{{"ref": {{"id": {}, "displayId": {}, "type": "{}"}}, "refId": {},
    "fromHash": "{}", "toHash": "{}", "type": "{}"}}]}})",
                     quote(subject.time), kDataCenterActor, data_center_repository(url), quote(id),
                     quote(name), tag ? "TAG" : "BRANCH", quote(id), tag ? kNone : kBefore, kAfter,
                     tag ? "ADD" : "UPDATE");
}

std::string data_center_pull_request(std::string_view event, const SampleSubject& subject,
                                     std::string_view id) {
  const bool merged = event == "pr:merged";
  const bool declined = event == "pr:declined";
  return fmt::format(R"({{"eventKey": "{}", "date": {},
  "actor": {},
  "pullRequest": {{"id": {}, "version": 1, "title": "Sent by receiverctl", "state": "{}",
    "open": {}, "closed": {},
    "links": {{"self": [{{"href": {}}}]}}}}}})",
                     event, quote(subject.time), kDataCenterActor, id,
                     merged     ? "MERGED"
                     : declined ? "DECLINED"
                                : "OPEN",
                     !merged && !declined, merged || declined, quote(subject.pull_request));
}

/// The digits at the end of a pull request's URL.
std::string pull_request_id(const std::string& url) {
  const std::size_t begin = url.find_last_not_of("0123456789") + 1;
  return begin < url.size() ? url.substr(begin) : "";
}

}  // namespace

Result<std::string> sample_body(const bitbucket::Event& event, const SampleSubject& subject) {
  const bool cloud = event.kind.source == Source::kCloud;
  if (event.kind.action == Action::kRefreshPromotions) {
    const std::string id = pull_request_id(subject.pull_request);
    if (!subject.pull_request.starts_with("http") || id.empty()) {
      return wrong_usage(
          fmt::format("{} needs --pull-request, the URL of its page: "
                      "https://bitbucket.org/WORKSPACE/REPOSITORY/pull-requests/7 or "
                      "https://HOST/projects/PROJECT/repos/REPOSITORY/pull-requests/7",
                      event.key));
    }
    return cloud ? cloud_pull_request(subject, id, event.key == "pullrequest:fulfilled")
                 : data_center_pull_request(event.key, subject, id);
  }
  const auto url = read_repository_url(subject.repository);
  if (!url) {
    return wrong_usage(fmt::format(
        "{} needs --repo, a URL of the repository: https://bitbucket.org/WORKSPACE/REPOSITORY or "
        "https://HOST/scm/PROJECT/REPOSITORY.git",
        event.key));
  }
  if (url->product != event.kind.source) {
    return wrong_usage(
        fmt::format("{} is an event of Bitbucket {}, and --repo names a repository "
                    "of Bitbucket {}",
                    event.key, cloud ? "Cloud" : "Data Center", cloud ? "Data Center" : "Cloud"));
  }
  return cloud ? cloud_push(*url, subject) : data_center_push(*url, subject);
}

std::string_view push_event_of(std::string_view repository) {
  const auto url = read_repository_url(repository);
  return url && url->product == Source::kCloud ? "repo:push" : "repo:refs_changed";
}

http::Headers delivery_headers(std::string_view event, const std::string& id) {
  http::Headers headers{{"User-Agent", user_agent("receiverctl")},
                        {"Content-Type", "application/json"},
                        {std::string(bitbucket::kEventHeader), std::string(event)}};
  const auto kind = bitbucket::event_kind(event);
  if (kind && kind->source == Source::kCloud) {
    headers.add("X-Request-UUID", id);
    headers.add("X-Hook-UUID", new_uuid());
    headers.add("X-Attempt-Number", "1");
  } else {
    headers.add("X-Request-Id", id);
  }
  return headers;
}

std::string new_uuid() {
  std::random_device random;
  const auto bits = [&random] { return static_cast<std::uint32_t>(random()); };
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:08x}{:04x}", bits(), bits() & 0xffffU,
                     bits() & 0xfffU, (bits() & 0x3fffU) | 0x8000U, bits(), bits() & 0xffffU);
}

std::string signature_of(std::string_view body, std::string_view secret) {
  crypto::Hmac hmac(crypto::HashAlgorithm::kSha256, secret);
  hmac.update(body);
  return "sha256=" + crypto::hex_encode(hmac.digest());
}

}  // namespace receiver::ctl
