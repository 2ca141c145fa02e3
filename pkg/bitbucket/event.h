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

/// The webhook events of Bitbucket Cloud and Data Center, reduced to what a receiver acts on.
/// Bodies are untrusted: a field of another type than expected counts as absent, and memory stays
/// in proportion to what is kept.
namespace receiver::bitbucket {

inline constexpr std::string_view kEventHeader = "X-Event-Key";
/// Data Center's "Test connection": sent unsigned, with any body or none.
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

/// All that call for an action.
inline constexpr std::array kEvents{
    Event{"repo:push", {Source::kCloud, Action::kRefreshWarehouses}},
    Event{"repo:refs_changed", {Source::kDataCenter, Action::kRefreshWarehouses}},
    Event{"pullrequest:fulfilled", {Source::kCloud, Action::kRefreshPromotions}},
    Event{"pullrequest:rejected", {Source::kCloud, Action::kRefreshPromotions}},
    Event{"pr:merged", {Source::kDataCenter, Action::kRefreshPromotions}},
    Event{"pr:declined", {Source::kDataCenter, Action::kRefreshPromotions}},
    Event{"pr:deleted", {Source::kDataCenter, Action::kRefreshPromotions}},
};

/// `cloud` or `data_center`, in logs and metrics.
[[nodiscard]] std::string_view source_name(Source source);

/// The kind of the event with this X-Event-Key; nothing if it is one that calls for no action.
[[nodiscard]] std::optional<EventKind> event_kind(std::string_view key);

/// More refs than this count as too many to list; more URLs are left out.
inline constexpr std::size_t kMaxRefs = 1000;
inline constexpr std::size_t kMaxUrls = 16;

/// Commits or tags have moved.
struct Push {
  /// Every URL that the payload gives for the repository, as written. May be empty.
  std::vector<std::string> repository_urls;
  /// Full names, `refs/heads/main`. Empty: which ones moved is not known.
  std::vector<std::string> refs;
};

/// A pull request came to its end.
struct PullRequest {
  /// Every URL that the payload gives for the pull request, as written. May be empty.
  std::vector<std::string> urls;
};

using Payload = std::variant<Push, PullRequest>;

/// Reads a delivery's body: a Push for kRefreshWarehouses, a PullRequest for kRefreshPromotions.
/// The only error is a body that is not a JSON object; it says what is wrong and where.
[[nodiscard]] tl::expected<Payload, std::string> parse_payload(EventKind kind,
                                                               std::string_view body);

/// A key that is equal for all URLs of one pull request: scheme and host in any letter case, with
/// or without a final slash, at one of its tabs (`/overview`, `/diff`, `/commits`). Empty for the
/// empty URL: matches nothing.
[[nodiscard]] std::string pull_request_identity(std::string_view url);

}  // namespace receiver::bitbucket
