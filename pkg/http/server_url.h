#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace receiver::http {

/// The parts of an http or https URL.
struct ServerUrl {
  std::string scheme;                      ///< in lower case
  std::optional<std::string> user_info{};  ///< as written
  std::string host;                        ///< name, IPv4 or IPv6 literal without brackets
  unsigned short port = 0;                 ///< the scheme's default if none is written
  std::string path{};  ///< the rest, with query and fragment: as written, may be empty

  /// `https://host:port`, without the scheme's default port.
  [[nodiscard]] std::string origin() const;
};

/// The error continues a sentence that names the URL's owner. It quotes nothing of the URL, which
/// may contain a password.
[[nodiscard]] tl::expected<ServerUrl, std::string> parse_server_url(std::string_view url);

}  // namespace receiver::http
