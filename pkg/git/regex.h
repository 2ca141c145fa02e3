#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace re2 {
class RE2;
}

namespace receiver::git {

/// A regular expression in Go's syntax, as Kargo uses it. Copies share the compiled form, which
/// takes up to 2 MiB. Matching takes time linear in the text, for every expression.
class Regex {
 public:
  /// The error says what is wrong, and quotes at most a part of the expression. An expression that
  /// needs too much memory is an error too.
  [[nodiscard]] static tl::expected<Regex, std::string> parse(std::string_view expression);

  /// Whether any part of the text matches. May be called by several threads at once.
  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled);

  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace receiver::git
