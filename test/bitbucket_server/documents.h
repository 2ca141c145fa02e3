#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "bitbucket/event.h"

/// The JSON of both products' webhooks, and what their validation says.
namespace receiver::test {

struct StoredWebhook {
  std::string id{};  ///< given by the server
  std::string title;
  std::string url;
  std::vector<std::string> events;
  bool active = true;
  std::string secret{};
  bool verifies_certificate = true;
  bool of_project = false;  ///< Data Center: inherited from the project

  friend bool operator==(const StoredWebhook&, const StoredWebhook&) = default;
};

/// An answer as it goes out.
struct Answer {
  unsigned status = 200;
  std::string body{};
  std::string retry_after{};
  std::string location{};
  std::string content_type = "application/json";
  std::chrono::milliseconds after{0};  ///< it goes out that long after the request came in
  bool near_limit = false;             ///< Cloud: most of the hour's requests are used up
};

/// `{"type": "error", …}` or `{"errors": […]}`.
[[nodiscard]] Answer failure(bitbucket::Source product, unsigned status, std::string_view message,
                             std::string_view exception = {}, std::string_view field = {});

/// The webhook as it is listed: Cloud never shows a secret, Data Center always does.
[[nodiscard]] std::string document_of(bitbucket::Source product, const StoredWebhook& webhook);

/// A webhook as it was sent. What the document does not have is refused, and what it must have is
/// missed, as the product would say it.
[[nodiscard]] tl::expected<StoredWebhook, Answer> read_document(bitbucket::Source product,
                                                                std::string_view body);

}  // namespace receiver::test
