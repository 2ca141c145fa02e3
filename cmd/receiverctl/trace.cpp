#include "cmd/receiverctl/trace.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "clock/clock.h"

namespace receiver::ctl {
namespace {

/// Without user info and the value of `continue`.
std::string shown_url(std::string_view url) {
  std::string text(url);
  const std::size_t scheme = text.find("://");
  if (scheme != std::string::npos) {
    const std::size_t host = scheme + 3;
    const std::size_t end = std::min(text.find_first_of("/?#", host), text.size());
    const std::size_t at = text.rfind('@', end);
    if (at != std::string::npos && at >= host) text.erase(host, at + 1 - host);
  }
  constexpr std::string_view kToken = "continue=";
  const std::size_t token = text.find(kToken);
  if (token == std::string::npos) return text;
  const std::size_t begin = token + kToken.size();
  return text.replace(begin, std::min(text.find('&', begin), text.size()) - begin, "…");
}

}  // namespace

Trace trace_of(const Context& context) {
  if (!context.verbose) return {};
  return [&err = context.err](std::string_view method, std::string_view url, unsigned status,
                              std::chrono::nanoseconds took) {
    // One write to the buffer: the stream's own state is not thread-safe.
    const std::string line = trace_line(method, url, status, took) + "\n";
    err.rdbuf()->sputn(line.data(), static_cast<std::streamsize>(line.size()));
  };
}

std::string trace_line(std::string_view method, std::string_view url, unsigned status,
                       std::chrono::nanoseconds took) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  if (status == 0) return fmt::format("{} {} no answer in {} ms", method, shown_url(url), millis);
  return fmt::format("{} {} {} in {} ms", method, shown_url(url), status, millis);
}

bitbucket_rest::Send traced(const Context& context, bitbucket_rest::Send send) {
  auto trace = trace_of(context);
  if (!trace) return send;
  return [send = std::move(send),
          trace = std::move(trace)](const bitbucket_rest::ApiRequest& request) {
    const auto start = clock::Steady::now();
    auto answer = send(request);
    trace(request.method, request.url, answer ? answer->status : 0, clock::Steady::now() - start);
    return answer;
  };
}

}  // namespace receiver::ctl
