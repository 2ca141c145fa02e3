#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bitbucket/event.h"
#include "bitbucket_rest/webhook.h"

/// Plans changes to a repository's webhooks so that a receiver gets its pushes. The operator and
/// receiverctl share these rules. Pure.
///
/// A webhook is ours if it has exactly the receiver's URL or its former one, or the receiver's mark
/// in the title; all others belong to somebody else. One of ours is kept correct. Events, title and
/// settings that people added to it stay, and it stays off if somebody switched it off.
namespace receiver::bitbucket_rest {

/// The webhook of one receiver as it should be.
struct WantedWebhook {
  std::string name;  ///< webhook_name()
  std::string mark;  ///< webhook_mark()
  std::string url;
  crypto::SecretString secret;
  /// The URL that `secret.previous` leads to, if there is one.
  std::optional<std::string> former_url{};
  bool pull_requests = false;
};

/// Which of ours may be moved to the receiver's URL.
enum class Moves : std::uint8_t {
  kNone,      ///< none yet: not every replica may know the URL
  kRotation,  ///< those at the former URL, and marked ones that lead to the same base URL
  kAll,
};

enum class Action : std::uint8_t {
  kNone,
  kCreate,
  kUpdate,
  kDelete,    ///< duplicates only
  kPostpone,  ///< it must be moved, but not yet
  kSkip,      ///< it is wrong, and only a person may change it
};

/// One line of a difference. `from` is empty if there was no value. URLs are complete: mask them
/// before showing them. Bitbucket's other texts are as masked_text() shows them.
struct Difference {
  std::string_view field;
  std::string from;
  std::string to;
  friend bool operator==(const Difference&, const Difference&) = default;
};

struct Plan {
  Action action = Action::kNone;
  Webhook webhook;  ///< as to be written, or as it is; without an id if it must be created
  std::vector<Difference> differences;
  std::string reason;                ///< of kPostpone and kSkip, fit for people
  std::vector<std::string> surplus;  ///< ids to delete once the webhook is correct
  std::vector<std::string> notes;    ///< other messages for people
};

/// Whether the title contains the receiver's mark.
[[nodiscard]] bool is_marked(const Webhook& webhook, const WantedWebhook& wanted);

/// The fields of the differences, separated by commas.
[[nodiscard]] std::string fields_of(const Plan& plan);

/// At most this many duplicates are deleted by one plan; the next one continues.
inline constexpr std::size_t kMaxSurplus = 10;

/// The events of `existing`, and those that the receiver acts on.
[[nodiscard]] std::vector<std::string> wanted_events(bitbucket::Source product, bool pull_requests,
                                                     std::vector<std::string> existing);

/// `existing`: the repository's webhooks; `inherited`: those of its project or workspace, as far as
/// they are known, which some versions of Data Center list with the repository's, too. One that is
/// inherited stands for the receiver's own only if its deliveries would do: at the URL, with all
/// events, and by the secret, if that is shown. With `always` it is written even if nothing
/// differs: a secret that was changed by hand cannot be seen in Cloud.
[[nodiscard]] Plan plan_webhook(bitbucket::Source product, const std::vector<Webhook>& existing,
                                const WantedWebhook& wanted, Moves moves, bool always,
                                const std::vector<Webhook>& inherited = {});

/// Which of ours to delete if the receiver should have none; with `stale_only` only those that no
/// receiver serves any more: their URLs were derived from an earlier secret.
[[nodiscard]] std::vector<Webhook> webhooks_to_delete(const std::vector<Webhook>& existing,
                                                      const WantedWebhook& wanted, bool stale_only);

}  // namespace receiver::bitbucket_rest
