#include "controllers/derive.h"

#include <algorithm>

#include <fmt/format.h>

#include "crypto/crypto.h"
#include "kube/resource.h"
#include "text/ascii.h"
#include "text/unicode.h"

namespace receiver::controllers {
namespace {

constexpr std::size_t kShortSecret = 16;

/// Cleans a path as Go's path.Clean does for a rooted path; "" for the root. Kargo keeps a doubled
/// slash at the very beginning.
std::string clean_path(std::string_view path) {
  const bool doubled = path.starts_with("//");
  std::vector<std::string_view> kept;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      kept.push_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string cleaned = doubled && !kept.empty() ? "/" : "";
  for (std::string_view segment : kept) cleaned.append("/").append(segment);
  return cleaned;
}

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";

/// UTF-16 with a byte order mark, or with a NUL in every character, as in Western text.
bool is_utf16(std::string_view value) {
  if (value.starts_with("\xFF\xFE") || value.starts_with("\xFE\xFF")) return true;
  const auto all_nul = [&](std::size_t at) {
    for (; at < value.size(); at += 2) {
      if (value[at] != '\0') return false;
    }
    return true;
  };
  return !value.empty() && value.size() % 2 == 0 && (all_nul(0) || all_nul(1));
}

/// UTF-8 without control characters: what a form accepts.
bool is_line_of_text(std::string_view value) {
  while (!value.empty()) {
    const auto [character, bytes] = text::first_code_point(value);
    if (bytes == 0 || character < 0x20 || (character >= 0x7F && character < 0xA0)) return false;
    value.remove_prefix(bytes);
  }
  return true;
}

/// What is wrong with the value of key "secret", and what to do; nothing if it is fine.
std::vector<std::string> weaknesses(std::string_view value) {
  constexpr const char* kPartOfKey = "which is part of the key that Bitbucket must sign with";
  if (is_utf16(value)) {
    return {
        "is UTF-16, which cannot be entered in Bitbucket; store it as UTF-8, without a byte "
        "order mark"};
  }
  std::vector<std::string> found;
  if (value.starts_with(kByteOrderMark)) {
    found.push_back(fmt::format(
        "begins with a byte order mark, {}; store it without one (printf %s)", kPartOfKey));
    value.remove_prefix(kByteOrderMark.size());
  }
  const std::size_t begin = std::min(value.find_first_not_of(kWhiteSpace), value.size());
  const std::size_t end = value.find_last_not_of(kWhiteSpace) + 1;
  if (begin > 0) {
    found.push_back(
        fmt::format("begins with white space, {}; store it without any (printf %s)", kPartOfKey));
  }
  if (end < value.size()) {
    const bool newline = value.back() == '\n' || value.back() == '\r';
    found.push_back(fmt::format("ends in {}, {}; store it without {} (echo -n, printf %s)",
                                newline ? "a newline" : "white space", kPartOfKey,
                                newline ? "one" : "any"));
  }
  const std::string_view inner = begin < end ? value.substr(begin, end - begin) : "";
  if (inner.find('\0') != std::string_view::npos) {
    found.emplace_back(
        "contains a NUL byte, which cannot be entered in Bitbucket; store a value of letters and "
        "digits");
  } else if (!is_line_of_text(inner)) {
    found.emplace_back(
        "contains control characters or bytes that are not UTF-8, which cannot be entered in "
        "Bitbucket; store a value of letters and digits");
  }
  return found;
}

void advise_on_value(const api::Receiver& receiver, std::string_view value,
                     std::vector<ReceiverAdvice>& advice) {
  std::vector<std::string> found = weaknesses(value);
  if (value.size() < kShortSecret) {
    found.push_back(fmt::format("is shorter than {} bytes; use a longer random one", kShortSecret));
  }
  for (const std::string& weakness : found) {
    advice.push_back(
        {receiver.name, "WeakSecret", true,
         fmt::format("Secret {}: the value of key \"secret\" {}", receiver.secret_name, weakness)});
  }
}

/// For a Secret that works.
std::string advice_unwatched(const api::Receiver& receiver, const SecretState& state) {
  if (state.why.empty()) {
    return fmt::format(
        "Secret {} lacks the label kargo.akuity.io/cred-type: generic; it works, but its changes "
        "are noticed only every five minutes: add the label",
        receiver.secret_name);
  }
  return fmt::format(
      "Secret {} works, but its changes are noticed only every five minutes, because the Secrets "
      "of its namespace cannot be watched: {}",
      receiver.secret_name, state.why);
}

/// The failure of a Secret whose current value cannot be used; nothing if it can.
std::optional<ReceiverFailure> check_secret(const api::Receiver& receiver,
                                            const SecretState& state) {
  const auto invalid = [&](std::string message) {
    return ReceiverFailure{receiver.name, "SecretInvalid", std::move(message)};
  };
  if (receiver.secret_name.empty()) {
    return invalid("bitbucket.secretRef.name is empty; name a Secret");
  }
  if (!kube::is_subdomain(receiver.secret_name)) {
    return invalid(
        "bitbucket.secretRef.name is not a valid name of a Secret (lower case letters, digits, "
        "hyphens and dots); correct it");
  }
  switch (state.known) {
    case SecretState::Known::kNotRead:
      return std::nullopt;
    case SecretState::Known::kUnreadable:
      return invalid(
          fmt::format("cannot read Secret {}: {}; it will be retried: check \"kubectl get "
                      "secrets\" in its namespace",
                      receiver.secret_name, state.why));
    case SecretState::Known::kRefused:
      return invalid(fmt::format("cannot read Secret {}: {}", receiver.secret_name, state.why));
    case SecretState::Known::kMissing:
      return ReceiverFailure{
          receiver.name, "SecretNotFound",
          fmt::format("Secret {} not found{}; create it with a key \"secret\"",
                      receiver.secret_name, state.why.empty() ? "" : " in namespace " + state.why)};
    case SecretState::Known::kPresent:
      break;
  }
  if (!state.secret.value) {
    return invalid(fmt::format("Secret {} has no key \"secret\"; add it", receiver.secret_name));
  }
  if (state.secret.value->empty()) {
    return invalid(fmt::format("Secret {}: the value of key \"secret\" is empty; set one",
                               receiver.secret_name));
  }
  return std::nullopt;
}

/// How to ask the receiver's Bitbucket, or null; the reason is added to the advice.
std::shared_ptr<const BitbucketAccess> derive_access(const api::Receiver& receiver,
                                                     const SecretState& state,
                                                     const BitbucketHosts* hosts,
                                                     DerivedReceivers& derived) {
  const bool present = state.known == SecretState::Known::kPresent;
  const auto& keys = state.secret.bitbucket;
  derived.tokens.push_back({receiver.name, receiver.secret_name,
                            present ? std::optional(keys != nullptr) : std::nullopt});
  if (!keys) return nullptr;
  CheckedAccess checked = check_access(*keys, hosts, receiver.secret_name);
  if (std::ranges::any_of(checked.refusals, &BitbucketRefusal::stops_registration)) {
    derived.cannot_register.push_back(receiver.name);
  }
  for (BitbucketRefusal& refusal : checked.refusals) {
    derived.advice.push_back(
        {receiver.name, std::move(refusal.reason), true, std::move(refusal.message)});
  }
  return std::move(checked.access);
}

}  // namespace

tl::expected<BaseUrl, std::string> parse_base_url(std::string_view text) {
  const auto refuse = [](std::string_view why) {
    return tl::unexpected(
        fmt::format("base URL: {}; expected something like https://hooks.example.com/kargo", why));
  };
  const std::size_t scheme_end = text.find("://");
  const std::string scheme =
      text::ascii_lower(text.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end));
  if (scheme != "http" && scheme != "https") return refuse("must begin with http:// or https://");
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; })) {
    return refuse("must not contain spaces or control characters");
  }
  if (text.find('?') != std::string_view::npos) return refuse("must have no query");
  if (text.find('#') != std::string_view::npos) return refuse("must have no fragment");
  const std::string_view rest = text.substr(scheme_end + 3);
  const std::string_view authority = rest.substr(0, rest.find('/'));
  if (authority.find('@') != std::string_view::npos) return refuse("must have no user info");
  if (authority.empty() || authority.front() == ':') return refuse("must have a host");
  return BaseUrl{fmt::format("{}://{}", scheme, authority),
                 clean_path(rest.substr(authority.size()))};
}

std::string receiver_path(const BaseUrl& base, std::string_view project, std::string_view receiver,
                          std::string_view secret) {
  return base.path + "/bitbucket/" + crypto::sha256_hex({project, receiver, secret});
}

DerivedReceivers derive_receivers(const api::ReceiverOwner& owner, const SecretLookup& secrets,
                                  const BaseUrl& base, const BitbucketHosts* hosts) {
  DerivedReceivers derived;
  for (const api::Receiver& receiver : owner.receivers) {
    if (!receiver.bitbucket) continue;
    const bool named = kube::is_subdomain(receiver.secret_name);
    const SecretState state = named ? secrets(receiver.secret_name) : SecretState{};
    const auto bitbucket = derive_access(receiver, state, hosts, derived);
    if (named && state.known == SecretState::Known::kNotRead) {
      derived.unread = derived.incomplete = true;
      continue;
    }
    if (state.known == SecretState::Known::kUnreadable) derived.incomplete = true;
    if (auto failure = check_secret(receiver, state)) {
      derived.failures.push_back(std::move(*failure));
    } else {
      const std::string_view value = state.secret.value->view();
      std::string path = receiver_path(base, owner.project(), receiver.name, value);
      derived.routes.push_back({path, owner.project(), receiver.name, *state.secret.value, false,
                                bitbucket, state.watched});
      derived.published.push_back({receiver.name, path, base.origin + path});
      advise_on_value(receiver, value, derived.advice);
    }
    if (!state.watched) {
      derived.advice.push_back(
          {receiver.name, "SecretInvalid", true, advice_unwatched(receiver, state)});
    }
    if (!state.secret.previous) continue;
    if (state.secret.previous->empty()) {
      derived.advice.push_back(
          {receiver.name, "SecretInvalid", true,
           fmt::format(
               "Secret {}: the value of key \"secret.previous\" is empty and ignored; remove it",
               receiver.secret_name)});
      continue;
    }
    derived.routes.push_back(
        {receiver_path(base, owner.project(), receiver.name, state.secret.previous->view()),
         owner.project(), receiver.name, *state.secret.previous, true, bitbucket, state.watched});
    derived.advice.push_back(
        {receiver.name, "PreviousSecretActive", false,
         fmt::format("Secret {}: deliveries signed with \"secret.previous\" are still accepted; "
                     "remove that key once Bitbucket uses the new URL and secret",
                     receiver.secret_name)});
  }
  return derived;
}

}  // namespace receiver::controllers
