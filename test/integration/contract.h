#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/support/delivery.h"

/// The contract of the webhook port as tables: request, answer, refreshes.
namespace receiver::test {

/// Warehouses and Promotions of the fixture; those of other projects as `other/NAME`.
using Names = std::set<std::string>;

/// Splits at spaces: `names("one two")`.
[[nodiscard]] Names names(std::string_view text);
[[nodiscard]] Names operator+(Names left, const Names& right);
[[nodiscard]] Names operator-(Names left, const Names& right);

/// The fixture's receivers, as targets of requests.
enum class At {
  kReceiver,         ///< used by most cases; its secret is kSecret
  kRotated,          ///< its Secret contains kSecret and, as secret.previous, kPreviousSecret
  kRotatedPrevious,  ///< the path of the same, derived from the previous secret
  kShared,           ///< one path for receivers in two projects with the same secret
  kClusterConfig,    ///< serves every namespace
  kNowhere,          ///< a path that no receiver has
  kHealth,           ///< /healthz
  kRoot,             ///< /
};
inline constexpr const char* kPreviousSecret = "the-secret-of-the-contract-before";

struct SentRequest {
  std::string method = "POST";
  At at = At::kReceiver;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  enum class Framing {
    kLength,
    kChunked,    ///< in pieces of a few bytes
    kAnnounced,  ///< a Content-Length, and no byte of the body
    kNone,       ///< neither length nor body
  } framing = Framing::kLength;

  std::string origin{};  ///< before the path: the target is in absolute form
  std::string query{};   ///< after the path

  [[nodiscard]] SentRequest with(std::string name, std::string value) &&;
  [[nodiscard]] SentRequest without(std::string_view name) &&;
  [[nodiscard]] SentRequest to(At place) &&;
  [[nodiscard]] SentRequest framed(Framing by) &&;
  [[nodiscard]] SentRequest by_origin(std::string scheme_and_host) &&;
  [[nodiscard]] SentRequest asking(std::string text) &&;
};

/// As Bitbucket sends it; if `event` is empty, without X-Event-Key.
[[nodiscard]] SentRequest unsigned_delivery(const std::string& event, const std::string& body);
[[nodiscard]] SentRequest signed_delivery(const std::string& event, const std::string& body,
                                          const std::string& secret = kSecret);
/// A signed file of test/testdata/bitbucket.
[[nodiscard]] SentRequest recorded_delivery(const std::string& event, const std::string& file);

/// The usual body with one part replaced by `part`.
struct Oddity {
  const char* name;
  const char* part;
};

struct Case {
  std::string name;
  SentRequest sent;
  std::string answer;    ///< status and body
  Names refreshed{};     ///< these and no others
  std::string header{};  ///< a line that the answer must contain
  bool closes = false;   ///< the connection ends after the answer
};

[[nodiscard]] std::string refreshed_warehouses(std::size_t count);
[[nodiscard]] std::string refreshed_promotions(std::size_t count);

// contract_pushes.cpp. The fixture's Warehouses are those of `kCloudWarehouses` and
// `kDataCenterWarehouses`.
struct Subscription {
  const char* warehouse;
  const char* repository;
  const char* git;  ///< further members of the subscription
};
extern const std::vector<Subscription> kCloudWarehouses, kDataCenterWarehouses;
[[nodiscard]] std::vector<Case> cloud_pushes();
[[nodiscard]] std::vector<Case> data_center_pushes();

// contract_pull_requests.cpp
struct Waiting {
  const char* promotion;
  const char* steps;
  const char* status;
};
extern const std::vector<Waiting> kPromotions;
[[nodiscard]] std::vector<Case> pull_requests();

// contract_requests.cpp
[[nodiscard]] std::vector<Case> signatures();
[[nodiscard]] std::vector<Case> framings();
[[nodiscard]] std::vector<Case> receivers();
[[nodiscard]] std::vector<Case> refusals();

}  // namespace receiver::test
