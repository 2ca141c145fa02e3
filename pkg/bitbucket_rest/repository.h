#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "bitbucket/event.h"

/// Which repository of which Bitbucket a URL names. Pure: nothing is asked.
namespace receiver::bitbucket_rest {

inline constexpr std::string_view kCloudApi = "https://api.bitbucket.org";

/// A repository as the REST API names it.
struct Repository {
  bitbucket::Source product = bitbucket::Source::kCloud;
  /// Data Center: `https://HOST[:PORT][/CONTEXT]`. Cloud: where its API is.
  std::string server;
  std::string owner;  ///< the workspace; or the project's key, `~USER` for a personal one
  std::string slug;

  friend bool operator==(const Repository&, const Repository&) = default;
  /// `OWNER/SLUG`, for people.
  [[nodiscard]] std::string name() const { return owner + '/' + slug; }
};

/// Where the REST APIs are, if not where the repositories' URLs and the vendor say.
struct Servers {
  std::optional<std::string> data_center;  ///< with its context path
  std::optional<std::string> cloud;
};

/// A repository's URL, taken apart.
struct RepositoryUrl {
  bitbucket::Source product = bitbucket::Source::kCloud;
  std::string host;    ///< with its port
  std::string server;  ///< Data Center: `SCHEME://HOST[:PORT][/CONTEXT]`, as far as the URL tells
  std::string owner;   ///< as Repository has it
  std::string slug;
  bool ssh = false;
  bool typical = true;  ///< no other product has URLs of this form
};

/// Of a clone URL of either product, over https or ssh, or of the address of a page. Every host but
/// Bitbucket Cloud's is taken for a Data Center.
[[nodiscard]] std::optional<RepositoryUrl> read_repository_url(std::string_view url);

/// An address that a token may be sent to: https, a host name (cpprestsdk does not resolve IPv6
/// addresses), perhaps a port and a path. Gives it without a final slash. The error names the
/// option of receiverctl that takes the address of such a Bitbucket.
[[nodiscard]] tl::expected<std::string, std::string> parse_server(
    std::string_view url, bitbucket::Source product = bitbucket::Source::kDataCenter);

/// The repository that this URL names, as read_repository_url() does, on a server that a token may
/// be sent to: if `servers` names a Bitbucket, on that one, else an error.
[[nodiscard]] tl::expected<Repository, std::string> parse_repository(std::string_view url,
                                                                     const Servers& servers);

struct Selection {
  std::vector<Repository> repositories;  ///< all on one server, each once, in the order of the URLs
  std::vector<std::string> skipped;      ///< the other URLs, without what could be a password
};

/// Of the URLs that are subscribed to, the repositories of one Bitbucket, since a token belongs to
/// one: the Data Center that `servers` names, else Cloud. The author of a Warehouse could name any
/// host, so a Data Center that `servers` does not name must not get the token: this is an error
/// that lists the hosts that look like one (`/scm/`, port 7999), unless `servers` names Cloud.
[[nodiscard]] tl::expected<Selection, std::string> select_repositories(
    const std::vector<std::string>& urls, const Servers& servers);

}  // namespace receiver::bitbucket_rest
