#include "bitbucket_rest/pages.h"

#include <utility>

#include <fmt/format.h>

#include "bitbucket_rest/webhook.h"
#include "git/url.h"
#include "text/unicode.h"

namespace receiver::bitbucket_rest {
namespace {

using bitbucket::Source;

constexpr std::string_view kStart = "?start=";

std::string_view without_query(std::string_view url) {
  return url.substr(0, url.find('?'));
}

}  // namespace

ApiRequest first_page(const Repository& repository, const std::string& url,
                      const std::string& query, int length) {
  const std::string others = query.empty() ? query : "&" + query;
  // Data Center's start index comes first, so that next_page() finds it.
  return {"GET",
          repository.product == Source::kCloud
              ? fmt::format("{}?pagelen={}{}", url, length, others)
              : fmt::format("{}{}0&limit={}{}", url, kStart, length, others),
          ""};
}

std::optional<PageEnd> read_list(std::string_view body,
                                 const std::function<void(json::Reader&)>& take) {
  PageEnd end;
  int lists = 0;
  json::Reader in(body);
  in.object([&](std::string_view member) {
    if (member == "values" && in.at('[')) {
      ++lists;
      in.array([&] { take(in); });
    } else if (member == "next") {
      end.next = in.string();
    } else if (member == "isLastPage") {
      end.is_last = in.boolean();
    } else if (member == "start") {
      end.start = in.integer();
    } else if (member == "nextPageStart") {
      end.next_start = in.integer();
    } else {
      in.skip();
    }
  });
  if (!in.finish().empty() || !text::is_utf8(body) || lists != 1) return std::nullopt;
  return end;
}

tl::expected<std::optional<ApiRequest>, std::string> next_page(const Repository& repository,
                                                               const ApiRequest& asked,
                                                               const PageEnd& end) {
  const auto refuse = [](std::string why) { return tl::unexpected(std::move(why)); };
  if (repository.product == Source::kCloud) {
    if (end.next.empty()) return std::nullopt;
    if (origin_of(end.next) != origin_of(asked.url)) {
      return refuse(
          fmt::format("continues on another server ({})", masked_text(origin_of(end.next), "")));
    }
    if (without_query(end.next) != without_query(asked.url)) return refuse("continues elsewhere");
    if (end.next == asked.url) return refuse("neither continues nor ends");
    return ApiRequest{"GET", end.next, ""};
  }
  if (end.is_last.value_or(true)) return std::nullopt;
  if (!end.next_start || *end.next_start <= end.start.value_or(0)) {
    return refuse("neither continues nor ends");
  }
  const std::size_t place = asked.url.find(kStart) + kStart.size();
  std::string next = asked.url;
  next.replace(place, next.find('&', place) - place, std::to_string(*end.next_start));
  return ApiRequest{"GET", std::move(next), ""};
}

std::string origin_of(const std::string& url) {
  const auto parsed = git::Url::parse(url);
  return parsed && !parsed->user ? parsed->scheme + "://" + parsed->host : std::string();
}

}  // namespace receiver::bitbucket_rest
