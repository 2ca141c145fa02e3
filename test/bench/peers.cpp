#include "test/bench/peers.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "clock/clock.h"
#include "test/bench/workload.h"
#include "test/support/delivery.h"

namespace receiver::bench {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kPeerPatience{20};
constexpr std::size_t kEndBytes = 1024;

std::string content_of(const kube::PemSource& source) {
  if (source.file.empty()) return source.data;
  std::ifstream file(source.file);
  if (!file) throw std::runtime_error("cannot read " + source.file);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

http::ClientOptions options_of(const kube::Config& config, std::size_t connections) {
  http::ClientOptions options;
  options.scheme = config.scheme;
  options.host = config.host;
  options.port = config.port;
  options.tls.ca_pem = content_of(config.certificate_authority);
  options.tls.server_name = config.tls_server_name;
  options.tls.insecure_skip_verify = config.insecure_skip_tls_verify;
  options.connections = connections;
  return options;
}

http::ClientOptions options_of(std::string_view url, std::size_t connections) {
  constexpr std::string_view kScheme = "http://";
  http::ClientOptions options;
  options.scheme = "http";
  options.connections = connections;
  const auto colon = url.rfind(':');
  const char* const end = url.data() + url.size();
  if (!url.starts_with(kScheme) || colon <= kScheme.size() ||
      std::from_chars(url.data() + colon + 1, end, options.port).ptr != end) {
    throw std::runtime_error(fmt::format("not of the form http://ADDRESS:PORT: {}", url));
  }
  options.host = url.substr(kScheme.size(), colon - kScheme.size());
  return options;
}

asio::awaitable<http::Response> send(http::Client& client, http::Request request, unsigned status,
                                     std::string what) {
  auto response = co_await client.send(std::move(request), clock::Steady::now() + kPeerPatience);
  if (!response) throw std::runtime_error(what + ": " + response.error().message);
  if (response->status != status) {
    throw std::runtime_error(fmt::format("{}: {} {}", what, response->status, response->body));
  }
  co_return std::move(*response);
}

}  // namespace

ApiServer::ApiServer(asio::any_io_executor executor, const kube::Config& config,
                     std::size_t connections)
    : authorization_("Bearer " + std::string(config.token.view())),
      client_(std::move(executor), options_of(config, connections)) {}

http::Request ApiServer::request(std::string method, std::string target) const {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers = {{"User-Agent", "bench"}, {"Authorization", authorization_}};
  return request;
}

asio::awaitable<void> ApiServer::patch(std::string target, std::string body) {
  std::string what = "PATCH " + target;
  http::Request patch = request("PATCH", std::move(target));
  patch.headers.add("Content-Type", "application/merge-patch+json");
  patch.headers.add(
      "Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json");
  patch.body = std::move(body);
  co_await send(client_, std::move(patch), 200, std::move(what));
}

asio::awaitable<void> ApiServer::refresh(kube::ObjectKey warehouse) {
  // As long as the operator's token, and each different.
  return patch(
      kWarehouses.path(warehouse),
      fmt::format(R"({{"metadata":{{"annotations":{{"kargo.akuity.io/refresh":"{}{:025}"}}}}}})",
                  kBareToken, ++refreshes_));
}

asio::awaitable<void> ApiServer::write_status(kube::ObjectKey project_config, std::string patched) {
  return patch(kProjectConfigs.path(project_config) + "/status", std::move(patched));
}

asio::awaitable<std::size_t> ApiServer::read_list(std::string path, std::string selector) {
  std::string target = fmt::format("{}?limit=500&resourceVersion=0{}", path, selector);
  std::size_t bytes = 0;
  while (!target.empty()) {
    auto reading = read_page(std::move(target));
    const Page page = co_await std::move(reading);
    bytes += page.bytes;
    target.clear();
    if (!page.next.empty()) {
      target = fmt::format("{}?limit=500&continue={}{}", path, page.next, selector);
    }
  }
  co_return bytes;
}

asio::awaitable<ApiServer::Page> ApiServer::read_page(std::string target) {
  http::Request get = request("GET", target);
  get.headers.add("Accept", "application/json");
  auto opened = co_await client_.open(std::move(get), clock::Steady::now() + kPeerPatience,
                                      http::Client::Connection::kPooled);
  if (!opened || (*opened)->status() != 200) throw std::runtime_error("cannot read " + target);
  const auto stream = std::move(*opened);
  Page page;
  std::string end;  // the part of a list that says whether it continues
  for (;;) {
    const auto piece = co_await stream->next(kPeerPatience);
    if (!piece) throw std::runtime_error(target + ": " + piece.error().message);
    if (piece->empty()) break;
    page.bytes += piece->size();
    end.append(*piece);
    if (end.size() > kEndBytes) end.erase(0, end.size() - kEndBytes);
  }
  constexpr std::string_view kContinue = R"("continue":")";
  const std::size_t at = end.rfind(kContinue);
  if (at == std::string::npos) co_return page;
  const std::size_t begin = at + kContinue.size();
  page.next = end.substr(begin, end.find('"', begin) - begin);  // base64url: fit for a query
  co_return page;
}

http::Request signed_push(std::string path, std::string body, const crypto::SecretString& secret,
                          std::string event) {
  test::Delivery push{std::move(event), std::move(body)};
  http::Request request = test::request_of(test::sign(std::move(push), std::string(secret.view())));
  request.target = std::move(path);
  request.headers.add("User-Agent", "Bitbucket-Webhooks/2.0");
  return request;
}

Receiver::Receiver(asio::any_io_executor executor, std::string_view url, std::size_t connections)
    : client_(std::move(executor), options_of(url, connections)) {}

asio::awaitable<void> Receiver::deliver(http::Request delivery, unsigned status,
                                        std::string expected) {
  std::string what = "delivery";
  const http::Response response =
      co_await send(client_, std::move(delivery), status, std::move(what));
  if (response.body.find(expected) == std::string::npos) {
    throw std::runtime_error(
        fmt::format("delivery: answered {}instead of {}", response.body, expected));
  }
}

}  // namespace receiver::bench
