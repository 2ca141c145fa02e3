#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "bitbucket_rest/messages.h"
#include "bitbucket_rest/repository.h"
#include "json/reader.h"

/// Lists, which both products give page by page: Cloud with the URL of the next one, Data Center
/// with its place. Pure.
namespace receiver::bitbucket_rest {

/// Asks for the first page of `url`. `query`: what else to ask for, `a=b&c=d`, or nothing.
[[nodiscard]] ApiRequest first_page(const Repository& repository, const std::string& url,
                                    const std::string& query, int length);

/// What a page says of those after it.
struct PageEnd {
  std::string next;             ///< Cloud; empty: none
  std::optional<bool> is_last;  ///< Data Center, as the others
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> next_start;
};

/// Calls `take` for each of the list's values, which must take it. Nothing: it is no list, or not
/// one alone, or cut off; what was taken so far is of no use then.
[[nodiscard]] std::optional<PageEnd> read_list(std::string_view body,
                                               const std::function<void(json::Reader&)>& take);

/// Asks for the page after the one that `asked` asked for; nothing: that was the last one. The
/// error is about pages that are elsewhere, which the token must not be shown to, or that do not go
/// on; it goes on with a sentence that says what was listed.
[[nodiscard]] tl::expected<std::optional<ApiRequest>, std::string> next_page(
    const Repository& repository, const ApiRequest& asked, const PageEnd& end);

/// Scheme and authority of a URL; empty if it is none, or has a user.
[[nodiscard]] std::string origin_of(const std::string& url);

}  // namespace receiver::bitbucket_rest
