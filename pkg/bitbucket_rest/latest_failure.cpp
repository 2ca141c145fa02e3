#include "bitbucket_rest/latest_failure.h"

#include <utility>

#include <fmt/format.h>

#include "bitbucket_rest/webhook.h"
#include "json/reader.h"
#include "text/percent.h"

namespace receiver::bitbucket_rest {
namespace {

using clock::Wall;
using json::Reader;

constexpr std::size_t kMaxDeliveryBytes = 4UL * 1024 * 1024;  // it may contain what was sent

/// Milliseconds; or, since Data Center 10, a date, whose offset may lack the colon.
std::optional<Wall::time_point> read_time(Reader& in) {
  if (!in.at('"')) {
    const auto millis = in.integer();
    if (!millis) return std::nullopt;
    return clock::from_unix_seconds(*millis / 1000) + std::chrono::milliseconds(*millis % 1000);
  }
  std::string text = in.string();
  const std::size_t sign = text.size() < 5 ? 0 : text.size() - 5;
  if (sign > 0 && (text[sign] == '+' || text[sign] == '-')) text.insert(sign + 3, ":");
  return clock::parse_rfc3339(text);
}

/// Nothing if it is not a delivery, or has no time.
std::optional<FailedDelivery> read_delivery(const std::string& body) {
  std::optional<Wall::time_point> start;
  std::optional<Wall::time_point> finish;
  std::string words;
  Reader in(body);
  in.object([&](std::string_view member) {
    if (member == "start") {
      start = read_time(in);
    } else if (member == "finish") {
      finish = read_time(in);
    } else if (member == "result") {
      in.strings({{"description", words}});
    } else {
      in.skip();
    }
  });
  const auto when = finish ? finish : start;
  if (!in.finish().empty() || !when) return std::nullopt;
  return FailedDelivery{.when = *when, .words = masked_text(words, "")};
}

}  // namespace

LatestFailure::LatestFailure(Repository repository, std::string webhook)
    : Question(std::move(repository), Purpose::kUpkeep, {kMaxRequests, kMaxDeliveryBytes}),
      webhook_(std::move(webhook)) {
  ask_for("FAILURE");
}

void LatestFailure::ask_for(const char* outcome) {
  ask({"GET",
       fmt::format("{}/webhooks/{}/latest?outcome={}", api_url(repository()),
                   text::percent_encode(webhook_), outcome),
       ""});
}

void LatestFailure::read(const ApiRequest& /*asked*/, const std::string& body) {
  if (!body.empty()) {  // 204 says that there is none
    auto delivery = read_delivery(body);
    if (!delivery) {
      fail(ApiFailure::kUnexpected, "the answer is not a delivery");
      return;
    }
    if (!newest_ || newest_->when < delivery->when) newest_ = std::move(delivery);
  }
  if (requests() < kMaxRequests) {
    ask_for("ERROR");
  } else {
    end(std::move(newest_));
  }
}

}  // namespace receiver::bitbucket_rest
