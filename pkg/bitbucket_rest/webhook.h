#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bitbucket/event.h"
#include "crypto/crypto.h"

/// What is to become of a repository's webhooks so that a receiver hears of its pushes. Pure.
namespace receiver::bitbucket_rest {

/// A webhook as Bitbucket lists it.
struct Webhook {
  std::string id;
  std::string title;
  std::string url;
  std::vector<std::string> events;
  bool active = true;
  /// Of the receiver's TLS certificate. Not ours to decide: it is kept as it is.
  bool verifies_certificate = true;
  /// Nothing: Bitbucket does not tell (Cloud never does). Empty: it has none.
  std::optional<crypto::SecretString> secret{};
};

/// The webhook of one receiver as it should be.
struct WantedWebhook {
  std::string title;  ///< `webhook_title()`
  std::string url;
  crypto::SecretString secret;
  /// The URL that `secret.previous` leads to, if there is one.
  std::optional<std::string> former_url{};
  bool pull_requests = false;
};

/// `Kargo PROJECT/RECEIVER`; `Kargo RECEIVER` for a receiver of the ClusterConfig.
[[nodiscard]] std::string webhook_title(std::string_view project, std::string_view receiver);

/// The events that the receiver acts on. Of those that a webhook has already, the ones for pull
/// requests stay: whoever asked for them may do so again.
[[nodiscard]] std::vector<std::string> wanted_events(bitbucket::Source product, bool pull_requests,
                                                     const std::vector<std::string>& existing);

enum class Action : std::uint8_t { kNone, kCreate, kUpdate };

/// One line of a difference. `from` is empty where nothing was. URLs are in full: mask them where
/// they are shown. Bitbucket's other texts are as masked_text() shows them.
struct Difference {
  std::string_view field;
  std::string from;
  std::string to;
  friend bool operator==(const Difference&, const Difference&) = default;
};

struct Plan {
  Action action = Action::kNone;
  Webhook webhook;  ///< as it is to be written, or as it is; without an id if it is to be created
  std::vector<Difference> differences;
  std::vector<std::string> notes;  ///< what else there is to say, fit for people
};

/// The receiver's own webhook is the one at its path, else at its former path, whatever the host,
/// since the base URL may have moved; else the one of its title that leads to its host: elsewhere
/// may be another cluster's receiver of the same name. It is written if anything of it differs, or
/// if `always`: a secret that was changed by hand cannot be seen in Cloud.
[[nodiscard]] Plan plan_webhook(bitbucket::Source product, const std::vector<Webhook>& existing,
                                const WantedWebhook& wanted, bool always);

/// A receiver's URL up to the first digits of its last part; of any other URL no more than its
/// host: fit for people.
[[nodiscard]] std::string masked_url(std::string_view url);

/// Server text that may repeat what was sent: the secret and long runs of hex digits are replaced,
/// the rest is as log::printable() shows it, and it is cut to a bounded length.
[[nodiscard]] std::string masked_text(std::string_view text, std::string_view secret);

}  // namespace receiver::bitbucket_rest
