#pragma once

#include <optional>
#include <string>
#include <string_view>

/// URLs as Go's net/url reads and writes them. Kargo's normal forms depend on it: which escapes are
/// kept, which are rewritten, and which texts are not URLs.
namespace receiver::git {

struct Url {
  std::string scheme;
  /// The part after the scheme of a URL such as `mailto:somebody`.
  std::string opaque;
  std::optional<std::string> user;  // as written back: escaped, with its password
  std::string host;                 // unescaped, with its port
  bool has_authority = false;       // there was a `//`, though the host may be empty
  std::string path;                 // unescaped
  std::string raw_path;             // as read
  std::optional<std::string> raw_query;
  std::string raw_fragment;

  /// Nothing if Go finds an error.
  [[nodiscard]] static std::optional<Url> parse(std::string_view text);

  /// Whether the query contains at least one readable parameter.
  [[nodiscard]] bool has_parameters() const;
  [[nodiscard]] std::string to_string() const;
};

}  // namespace receiver::git
