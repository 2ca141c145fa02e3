#include "cmd/receiverctl/web.h"

#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "clock/clock.h"

namespace receiver::ctl {

namespace asio = boost::asio;

Result<http::ServerUrl> parse_web_address(std::string_view url) {
  auto address = http::parse_server_url(url);
  if (!address || address->user_info) {
    return wrong_usage("not a URL: expected something like https://hooks.example.com/kargo");
  }
  return std::move(*address);
}

http::Result<WebAnswer> ask(const http::ServerUrl& address, http::Request request,
                            const Asking& asking) {
  const std::string method = request.method;
  asio::io_context io(1);
  http::ClientOptions options;
  options.scheme = address.scheme;
  options.host = address.host;
  options.port = address.port;
  options.tls.ca_pem = asking.ca_pem;
  options.tls.insecure_skip_verify = asking.certificate == Certificate::kIgnored;
  http::Client client(io.get_executor(), std::move(options));
  const auto start = clock::Steady::now();
  std::optional<http::Result<http::Response>> answer;
  asio::co_spawn(io, client.send(std::move(request), start + asking.patience),
                 [&](std::exception_ptr thrown, http::Result<http::Response> result) {
                   if (thrown) std::rethrow_exception(thrown);
                   answer.emplace(std::move(result));
                 });
  while (!answer) io.run_one();
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock::Steady::now() - start);
  client.close();
  io.restart();
  io.poll();
  // The path may be a receiver's, which is half a secret.
  if (asking.trace) {
    asking.trace(method, address.origin() + "/…", *answer ? (*answer)->status : 0, took);
  }
  if (!*answer) return tl::unexpected(answer->error());
  return WebAnswer{std::move(**answer), took};
}

}  // namespace receiver::ctl
