#include "bitbucket_rest/allow_list.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "log/printable.h"
#include "text/ascii.h"
#include "text/percent.h"
#include "text/unicode.h"

namespace receiver::bitbucket_rest {
namespace {

constexpr std::string_view kCloudHost = "bitbucket.org";

/// Takes what is before the separator, or everything, off the text.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

/// Keys and workspaces have neither dots nor ports; a user's own key may have a dot.
bool looks_like_host(std::string_view segment) {
  return !segment.starts_with('~') && segment.find_first_of(".:") != std::string_view::npos;
}

bool is_part(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return text::is_unreserved(c) || std::string_view(":[]").find(c) != std::string_view::npos;
  });
}

/// Of `https://HOST[:PORT]/CONTEXT`.
std::string_view authority_of(std::string_view server) {
  const std::size_t scheme = server.find("://");
  if (scheme != std::string_view::npos) server.remove_prefix(scheme + 3);
  return take(server, '/');
}

}  // namespace

tl::expected<AllowList, std::string> AllowList::parse(std::string_view text) {
  AllowList list;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text::trim(take(text, '\n'));
    if (line.empty() || line.starts_with('#')) continue;
    const std::string in_lower_case = text::unicode_lower(line);
    std::string_view rest = in_lower_case;
    const std::size_t scheme = rest.find("://");
    if (scheme != std::string_view::npos) rest.remove_prefix(scheme + 3);
    Entry entry;
    if (scheme != std::string_view::npos || looks_like_host(rest.substr(0, rest.find('/')))) {
      entry.host = take(rest, '/');
    }
    entry.owner = take(rest, '/');
    entry.slug = take(rest, '/');
    const bool says_something = !entry.host.empty() || !entry.owner.empty();
    const bool complete = rest.empty() && (entry.slug.empty() || !entry.owner.empty());
    if (!says_something || !complete || !is_part(entry.host) || !is_part(entry.owner) ||
        !is_part(entry.slug)) {
      return tl::unexpected(
          fmt::format("bitbucket.allow, line {}: expected a workspace, a project key, "
                      "OWNER/REPOSITORY or a host, not {}",
                      number, log::printable(line.substr(0, 100))));
    }
    list.entries_.insert(std::move(entry));
  }
  return list;
}

bool AllowList::allows(const Repository& repository) const {
  const std::string authority = repository.product == bitbucket::Source::kCloud
                                    ? std::string(kCloudHost)
                                    : text::unicode_lower(authority_of(repository.server));
  const std::string host = authority.substr(0, authority.find(':'));
  const std::string owner = text::unicode_lower(repository.owner);
  const std::string slug = text::unicode_lower(repository.slug);
  return std::ranges::any_of(std::array{std::string(), host, authority}, [&](const auto& place) {
    return entries_.contains({place, owner, slug}) || entries_.contains({place, owner, ""}) ||
           entries_.contains({place, "", ""});
  });
}

}  // namespace receiver::bitbucket_rest
