#include "controllers/bitbucket_access.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "bitbucket_rest/authorization.h"
#include "crypto/pem.h"
#include "git/url.h"
#include "text/ascii.h"
#include "text/percent.h"

namespace receiver::controllers {
namespace {

using bitbucket::Source;

constexpr std::string_view kCloudHost = "api.bitbucket.org";
/// People use the address of Cloud's web pages.
constexpr std::string_view kCloudPage = "bitbucket.org";
constexpr std::string_view kHttpsPort = ":443";
/// A DNS name with its port.
constexpr std::size_t kMaxHostBytes = 253 + 6;

std::string without_https_port(std::string_view host) {
  std::string name = text::ascii_lower(host);
  if (name.ends_with(kHttpsPort)) name.resize(name.size() - kHttpsPort.size());
  return name;
}

/// Accepts `https://HOST[:PORT][/CONTEXT]` without anything else; nothing for any other text.
std::optional<git::Url> parse_https(std::string_view text) {
  auto url = git::Url::parse(text);
  const auto in_host = [](char c) {
    return text::is_unreserved(c) || c == ':' || c == '[' || c == ']';
  };
  const auto in_path = [](char c) { return text::is_unreserved(c) || c == '/'; };
  if (!url || url->scheme != "https" || url->host.starts_with(':') || url->host.empty() ||
      url->host.ends_with(':') || url->host.size() > kMaxHostBytes || url->user || url->raw_query ||
      text.find('#') != std::string_view::npos || !std::ranges::all_of(url->host, in_host) ||
      !std::ranges::all_of(url->path, in_path)) {
    return std::nullopt;
  }
  url->host = without_https_port(url->host);
  return url;
}

/// At least one certificate, and no damaged one.
bool is_pem(std::string_view text) {
  const crypto::BioPtr in = crypto::pem_text(text);
  const bool any = in && crypto::next_certificate(in.get()) != nullptr;
  (void)crypto::openssl_reason();  // clears the error
  return any;
}

}  // namespace

std::optional<BitbucketHosts> BitbucketHosts::parse(std::string_view text) {
  BitbucketHosts hosts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(", \t\r\n"), text.size());
    const std::string_view entry = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (entry.empty()) continue;
    const auto url = parse_https(fmt::format("https://{}", entry));
    if (!url || !url->path.empty()) return std::nullopt;
    hosts.hosts_.insert(url->host);
  }
  return hosts;
}

bool BitbucketHosts::allow(std::string_view host) const {
  const std::string name = without_https_port(host);
  return name == kCloudHost || hosts_.contains(name);
}

std::string BitbucketAccess::digest() const {
  return crypto::sha256_hex({server, "\n", authorization.view(), "\n", ca.view()});
}

std::optional<bitbucket_rest::Repository> BitbucketAccess::repository(std::string_view url) const {
  bitbucket_rest::Servers servers;
  (product == Source::kCloud ? servers.cloud : servers.data_center) = server;
  auto repository = bitbucket_rest::parse_repository(url, servers);
  if (!repository) return std::nullopt;
  return std::move(*repository);
}

namespace {

/// Checks the keys, and adds their errors to the refusals.
class AccessCheck {
 public:
  AccessCheck(const api::BitbucketKeys& keys, const BitbucketHosts* hosts,
              std::string_view secret_name)
      : keys_(keys), hosts_(hosts), secret_name_(secret_name) {}

  CheckedAccess run() && {
    access_.secret_uid = keys_.uid;
    access_.secret_version = keys_.resource_version;
    check_credentials();
    check_wishes();
    check_url();
    const bool asked = hosts_ != nullptr && may_ask_;
    return {asked ? std::make_shared<const BitbucketAccess>(std::move(access_)) : nullptr,
            std::move(refusals_)};
  }

 private:
  void check_credentials() {
    access_.ca = keys_.ca;
    if (!keys_.problem.empty()) {
      invalid(keys_.problem);
      return;
    }
    // Checked as stored: a part that this operator cut off would belong to the token for other
    // readers.
    if (!text::is_one_word(keys_.token.view())) {
      invalid(
          "the value of key \"bitbucket.token\" contains line breaks, blanks or other characters "
          "that no token has; store it without them (echo -n, printf %s)");
    } else if (auto header =
                   bitbucket_rest::authorization(std::string(keys_.username.view()), keys_.token)) {
      access_.authorization = std::move(*header);
    } else {
      invalid(
          fmt::format("key \"bitbucket.username\": {}; store the e-mail address of the "
                      "token's account",
                      header.error()));
    }
    if (!keys_.ca.empty() && !is_pem(keys_.ca.view())) {
      invalid(
          "the value of key \"bitbucket.ca\" is not a PEM certificate; store text that begins with "
          "-----BEGIN CERTIFICATE-----");
    }
  }

  void check_wishes() {
    if (const auto changed_files = wish("bitbucket.changed-files", keys_.changed_files, true)) {
      access_.changed_files = *changed_files;
    } else {
      invalid(changed_files.error());
    }
    if (const auto registers = check_registration()) {
      access_.registers = *registers;
    } else {
      add_refusal("SecretInvalid", registers.error(), "no webhook is registered");
      refusals_.back().stops_registration = asks_for_registration();
    }
  }

  tl::expected<bool, std::string> check_registration() {
    if (!keys_.register_problem.empty()) return tl::unexpected(keys_.register_problem);
    if (keys_.allow) {
      auto allow = bitbucket_rest::AllowList::parse(keys_.allow->view());
      if (!allow) return tl::unexpected(std::move(allow.error()));
      access_.allow = std::move(*allow);
    }
    return wish("bitbucket.register", keys_.registers, false);
  }

  /// In whatever words.
  [[nodiscard]] bool asks_for_registration() const {
    return !keys_.register_problem.empty() ||
           wish("bitbucket.register", keys_.registers, false) != false;
  }

  static tl::expected<bool, std::string> wish(std::string_view key,
                                              const crypto::SecretString& value, bool by_default) {
    const std::string wish = text::ascii_lower(text::trim(value.view()));
    if (wish.empty()) return by_default;
    if (wish == "true" || wish == "false") return wish == "true";
    return tl::unexpected(
        fmt::format("the value of key \"{}\" is neither true nor false; store one of them", key));
  }

  void check_url() {
    access_.server = bitbucket_rest::kCloudApi;
    if (keys_.url.empty()) return;
    const auto url = parse_https(keys_.url.view());
    if (!url) {
      invalid(
          "the value of key \"bitbucket.url\" is not an https URL of a Bitbucket Data Center; "
          "store one like https://HOST/CONTEXT, without user, query and line break, or remove the "
          "key for Bitbucket Cloud");
      return;
    }
    if (url->host == kCloudHost || url->host == kCloudPage) return;
    access_.product = Source::kDataCenter;
    const std::string_view context(url->path);
    access_.server = fmt::format("https://{}{}", url->host,
                                 context.substr(0, context.find_last_not_of('/') + 1));
    if (hosts_ != nullptr && !hosts_->allow(url->host)) {
      refuse(
          "BitbucketHostNotAllowed",
          fmt::format("key \"bitbucket.url\" names the host {}, which the operator's setting "
                      "BITBUCKET_HOSTS does not list; ask the operator's administrator to add it",
                      url->host));
    } else if (!bitbucket_rest::parse_server(access_.server)) {
      // Otherwise every repository would count as one of another server.
      invalid(
          "the value of key \"bitbucket.url\" names an IP address; store the URL with the host's "
          "name");
    }
  }

  void invalid(std::string_view what) { refuse("SecretInvalid", what); }
  void refuse(std::string_view reason, std::string_view what) {
    may_ask_ = false;
    const bool registers = asks_for_registration();
    add_refusal(reason, what,
                registers ? "Bitbucket is not asked which files a push changes, and no webhook is "
                            "registered"
                          : "Bitbucket is not asked which files a push changes");
    refusals_.back().stops_registration = registers;
  }
  void add_refusal(std::string_view reason, std::string_view what, std::string_view consequence) {
    refusals_.push_back({std::string(reason), fmt::format("Secret {}: {}. Until then {}",
                                                          secret_name_, what, consequence)});
  }

  const api::BitbucketKeys& keys_;
  const BitbucketHosts* hosts_;
  const std::string_view secret_name_;
  BitbucketAccess access_;
  bool may_ask_ = true;
  std::vector<BitbucketRefusal> refusals_;
};

}  // namespace

CheckedAccess check_access(const api::BitbucketKeys& keys, const BitbucketHosts* hosts,
                           std::string_view secret_name) {
  return AccessCheck(keys, hosts, secret_name).run();
}

}  // namespace receiver::controllers
