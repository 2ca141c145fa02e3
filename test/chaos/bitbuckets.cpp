#include "test/chaos/bitbuckets.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "crypto/crypto.h"
#include "text/ascii.h"

namespace receiver::chaos {

using bitbucket::Source;
using clock::Wall;
using test::Answer;
using test::BitbucketServer;
using test::CertificateSpec;
using At = BitbucketFault::At;

namespace {

constexpr const char* kCloudApi = "api.bitbucket.org";
constexpr const char* kAccountOfToken = "bot@example.com";

CertificateSpec certificate_for(const std::string& host) {
  return {.common_name = host, .alternative_names = "DNS:" + host};
}

/// `HOST:PORT` of the server's URL.
std::string host_of(const BitbucketServer& server) {
  const std::string url = server.url();
  const std::size_t begin = url.find("//") + 2;
  return url.substr(begin, url.find('/', begin) - begin);
}

}  // namespace

Answer right_answer(const std::string& url) {
  const auto asks = [&url](const char* part) { return url.find(part) != std::string::npos; };
  if (asks("/diffstat/")) {
    return {.body = R"({"pagelen": 1000, "page": 1, "size": 1, "values": [{"status": "modified",
                        "old": {"path": "apps/web/main.go"},
                        "new": {"path": "apps/web/main.go"}}]})"};
  }
  if (asks("/changes?")) {
    return {.body = R"({"size": 1, "limit": 1000, "start": 0, "isLastPage": true, "values": [
                        {"type": "MODIFY", "path": {"toString": "apps/web/main.go"}}]})"};
  }
  if (asks("/default-branch")) {
    return {.body = R"({"id": "refs/heads/trunk", "displayId": "trunk"})"};
  }
  return {.body = R"({"type": "repository", "mainbranch": {"type": "branch", "name": "trunk"}})"};
}

Stranger::Stranger(const test::TestIdentity& identity)
    : server_(
          [this](test::Peer& peer) {
            while (const auto request = peer.request()) {
              const std::lock_guard lock(mutex_);
              received_ += *request;
              peer.answer("{}");
            }
          },
          test::ServerIdentity{.identity = identity, .client_ca_pem = {}}) {}

std::string Stranger::host() const {
  return fmt::format("localhost:{}", port());
}

std::string Stranger::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

Bitbuckets::Bitbuckets() : elsewhere_(known_.issue()) {
  servers_.try_emplace(At::kCloud, Source::kCloud, certificate_for(kCloudApi),
                       std::string(kCloudApi) + ":443");
  servers_.try_emplace(At::kDataCenter, Source::kDataCenter);
  servers_.try_emplace(At::kStranger, Source::kDataCenter, certificate_for("git.test"), "git.test");
  servers_.try_emplace(At::kMisnamed, Source::kDataCenter, certificate_for("code.test"),
                       "code.test");
  for (auto& [at, server] : servers_) {
    server.answer_reads([this](const std::string& url) { return answer(url); });
  }
  strangers_.try_emplace(At::kStranger, unknown_.issue(certificate_for("git.test")));
  strangers_.try_emplace(At::kMisnamed, known_.issue(certificate_for("other.test")));
  strangers_.try_emplace(At::kUnlisted, known_.issue());
  proxy_ = std::make_unique<test::ConnectProxy>(servers_.at(At::kCloud).port());
  lead(false);
}

test::Environment Bitbuckets::settings() const {
  std::string hosts;
  for (const auto& [at, server] : servers_) hosts += host_of(server) + " ";
  return {{"HTTPS_PROXY", "http://" + proxy_->address()}, {"BITBUCKET_HOSTS", hosts}};
}

std::string Bitbuckets::url_of(At at) const {
  return at == At::kUnlisted ? "https://" + strangers_.at(at).host() : servers_.at(at).url();
}

std::map<std::string, std::string> Bitbuckets::add(const std::string& project,
                                                   BitbucketFault fault) {
  const At at = fault.at;
  const std::lock_guard lock(mutex_);
  projects_.emplace(project, Asked{std::move(fault)});
  if (at == At::kNobody) return {};

  const std::string token = "token-of-" + project;
  tokens_.push_back(token);
  std::map<std::string, std::string> keys{{"bitbucket.token", token}};
  std::string authorization = "Bearer " + token;
  if (at == At::kCloud) {
    keys["bitbucket.username"] = kAccountOfToken;
    tokens_.push_back(crypto::base64_encode(fmt::format("{}:{}", kAccountOfToken, token)));
    authorization = "Basic " + tokens_.back();
  } else {
    keys["bitbucket.url"] = url_of(at);
  }
  const auto server = servers_.find(at);
  if (server != servers_.end()) {
    server->second.accept(authorization);
    keys["bitbucket.ca"] = server->second.ca_pem();
  }
  keys["bitbucket.ca"] += known_.pem();
  return keys;
}

std::string Bitbuckets::repository(const std::string& project, const std::string& slug) const {
  const At at = projects_.at(project).fault.at;
  if (at == At::kNobody) return fmt::format("https://git.example.com/scm/{}/{}.git", project, slug);
  return at == At::kCloud ? fmt::format("https://bitbucket.org/{}/{}", project, slug)
                          : fmt::format("{}/scm/{}/{}.git", url_of(at), project, slug);
}

Answer Bitbuckets::answer(const std::string& url) {
  const std::string path = text::ascii_lower(url);
  const std::lock_guard lock(mutex_);
  const auto asked = std::ranges::find_if(projects_, [&path](const auto& project) {
    return path.find("/" + project.first + "/") != std::string::npos;
  });
  if (asked == projects_.end()) throw std::runtime_error("no project of a test: " + url);
  auto& [fault, met, answered] = asked->second;
  if (failing_ && fault.answer) {
    ++met;
    return fault.answer(url);
  }
  answered.push_back(Wall::now());
  return right_answer(url);
}

void Bitbuckets::lead(bool astray) const {
  for (const At at : {At::kStranger, At::kMisnamed}) {
    const BitbucketServer& right = servers_.at(at);
    proxy_->lead(host_of(right), astray ? strangers_.at(at).port() : right.port());
  }
}

void Bitbuckets::begin() {
  {
    const std::lock_guard lock(mutex_);
    failing_ = true;
  }
  lead(true);
}

void Bitbuckets::end() {
  {
    const std::lock_guard lock(mutex_);
    failing_ = false;
  }
  lead(false);
}

std::size_t Bitbuckets::met(const std::string& project) const {
  const std::lock_guard lock(mutex_);
  const Asked& asked = projects_.at(project);
  const auto stranger = strangers_.find(asked.fault.at);
  if (stranger != strangers_.end()) return static_cast<std::size_t>(stranger->second.connections());
  return asked.met;
}

std::vector<Time> Bitbuckets::answered(const std::string& project) const {
  const std::lock_guard lock(mutex_);
  return projects_.at(project).answered;
}

std::vector<std::string> Bitbuckets::tokens() const {
  const std::lock_guard lock(mutex_);
  return tokens_;
}

std::string Bitbuckets::seen_by_others() const {
  std::string seen = proxy_->received() + elsewhere_.received();
  for (const auto& [at, stranger] : strangers_) seen += stranger.received();
  return seen;
}

int Bitbuckets::connections_elsewhere() const {
  return elsewhere_.connections() + strangers_.at(At::kUnlisted).connections();
}

}  // namespace receiver::chaos
