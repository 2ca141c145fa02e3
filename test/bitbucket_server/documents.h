#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>
#include <tl/expected.hpp>

#include "bitbucket/event.h"

/// The JSON of both products' webhooks, and their validation errors.
namespace receiver::test {

struct StoredWebhook {
  std::string id{};  ///< set by the server
  std::string title;
  std::string url;
  std::vector<std::string> events;
  bool active = true;
  std::string secret{};
  bool verifies_certificate = true;
  bool of_project = false;  ///< inherited from the project or workspace
  /// Data Center, members as JSON: a PUT drops them unless it contains them, too.
  std::string credentials{};
  std::map<std::string, std::string> configuration{};

  friend bool operator==(const StoredWebhook&, const StoredWebhook&) = default;
};

/// An answer as it goes out.
struct Answer {
  unsigned status = 200;
  std::string body{};
  std::string retry_after{};
  std::string location{};
  std::string content_type = "application/json";
  std::chrono::milliseconds after{0};  ///< it is sent this long after the request arrived
  bool near_limit = false;             ///< Cloud: most of the hour's requests are used up
};

/// `{"type": "error", …}` or `{"errors": […]}`.
[[nodiscard]] Answer failure(bitbucket::Source product, unsigned status, std::string_view message,
                             std::string_view exception = {}, std::string_view field = {});

/// The webhook in a list: Cloud never shows a secret, Data Center always does.
[[nodiscard]] std::string document_of(bitbucket::Source product, const StoredWebhook& webhook);

/// Parses a webhook. Unknown members are rejected, and missing ones reported, with the product's
/// errors. `before` is the one that it replaces; Cloud keeps its secret unless another is sent.
[[nodiscard]] tl::expected<StoredWebhook, Answer> read_document(
    bitbucket::Source product, std::string_view body, const StoredWebhook* before = nullptr);

}  // namespace receiver::test
