#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/crypto.h"

/// Webhooks as Bitbucket lists them, how to recognize a receiver's own, and their texts for people.
/// Pure.
namespace receiver::bitbucket_rest {

/// A webhook as Bitbucket lists it.
struct Webhook {
  std::string id;
  std::string title;
  std::string url;
  std::vector<std::string> events;
  bool active = true;
  /// Whether Bitbucket verifies the receiver's TLS certificate. This setting is kept as it is.
  bool verifies_certificate = true;
  /// Nothing: Bitbucket does not show it (Cloud never does). Empty: it has none.
  std::optional<crypto::SecretString> secret{};
  /// It belongs to the project or workspace, whose repositories inherit it: do not write it.
  bool inherited = false;
  /// Orders webhooks by creation.
  std::string made{};
  /// Members that a write must repeat, because Data Center drops absent ones. As JSON: the value of
  /// `credentials`, and members of `configuration`, each after a comma.
  crypto::SecretString credentials{};
  crypto::SecretString configuration{};
};

/// `Kargo PROJECT/RECEIVER`; `Kargo RECEIVER` for a receiver of the ClusterConfig.
[[nodiscard]] std::string webhook_name(std::string_view project, std::string_view receiver);

/// `[HASH/RECEIVER]`: a webhook that has this in its title is that receiver's, wherever it leads;
/// HASH is of the receiver and its owner's metadata.uid, which no other cluster has. Fits into a
/// title together with the name.
[[nodiscard]] std::string webhook_mark(std::string_view owner_uid, std::string_view receiver);

/// The canonical URL: URLs that lead to the same place have the same.
[[nodiscard]] std::string place_of(std::string_view url);

/// `…BASEPATH/bitbucket/` of a receiver's path or URL; empty for other URLs.
[[nodiscard]] std::string_view receivers_folder(std::string_view path);

/// A URL for people: a receiver's URL up to the first digits of its last part; of any other URL
/// only the host.
[[nodiscard]] std::string masked_url(std::string_view url);

/// Server text that may repeat what was sent: the secret and long runs of hex digits are replaced,
/// the rest is as log::printable() shows it, and it is cut to a bounded length.
[[nodiscard]] std::string masked_text(std::string_view text, std::string_view secret);

}  // namespace receiver::bitbucket_rest
