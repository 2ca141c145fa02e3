#include "cmd/receiverctl/web.h"

#include <charconv>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

namespace receiver::ctl {

namespace asio = boost::asio;

std::string WebAddress::origin() const {
  const bool is_default = port == (scheme == "https" ? 443 : 80);
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return is_default ? fmt::format("{}://{}", scheme, shown)
                    : fmt::format("{}://{}:{}", scheme, shown, port);
}

Result<WebAddress> parse_web_address(std::string_view url) {
  const auto refuse = [] {
    return wrong_usage("a URL is not one: expected something like https://hooks.example.com/kargo");
  };
  WebAddress address;
  for (const std::string_view scheme : {"https", "http"}) {
    if (!url.starts_with(scheme) || !url.substr(scheme.size()).starts_with("://")) continue;
    address.scheme = scheme;
    address.port = scheme == "https" ? 443 : 80;
    url.remove_prefix(scheme.size() + 3);
    break;
  }
  if (address.scheme.empty()) return refuse();
  const std::size_t slash = std::min(url.find('/'), url.size());
  std::string_view authority = url.substr(0, slash);
  address.path = url.substr(slash);
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(
      ':', authority.starts_with('[') && bracket != std::string_view::npos ? bracket : 0);
  if (colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    const char* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, address.port);
    if (read.ec != std::errc() || read.ptr != end || address.port == 0) return refuse();
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  if (authority.empty() || authority.find('@') != std::string_view::npos) return refuse();
  address.host = authority;
  return address;
}

http::Result<WebAnswer> ask(const WebAddress& address, http::Request request,
                            const std::string& ca_pem, std::chrono::milliseconds patience) {
  asio::io_context io(1);
  http::ClientOptions options;
  options.scheme = address.scheme;
  options.host = address.host;
  options.port = address.port;
  options.tls.ca_pem = ca_pem;
  http::Client client(io.get_executor(), std::move(options));
  const auto start = std::chrono::steady_clock::now();
  std::optional<http::Result<http::Response>> answer;
  asio::co_spawn(io, client.send(std::move(request), start + patience),
                 [&](std::exception_ptr thrown, http::Result<http::Response> result) {
                   if (thrown) std::rethrow_exception(thrown);
                   answer.emplace(std::move(result));
                 });
  while (!answer) io.run_one();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  client.close();
  io.restart();
  io.poll();
  if (!*answer) return tl::unexpected(answer->error());
  return WebAnswer{std::move(**answer), took};
}

}  // namespace receiver::ctl
