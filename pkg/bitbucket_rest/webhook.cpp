#include "bitbucket_rest/webhook.h"

#include <algorithm>

#include <fmt/format.h>

#include "git/url.h"
#include "log/printable.h"
#include "text/ascii.h"

namespace receiver::bitbucket_rest {
namespace {

constexpr std::size_t kPathDigits = 64;  // of a receiver's path
constexpr std::size_t kDigitsShown = 8;
constexpr std::size_t kMarkDigits = 12;
constexpr std::size_t kMaxNameInTitle = 80;  // titles have 255 characters at most
constexpr std::size_t kMaxTextBytes = 500;

}  // namespace

std::string webhook_name(std::string_view project, std::string_view receiver) {
  receiver = receiver.substr(0, kMaxNameInTitle);
  return project.empty() ? fmt::format("Kargo {}", receiver)
                         : fmt::format("Kargo {}/{}", project, receiver);
}

std::string webhook_mark(std::string_view owner_uid, std::string_view receiver) {
  return fmt::format("[{}/{}]",
                     crypto::sha256_hex({owner_uid, "/", receiver}).substr(0, kMarkDigits),
                     receiver.substr(0, kMaxNameInTitle));
}

std::string place_of(std::string_view url) {
  auto parsed = git::Url::parse(url);
  if (!parsed) return std::string(url);
  parsed->scheme = text::ascii_lower(parsed->scheme);
  parsed->host = text::ascii_lower(parsed->host);
  const std::string_view port = parsed->scheme == "https" ? ":443" : ":80";
  if (parsed->host.ends_with(port)) parsed->host.erase(parsed->host.size() - port.size());
  return parsed->to_string();
}

std::string_view receivers_folder(std::string_view path) {
  if (path.size() < kPathDigits) return {};
  const std::string_view digits = path.substr(path.size() - kPathDigits);
  const std::string_view folder = path.substr(0, path.size() - kPathDigits);
  return folder.ends_with("/bitbucket/") && std::ranges::all_of(digits, text::is_hex_digit)
             ? folder
             : std::string_view();
}

std::string masked_url(std::string_view url) {
  const auto parsed = git::Url::parse(url);
  if (!parsed || parsed->host.empty()) return "…";
  const std::string_view folder = receivers_folder(parsed->path);
  const std::string_view digits = std::string_view(parsed->path).substr(folder.size());
  return fmt::format(
      "{}://{}{}…", parsed->scheme, masked_text(parsed->host, ""),
      folder.empty() ? "/" : fmt::format("{}{}", folder, digits.substr(0, kDigitsShown)));
}

std::string masked_text(std::string_view text, std::string_view secret) {
  std::string masked;
  while (!text.empty()) {
    if (masked.size() >= kMaxTextBytes) return masked + "…";
    if (!secret.empty() && text.starts_with(secret)) {
      masked += "…";
      text.remove_prefix(secret.size());
      continue;
    }
    const auto digits =
        static_cast<std::size_t>(std::ranges::find_if_not(text, text::is_hex_digit) - text.begin());
    if (digits >= kPathDigits / 2) {
      masked += text.substr(0, kDigitsShown);
      masked += "…";
      text.remove_prefix(digits);
      continue;
    }
    text.remove_prefix(log::append_printable(masked, text));
  }
  return masked;
}

}  // namespace receiver::bitbucket_rest
