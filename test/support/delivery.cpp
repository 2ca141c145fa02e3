#include "test/support/delivery.h"

#include <charconv>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "crypto/crypto.h"
#include "http/client.h"
#include "test/support/blocking.h"
#include "test/support/json.h"
#include "test/support/process.h"

namespace receiver::test {
namespace {

/// Longer than the operator's own deadline.
constexpr std::chrono::seconds kLongestAnswer{60};

http::Result<http::Response> try_send(const std::string& url, http::Request request,
                                      std::chrono::seconds limit = kLongestAnswer) {
  constexpr std::string_view kPrefix = "http://127.0.0.1:";
  if (!url.starts_with(kPrefix)) throw std::runtime_error("no URL of a test: " + url);
  const std::size_t slash = url.find('/', kPrefix.size());
  http::ClientOptions options;
  options.scheme = "http";
  options.host = "127.0.0.1";
  std::from_chars(url.data() + kPrefix.size(), url.data() + slash, options.port);
  request.target = url.substr(slash);

  boost::asio::io_context context{1};
  http::Client client(context.get_executor(), options);
  return await(context, client.send(std::move(request), std::chrono::steady_clock::now() + limit));
}

std::string cloud_push_body(const std::string& repository, std::string_view type,
                            const std::string& name) {
  return fmt::format(
      R"({{"repository": {{"links": {{"html": {{"href": {}}}}}}}, )"
      R"("push": {{"changes": [{{"old": null, "new": {{"type": "{}", "name": {}}}}}]}}}})",
      json_string(repository), type, json_string(name));
}

}  // namespace

Delivery cloud_push(const std::string& repository, const std::string& branch) {
  return {"repo:push", cloud_push_body(repository, "branch", branch)};
}

Delivery cloud_tag_push(const std::string& repository, const std::string& tag) {
  return {"repo:push", cloud_push_body(repository, "tag", tag)};
}

Delivery data_center_push(const std::vector<std::string>& clone_urls, const std::string& ref) {
  std::string links;
  for (const std::string& url : clone_urls) {
    links += fmt::format(R"({}{{"name": "{}", "href": {}}})", links.empty() ? "" : ", ",
                         url.starts_with("ssh") ? "ssh" : "http", json_string(url));
  }
  return {"repo:refs_changed",
          fmt::format(R"({{"repository": {{"links": {{"clone": [{}]}}}}, )"
                      R"("changes": [{{"ref": {{"id": {}}}, "type": "UPDATE"}}]}})",
                      links, json_string(ref))};
}

Delivery cloud_merge(const std::string& pull_request) {
  return {"pullrequest:fulfilled",
          fmt::format(R"({{"pullrequest": {{"links": {{"html": {{"href": {}}}}}}}}})",
                      json_string(pull_request))};
}

Delivery data_center_merge(const std::string& pull_request) {
  return {"pr:merged",
          fmt::format(R"({{"pullRequest": {{"links": {{"self": [{{"href": {}}}]}}}}}})",
                      json_string(pull_request))};
}

Delivery recorded(const std::string& event, const std::string& file) {
  return {event, read_file(std::string(TESTDATA_DIR) + "/bitbucket/" + file)};
}

std::string signature_of(const std::string& body, const std::string& secret) {
  crypto::Hmac hmac(crypto::HashAlgorithm::kSha256, secret);
  hmac.update(body);
  return "sha256=" + crypto::hex_encode(hmac.digest());
}

Delivery sign(Delivery delivery, const std::string& secret) {
  delivery.signature = signature_of(delivery.body, secret);
  return delivery;
}

http::Response send(const std::string& url, http::Request request) {
  auto answer = try_send(url, std::move(request));
  if (!answer) throw std::runtime_error("no answer: " + answer.error().message);
  return std::move(*answer);
}

http::Request request_of(Delivery delivery) {
  http::Request request{
      "POST", {}, {{"Content-Type", "application/json"}}, std::move(delivery.body)};
  if (!delivery.event.empty()) request.headers.add("X-Event-Key", std::move(delivery.event));
  if (delivery.signature) request.headers.add("X-Hub-Signature", std::move(*delivery.signature));
  return request;
}

http::Response post(const std::string& url, const Delivery& delivery) {
  return send(url, request_of(delivery));
}

std::future<http::Response> post_meanwhile(std::string url, Delivery delivery) {
  return std::async(std::launch::async, [url = std::move(url), delivery = std::move(delivery)] {
    return post(url, delivery);
  });
}

std::optional<http::Response> try_get(const std::string& url, std::chrono::seconds limit) {
  auto answer = try_send(url, {}, limit);
  if (!answer) return std::nullopt;
  return std::move(*answer);
}

std::string origin_of(unsigned short port) {
  return "http://127.0.0.1:" + std::to_string(port);
}

std::string text_of(const http::Response& answer) {
  return std::to_string(answer.status) + " " + answer.body;
}

}  // namespace receiver::test
