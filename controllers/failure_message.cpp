#include "controllers/failure_message.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "text/ascii.h"
#include "text/unicode.h"

namespace receiver::controllers {
namespace {

/// Kargo's prefixes, by kind.
constexpr std::string_view kProjectPrefix = "Failed to sync WebhookReceivers: ";
constexpr std::string_view kClusterPrefix = "Failed to sync webhook receivers: ";
constexpr std::array kPrefixes{kProjectPrefix, kClusterPrefix};
/// Separates another writer's message from our part.
constexpr std::string_view kOursFollows = " | bitbucket: ";
/// Our part: `receiver "NAME": WHY; receiver "NAME": WHY; … and N more`.
constexpr std::string_view kReceiver = "receiver \"";
constexpr std::string_view kNextReceiver = "; receiver \"";
/// How Kargo's texts and ours name a receiver.
constexpr std::string_view kNamed = "eceiver \"";

/// Quotes as Go's %q does, for characters that a receiver's name may contain; without the opening
/// quote.
std::string rest_of_quoted(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text += '"';
}

/// The name at the beginning of the text, up to its closing quote.
std::string unquoted(std::string_view text) {
  std::string name;
  for (std::size_t at = 0; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    name += text[at];
  }
  return name;
}

std::string failure_text(const ReceiverFailure& failure) {
  constexpr std::string_view kCut = "…";
  std::string text =
      fmt::format("{}{}: {}", kReceiver, rest_of_quoted(failure.receiver), failure.message);
  if (text.size() <= kMaxFailureBytes) return text;
  return std::string(text::cut(text, kMaxFailureBytes - kCut.size())).append(kCut);
}

/// Whether the text contains the name, and not as part of a longer one.
bool mentions(std::string_view text, std::string_view name) {
  const auto continues = [](char c) { return text::is_alphanumeric(c) || c == '-'; };
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    const bool begins = at == 0 || !continues(text[at - 1]);
    if (begins && (end == text.size() || !continues(text[end]))) return true;
  }
  return false;
}

/// Our part of the message, from its first receiver's name on; empty if there is none.
std::string_view our_part(std::string_view message, std::size_t ours_follow) {
  if (ours_follow != std::string_view::npos) {
    message.remove_prefix(ours_follow + kOursFollows.size());
  } else {
    const auto* const prefix =
        std::ranges::find_if(kPrefixes, [&](auto text) { return message.starts_with(text); });
    if (prefix == kPrefixes.end()) return {};
    message.remove_prefix(prefix->size());
  }
  if (!message.starts_with(kReceiver)) return {};
  return message.substr(kReceiver.size());
}

}  // namespace

std::string compose_failure(api::OwnerKind kind, std::string_view others,
                            const std::vector<ReceiverFailure>& failures) {
  std::string message(!others.empty()                          ? others
                      : kind == api::OwnerKind::kProjectConfig ? kProjectPrefix
                                                               : kClusterPrefix);
  const std::string kept = message;
  if (!others.empty() && !failures.empty()) message += kOursFollows;
  const auto more = [](std::size_t count) { return fmt::format("… and {} more", count); };
  for (std::size_t index = 0; index < failures.size(); ++index) {
    const std::size_t left = failures.size() - index - 1;
    const std::string next = (index == 0 ? "" : "; ") + failure_text(failures[index]);
    const std::size_t end = left == 0 ? 0 : 2 + more(left).size();
    if (message.size() + next.size() + end > kMaxMessageBytes) {
      if (index == 0) return kept;
      return message + "; " + more(left + 1);
    }
    message += next;
  }
  return message;
}

FailureMessage parse_failure(std::string_view message) {
  FailureMessage parsed;
  const std::size_t ours_follow = message.find(kOursFollows);
  std::string_view ours = our_part(message, ours_follow);
  if (ours_follow != std::string_view::npos || ours.empty()) {
    parsed.others = message.substr(0, ours_follow);
  }
  while (!ours.empty()) {
    parsed.receivers.push_back(unquoted(ours));
    const std::size_t next = ours.find(kNextReceiver);
    ours = next == std::string_view::npos ? std::string_view{}
                                          : ours.substr(next + kNextReceiver.size());
  }
  return parsed;
}

std::string failure_of(std::string_view message, std::string_view receiver) {
  const std::string named = rest_of_quoted(receiver) + ": ";
  std::string_view ours = our_part(message, message.find(kOursFollows));
  while (!ours.empty()) {
    const std::size_t end = std::min(ours.find(kNextReceiver), ours.size());
    if (ours.starts_with(named)) return std::string(ours.substr(0, end).substr(named.size()));
    ours.remove_prefix(std::min(end + kNextReceiver.size(), ours.size()));
  }
  return {};
}

bool names_receiver(std::string_view message, std::string_view receiver) {
  if (message.find(kNamed) == std::string_view::npos) return mentions(message, receiver);
  return message.find(std::string(kNamed) + rest_of_quoted(receiver)) != std::string_view::npos;
}

}  // namespace receiver::controllers
