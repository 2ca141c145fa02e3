#include "test/bench/data_center.h"

#include <charconv>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "bitbucket_rest/questions.h"
#include "clock/clock.h"
#include "test/bench/payload.h"
#include "test/bench/peers.h"

namespace receiver::bench {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMonorepoWarehouses = 200;
constexpr std::size_t kOfSmallProject = 4;
constexpr int kFilesOfLargeCommit = 20;
constexpr std::string_view kKey = "ACME";
constexpr std::string_view kByFolder = "by-folder";
constexpr std::string_view kLarge = "unconcerned";
constexpr std::string_view kToken = "token-of-the-load-generator";
constexpr std::chrono::seconds kAnsweredWithin{5};

std::string hash_of(int commit) {
  return fmt::format("{:040x}", commit + 1);
}

std::string authorization() {
  return fmt::format("Bearer {}", kToken);
}

/// The question about a commit on top of the one before it.
std::string question_url(bitbucket_rest::Repository repository, int commit) {
  const bitbucket_rest::ChangedFiles question(
      std::move(repository), {.hash = hash_of(commit), .first_parent = hash_of(commit - 1)});
  return question.next()->url;
}

http::ClientOptions options_of(const test::BitbucketServer& server) {
  http::ClientOptions options;
  options.host = "localhost";
  options.port = server.port();
  options.tls.ca_pem = server.ca_pem();
  options.connections = 1;
  return options;
}

}  // namespace

DataCenter::DataCenter(asio::any_io_executor executor)
    : server_(bitbucket::Source::kDataCenter), client_(std::move(executor), options_of(server_)) {
  server_.accept(authorization(), test::Grant::kReadOnly);
  server_.answer_reads([this](const std::string& url) { return answer(url); });
}

Project DataCenter::by_folder() const {
  Project project = with_token();
  project.name = kByFolder;
  project.warehouses = kMonorepoWarehouses;
  project.by_folder = true;
  return project;
}

Project DataCenter::one() const {
  Project project = without_token();
  project.name = "one";
  project.warehouses = 1;
  return project;
}

Project DataCenter::with_token() const {
  Project project = without_token();
  project.name = "with-token";
  project.secret_keys = {{"bitbucket.token", std::string(kToken)},
                         {"bitbucket.url", server_.url()},
                         {"bitbucket.ca", server_.ca_pem()}};
  return project;
}

Project DataCenter::without_token() const {
  Project project{.name = "without-token", .warehouses = kOfSmallProject};
  project.clone_url = clone_url(kByFolder);
  return project;
}

Project DataCenter::unconcerned() const {
  Project project = by_folder();
  project.name = kLarge;
  project.warehouses = 1;
  project.clone_url = clone_url(kLarge);
  return project;
}

std::vector<Project> DataCenter::projects() const {
  return {by_folder(), one(), with_token(), without_token(), unconcerned()};
}

http::Request DataCenter::next_push(const Project& project, const crypto::SecretString& secret) {
  const int commit = ++commits_;
  return signed_push(project.path(secret),
                     long_data_center_push(project.clone_url, hash_of(commit), hash_of(commit - 1)),
                     secret, "repo:refs_changed");
}

asio::awaitable<void> DataCenter::ask() {
  http::Request question;
  question.target =
      question_url(repository(kByFolder), ++commits_).substr(("https://" + host()).size());
  question.headers = {
      {"User-Agent", "bench"}, {"Accept", "application/json"}, {"Authorization", authorization()}};
  const auto answered =
      co_await client_.send(std::move(question), clock::Steady::now() + kAnsweredWithin);
  if (!answered) throw std::runtime_error("Data Center: " + answered.error().message);
  if (answered->status != 200) throw std::runtime_error("Data Center: " + answered->body);
}

std::string DataCenter::host() const {
  return fmt::format("localhost:{}", server_.port());
}

bitbucket_rest::Repository DataCenter::repository(std::string_view slug) const {
  return {bitbucket::Source::kDataCenter, server_.url(), std::string(kKey), std::string(slug)};
}

std::string DataCenter::clone_url(std::string_view slug) const {
  return fmt::format("{}/scm/acme/{}.git", server_.url(), slug);
}

test::Answer DataCenter::answer(const std::string& url) const {
  constexpr std::string_view kUntil = "until=";
  const std::size_t at = std::min(url.find(kUntil), url.size());
  const char* const hash = url.data() + std::min(at + kUntil.size(), url.size());
  int commit = 0;
  std::from_chars(hash, url.data() + url.size(), commit, 16);
  --commit;
  std::vector<std::string> files;
  if (url == question_url(repository(kByFolder), commit)) {
    files.push_back(by_folder().folder(0) + "/main.go");
  } else if (url == question_url(repository(kLarge), commit)) {
    for (int file = 0; file < kFilesOfLargeCommit; ++file) {
      files.push_back(fmt::format("libs/component-{:05}/source-{}.go", commit, file));
    }
  } else {
    return test::failure(bitbucket::Source::kDataCenter, 400, "the question is another: " + url);
  }
  std::string values;
  for (const std::string& file : files) {
    values += fmt::format(R"({}{{"type":"MODIFY","path":{{"toString":"{}"}}}})",
                          values.empty() ? "" : ",", file);
  }
  return {.body =
              fmt::format(R"({{"values":[{}],"size":{},"isLastPage":true,"start":0,"limit":1000,)"
                          R"("nextPageStart":null}})",
                          values, files.size())};
}

}  // namespace receiver::bench
