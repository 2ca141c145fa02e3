#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace receiver::http {

/// Where an http or https URL leads, taken apart.
struct ServerUrl {
  std::string scheme;                      ///< in lower case
  std::optional<std::string> user_info{};  ///< as written
  std::string host;                        ///< name, IPv4 or IPv6 literal without brackets
  unsigned short port = 0;                 ///< the scheme's own if none is written
  std::string path{};  ///< what follows, with query and fragment: as written, may be empty

  /// `https://host:port`, without the scheme's own port.
  [[nodiscard]] std::string origin() const;
};

/// The error goes on with a sentence that says whose URL it is, and quotes nothing of it: that may
/// be a password.
[[nodiscard]] tl::expected<ServerUrl, std::string> parse_server_url(std::string_view url);

}  // namespace receiver::http
