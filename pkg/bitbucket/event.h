#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

/// The webhook events of Bitbucket Cloud and Data Center, reduced to what a receiver needs. Bodies
/// are untrusted: a field of an unexpected type counts as absent, and memory is proportional to
/// what is kept.
namespace receiver::bitbucket {

inline constexpr std::string_view kEventHeader = "X-Event-Key";
/// Data Center's "Test connection": unsigned, with any body or none.
inline constexpr std::string_view kPingEvent = "diagnostics:ping";

enum class Source : std::uint8_t { kCloud, kDataCenter };
enum class Action : std::uint8_t { kRefreshWarehouses, kRefreshPromotions };

struct EventKind {
  Source source = Source::kCloud;
  Action action = Action::kRefreshWarehouses;

  friend bool operator==(const EventKind&, const EventKind&) = default;
};

struct Event {
  std::string_view key;
  EventKind kind;
};

/// All events that cause an action.
inline constexpr std::array kEvents{
    Event{"repo:push", {Source::kCloud, Action::kRefreshWarehouses}},
    Event{"repo:refs_changed", {Source::kDataCenter, Action::kRefreshWarehouses}},
    Event{"pullrequest:fulfilled", {Source::kCloud, Action::kRefreshPromotions}},
    Event{"pullrequest:rejected", {Source::kCloud, Action::kRefreshPromotions}},
    Event{"pr:merged", {Source::kDataCenter, Action::kRefreshPromotions}},
    Event{"pr:declined", {Source::kDataCenter, Action::kRefreshPromotions}},
    Event{"pr:deleted", {Source::kDataCenter, Action::kRefreshPromotions}},
};

/// `cloud` or `data_center`, for logs and metrics.
[[nodiscard]] std::string_view source_name(Source source);

/// The kind of the event with this X-Event-Key; nothing if the event causes no action.
[[nodiscard]] std::optional<EventKind> event_kind(std::string_view key);

/// More refs than this count as unknown; more URLs are ignored.
inline constexpr std::size_t kMaxRefs = 1000;
inline constexpr std::size_t kMaxUrls = 16;

/// Branches or tags that moved.
struct Push {
  /// All URLs of the repository in the payload, as written. May be empty.
  std::vector<std::string> repository_urls;
  /// Full names, such as `refs/heads/main`. Empty: unknown which ones moved.
  std::vector<std::string> refs;
};

/// A pull request that ended.
struct PullRequest {
  /// All URLs of the pull request in the payload, as written. May be empty.
  std::vector<std::string> urls;
};

using Payload = std::variant<Push, PullRequest>;

/// Parses a delivery's body: a Push for kRefreshWarehouses, a PullRequest for kRefreshPromotions.
/// Fails only if the body is not a JSON object; the error says what is wrong and where.
[[nodiscard]] tl::expected<Payload, std::string> parse_payload(EventKind kind,
                                                               std::string_view body);

/// A key that is equal for all URLs of one pull request: scheme and host in any letter case, with
/// or without a final slash, at any of its tabs (`/overview`, `/diff`, `/commits`). Empty for the
/// empty URL: it matches nothing.
[[nodiscard]] std::string pull_request_identity(std::string_view url);

}  // namespace receiver::bitbucket
