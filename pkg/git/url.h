#pragma once

#include <optional>
#include <string>
#include <string_view>

/// URLs as Go's net/url reads and writes them, of which Kargo's normal forms are made: which
/// escapes are kept, which are rewritten, and which texts are no URL is all part of the form.
namespace receiver::git {

struct Url {
  std::string scheme;
  /// What follows the scheme of a URL like `mailto:somebody`.
  std::string opaque;
  std::optional<std::string> user;  // As written back: escaped, with its password.
  std::string host;                 // Unescaped, with its port.
  bool has_authority = false;       // `//` was there, though the host may be empty.
  std::string path;                 // Unescaped.
  std::string raw_path;             // As read.
  std::optional<std::string> raw_query;
  std::string raw_fragment;

  /// Nothing where Go finds an error.
  [[nodiscard]] static std::optional<Url> parse(std::string_view text);

  /// Whether the query holds at least one readable parameter.
  [[nodiscard]] bool has_parameters() const;
  [[nodiscard]] std::string to_string() const;
};

}  // namespace receiver::git
