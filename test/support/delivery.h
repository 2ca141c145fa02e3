#pragma once

#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "http/message.h"

namespace receiver::test {

/// For receivers of tests that need no special secret. URLs differ anyway, because they depend on
/// the project's name.
inline constexpr const char* kSecret = "a-secret-of-the-tests";

/// What Bitbucket sends.
struct Delivery {
  std::string event;  ///< X-Event-Key; empty: none
  std::string body;
  std::optional<std::string> signature{};  ///< X-Hub-Signature
};

// Bodies in Bitbucket's format, reduced to what the operator reads.
[[nodiscard]] Delivery cloud_push(const std::string& repository, const std::string& branch);
[[nodiscard]] Delivery cloud_tag_push(const std::string& repository, const std::string& tag);
[[nodiscard]] Delivery data_center_push(const std::vector<std::string>& clone_urls,
                                        const std::string& ref);
[[nodiscard]] Delivery cloud_merge(const std::string& pull_request);
[[nodiscard]] Delivery data_center_merge(const std::string& pull_request);
/// A file of test/testdata/bitbucket.
[[nodiscard]] Delivery recorded(const std::string& event, const std::string& file);

[[nodiscard]] std::string signature_of(const std::string& body, const std::string& secret);
[[nodiscard]] Delivery sign(Delivery delivery, const std::string& secret);

/// Without a target.
[[nodiscard]] http::Request request_of(Delivery delivery);
/// POSTs it over its own connection. Throws if there is no answer.
[[nodiscard]] http::Response post(const std::string& url, const Delivery& delivery);
[[nodiscard]] http::Response send(const std::string& url, http::Request request);
/// The same, in the background.
[[nodiscard]] std::future<http::Response> post_meanwhile(std::string url, Delivery delivery);
/// Nothing if there is no answer.
[[nodiscard]] std::optional<http::Response> try_get(
    const std::string& url, std::chrono::seconds limit = std::chrono::seconds(20));

[[nodiscard]] std::string origin_of(unsigned short port);

/// Status and body as one text, for a comparison.
[[nodiscard]] std::string text_of(const http::Response& answer);
inline const std::string kRefreshed = "200 {\"msg\":\"refreshed 1 warehouse(s)\"}\n";

}  // namespace receiver::test
