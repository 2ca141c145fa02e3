#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/crypto.h"

/// Webhooks as Bitbucket lists them, how a receiver's own are told from others', and what of them
/// is fit for people. Pure.
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
  /// Of the project or workspace, whose repositories inherit it: not to be written here.
  bool inherited = false;
  /// In the order in which they were made.
  std::string made{};
  /// What else a write must repeat, since Data Center drops what is not sent. As JSON: the value of
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

/// The URL in the one spelling of its place: URLs that lead to the same have the same.
[[nodiscard]] std::string place_of(std::string_view url);

/// `…BASEPATH/bitbucket/` of a receiver's path or URL; empty if it is none.
[[nodiscard]] std::string_view receivers_folder(std::string_view path);

/// A receiver's URL up to the first digits of its last part; of any other URL no more than its
/// host: fit for people.
[[nodiscard]] std::string masked_url(std::string_view url);

/// Server text that may repeat what was sent: the secret and long runs of hex digits are replaced,
/// the rest is as log::printable() shows it, and it is cut to a bounded length.
[[nodiscard]] std::string masked_text(std::string_view text, std::string_view secret);

}  // namespace receiver::bitbucket_rest
