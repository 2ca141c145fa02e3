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

/// Paged lists: Cloud gives the URL of the next page, Data Center its start index. Pure.
namespace receiver::bitbucket_rest {

/// Asks for the first page of `url`. `query`: what else to ask for, `a=b&c=d`, or nothing.
[[nodiscard]] ApiRequest first_page(const Repository& repository, const std::string& url,
                                    const std::string& query, int length);

/// What a page says about the next one.
struct PageEnd {
  std::string next;             ///< Cloud; empty: none
  std::optional<bool> is_last;  ///< Data Center, like the following
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> next_start;
};

/// Calls `take` for each value of the list. Nothing if the body is not exactly one complete list;
/// then discard the values taken so far.
[[nodiscard]] std::optional<PageEnd> read_list(std::string_view body,
                                               const std::function<void(json::Reader&)>& take);

/// The request for the page after that of `asked`; nothing after the last one. Pages on another
/// server, which must not get the token, and lists that do not advance are errors. The error text
/// continues a sentence that names the list.
[[nodiscard]] tl::expected<std::optional<ApiRequest>, std::string> next_page(
    const Repository& repository, const ApiRequest& asked, const PageEnd& end);

/// Scheme and authority of a URL; empty if it is not a URL, or has a user.
[[nodiscard]] std::string origin_of(const std::string& url);

}  // namespace receiver::bitbucket_rest
