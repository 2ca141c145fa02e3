#pragma once

#include <compare>
#include <set>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "bitbucket_rest/repository.h"

namespace receiver::bitbucket_rest {

/// Where a receiver's webhooks, and with them its secret, may go: the value of the key
/// `bitbucket.allow` of its Secret. Whoever writes a Warehouse names any repository; whoever writes
/// the Secret bounds that. One entry a line: a workspace or a project's key (`~USER` too), a
/// repository (`OWNER/SLUG`), or a host (with a dot or a port, or as `https://HOST`; Cloud's is
/// bitbucket.org), which may stand before the others: `HOST/OWNER/SLUG`. In either case of letters.
/// Empty lines and those that begin with `#` say nothing. Pure.
class AllowList {
 public:
  /// An entry that is not understood is an error, which names its line: leaving it out in silence
  /// would surprise.
  [[nodiscard]] static tl::expected<AllowList, std::string> parse(std::string_view text);

  /// An empty list allows nothing.
  [[nodiscard]] bool allows(const Repository& repository) const;

 private:
  /// In lower case; an empty part is any.
  struct Entry {
    std::string host;
    std::string owner;
    std::string slug;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  std::set<Entry> entries_;
};

}  // namespace receiver::bitbucket_rest
