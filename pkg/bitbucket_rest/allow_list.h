#pragma once

#include <compare>
#include <set>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "bitbucket_rest/repository.h"

namespace receiver::bitbucket_rest {

/// Where a receiver's webhooks, and with them its secret, may go: the value of the key
/// `bitbucket.allow` of its Secret. The author of a Warehouse can name any repository; the author
/// of the Secret limits this. One entry per line: a workspace or project key (also `~USER`), a
/// repository (`OWNER/SLUG`), or a host (with a dot or a port, or as `https://HOST`; Cloud is
/// bitbucket.org), which may precede the others: `HOST/OWNER/SLUG`. Letter case does not matter.
/// Empty lines and lines that begin with `#` are ignored. Pure.
class AllowList {
 public:
  /// An entry that cannot be parsed is an error that names its line: ignoring it silently would
  /// surprise.
  [[nodiscard]] static tl::expected<AllowList, std::string> parse(std::string_view text);

  /// An empty list allows nothing.
  [[nodiscard]] bool allows(const Repository& repository) const;

 private:
  /// In lower case; an empty part matches anything.
  struct Entry {
    std::string host;
    std::string owner;
    std::string slug;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  std::set<Entry> entries_;
};

}  // namespace receiver::bitbucket_rest
