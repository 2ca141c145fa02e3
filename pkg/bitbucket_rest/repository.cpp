#include "bitbucket_rest/repository.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "git/repository.h"
#include "git/url.h"
#include "text/ascii.h"
#include "text/percent.h"

namespace receiver::bitbucket_rest {
namespace {

using bitbucket::Source;

std::string_view without_port(std::string_view host) {
  const std::size_t address = host.starts_with('[') ? host.find(']') : 0;
  return host.substr(0, address == std::string_view::npos ? address : host.find(':', address));
}

bool is_ip_address(std::string_view host) {
  return host.starts_with('[') || std::ranges::all_of(without_port(host), [](char c) {
           return text::is_digit(c) || c == '.';
         });
}

/// Bitbucket's rules for names. Other texts never become part of an API path.
bool is_name(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::ranges::all_of(text, text::is_unreserved);
}

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) segments.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return segments;
}

/// Keys are upper case, except for users' own.
std::string key_of(const std::string& segment) {
  return segment.starts_with('~') ? segment : text::ascii_upper(segment);
}

/// https://HOST[/CONTEXT]/scm/KEY/SLUG, or …/projects/KEY/repos/SLUG[/…], …/users/USER/repos/SLUG.
/// `as_written`: the segments before they were put in lower case. Bitbucket ignores the case of
/// names, but the server of the application that of its context path not.
std::optional<RepositoryUrl> of_data_center_page(const git::Url& url,
                                                 const std::vector<std::string>& segments,
                                                 const std::vector<std::string>& as_written) {
  std::size_t context = 0;  // number of segments of the context path
  RepositoryUrl named{
      .product = Source::kDataCenter, .host = url.host, .server = {}, .owner = {}, .slug = {}};
  if (segments.size() >= 3 && segments[segments.size() - 3] == "scm") {
    context = segments.size() - 3;
    named.owner = key_of(segments[context + 1]);
    named.slug = segments[context + 2];
  } else {
    const auto repos = std::ranges::find(segments, "repos");
    const auto at = static_cast<std::size_t>(repos - segments.begin());
    if (at < 2 || at + 1 >= segments.size()) return std::nullopt;
    context = at - 2;
    const bool personal = segments[context] == "users";
    if (!personal && segments[context] != "projects") return std::nullopt;
    named.owner = personal ? "~" + segments[at - 1] : key_of(segments[at - 1]);
    named.slug = segments[at + 1];
  }
  named.server = url.scheme + "://" + url.host;
  for (std::size_t i = 0; i < context; ++i) {
    const bool same =
        i < as_written.size() && text::ascii_lower(as_written[i]) == text::ascii_lower(segments[i]);
    named.server += '/' + (same ? as_written[i] : segments[i]);
  }
  return named;
}

/// The host of the selected Data Center, without its port; empty if none is selected.
tl::expected<std::string, std::string> named_host(const Servers& servers) {
  if (!servers.data_center) return std::string();
  const auto server = parse_server(*servers.data_center);
  if (!server) return tl::unexpected(server.error());
  return std::string(without_port(git::Url::parse(*server)->host));
}

/// Whether the repository is on the selected Bitbucket, which gets the token; `data_center` is
/// named_host(). Ports are not compared: those of ssh and of plain http are others.
bool is_on_named_server(const RepositoryUrl& named, const std::string& data_center,
                        const Servers& servers) {
  const bool of_cloud = named.product == Source::kCloud;
  if (!data_center.empty()) return !of_cloud && without_port(named.host) == data_center;
  return of_cloud || !servers.cloud;
}

tl::expected<std::string, std::string> server_of(const RepositoryUrl& named,
                                                 const Servers& servers) {
  if (named.product == Source::kCloud) {
    return parse_server(servers.cloud.value_or(std::string(kCloudApi)), Source::kCloud);
  }
  return parse_server(servers.data_center.value_or(named.server));
}

}  // namespace

std::optional<RepositoryUrl> read_repository_url(std::string_view text) {
  const auto url = git::Url::parse(git::normalize(text));
  if (!url || url->host.empty() || url->has_parameters()) return std::nullopt;
  const std::vector<std::string> segments = segments_of(url->path);
  const bool ssh = url->scheme == "ssh";
  if (!ssh && url->scheme != "https" && url->scheme != "http") return std::nullopt;

  std::optional<RepositoryUrl> named;
  const std::string host(without_port(url->host));
  if (host == "bitbucket.org" || (ssh && host == "altssh.bitbucket.org")) {
    if (segments.size() < 2) return std::nullopt;
    named = RepositoryUrl{.host = host, .server = {}, .owner = segments[0], .slug = segments[1]};
  } else if (!ssh) {
    const auto written = git::Url::parse(text);
    named =
        of_data_center_page(*url, segments, segments_of(written ? written->path : std::string()));
  } else if (segments.size() == 2) {
    named = RepositoryUrl{.product = Source::kDataCenter,
                          .host = url->host,
                          .server = "https://" + host,
                          .owner = key_of(segments[0]),
                          .slug = segments[1],
                          .typical = url->host.ends_with(":7999")};
  }
  if (!named || !is_name(named->slug)) return std::nullopt;
  named->ssh = ssh;
  return is_name(named->owner) ? named : std::nullopt;
}

tl::expected<std::string, std::string> parse_server(std::string_view text, Source product) {
  const auto refuse = [&](std::string_view why) {
    return tl::unexpected(fmt::format(
        "{}: {}; name {}", git::redacted(text), why,
        product == Source::kCloud
            ? fmt::format("the address of Bitbucket Cloud's API with --cloud-url, such as {}",
                          kCloudApi)
            : "Bitbucket's address with --bitbucket-url, such as https://HOST/CONTEXT"));
  };
  const auto url = git::Url::parse(text);
  if (!url || url->host.empty() || url->has_parameters() || !url->raw_fragment.empty()) {
    return refuse("not an address of a server");
  }
  if (url->scheme != "https") return refuse("the token is sent over https only");
  if (url->user) return refuse("must not contain a user");
  if (is_ip_address(url->host)) return refuse("a host name is needed, not an IP address");
  std::string server = "https://" + text::ascii_lower(url->host);
  for (const std::string& segment : segments_of(url->path)) server += '/' + segment;
  return server;
}

tl::expected<Repository, std::string> parse_repository(std::string_view url,
                                                       const Servers& servers) {
  const auto named = read_repository_url(url);
  if (!named) {
    return tl::unexpected(fmt::format(
        "{} is not the URL of a Bitbucket repository; expected one like "
        "https://bitbucket.org/WORKSPACE/REPOSITORY or https://HOST/scm/PROJECT/REPOSITORY.git",
        git::redacted(url)));
  }
  const auto data_center = named_host(servers);
  if (!data_center) return tl::unexpected(data_center.error());
  if (!is_on_named_server(*named, *data_center, servers)) {
    return tl::unexpected(fmt::format(
        "{} is not on the Bitbucket that {} names, and the token is sent to no other: leave that "
        "option out, or name the repository by its address there",
        git::redacted(url), servers.data_center ? "--bitbucket-url" : "--cloud-url"));
  }
  auto server = server_of(*named, servers);
  if (!server) return tl::unexpected(std::move(server.error()));
  return Repository{named->product, *server, named->owner, named->slug};
}

tl::expected<Selection, std::string> select_repositories(const std::vector<std::string>& urls,
                                                         const Servers& servers) {
  const auto data_center = named_host(servers);
  if (!data_center) return tl::unexpected(data_center.error());

  Selection selection;
  std::set<std::string> unnamed;  // hosts that look like a Data Center
  bool any_of_cloud = false;
  for (const std::string& url : urls) {
    const auto named = read_repository_url(url);
    const bool of_cloud = named && named->product == Source::kCloud;
    // A Data Center that only a Warehouse names must not get the token.
    const bool is_wanted = named && is_on_named_server(*named, *data_center, servers) &&
                           (of_cloud || servers.data_center);
    if (!is_wanted) {
      selection.skipped.push_back(git::redacted(url));
      if (named && !of_cloud && named->typical) unnamed.emplace(without_port(named->host));
      continue;
    }
    any_of_cloud = any_of_cloud || of_cloud;
    const auto server = server_of(*named, servers);
    if (!server) return tl::unexpected(server.error());
    const Repository repository{named->product, *server, named->owner, named->slug};
    if (std::ranges::find(selection.repositories, repository) == selection.repositories.end()) {
      selection.repositories.push_back(repository);
    }
  }
  if (!servers.data_center && !servers.cloud && !unnamed.empty()) {
    return tl::unexpected(fmt::format(
        "Warehouses subscribe to what seems to be a Data Center at {}, and the token is not sent "
        "to a host that only a Warehouse names: set --bitbucket-url https://HOST/CONTEXT{}",
        fmt::join(unnamed, ", "),
        any_of_cloud
            ? fmt::format(", or take those of Bitbucket Cloud with --cloud-url {}", kCloudApi)
            : ""));
  }
  return selection;
}

}  // namespace receiver::bitbucket_rest
