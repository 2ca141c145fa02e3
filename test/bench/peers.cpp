#include "test/bench/peers.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "clock/clock.h"
#include "kube/resource.h"

namespace receiver::bench {
namespace {

constexpr std::chrono::seconds kPatience{20};

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

struct Url {
  std::string host;
  unsigned short port = 80;
  std::string path;
};

/// http://HOST:PORT/PATH, as the benchmark's own script publishes it.
Url parse(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  const auto colon = url.find(':', kScheme.size());
  const auto slash = url.find('/', kScheme.size());
  Url parsed;
  if (url.substr(0, kScheme.size()) != kScheme || slash == std::string_view::npos ||
      colon > slash ||
      std::from_chars(url.data() + colon + 1, url.data() + slash, parsed.port).ptr !=
          url.data() + slash) {
    throw std::runtime_error("not of the form http://HOST:PORT/PATH: the receiver's URL");
  }
  parsed.host = url.substr(kScheme.size(), colon - kScheme.size());
  parsed.path = url.substr(slash);
  return parsed;
}

http::ClientOptions options_of(const Url& url, std::size_t connections) {
  http::ClientOptions options;
  options.scheme = "http";
  options.host = url.host;
  options.port = url.port;
  options.connections = connections;
  return options;
}

boost::asio::awaitable<http::Response> send(http::Client& client, http::Request request,
                                            std::string what) {
  const auto deadline = clock::Steady::now() + kPatience;
  auto response = co_await client.send(std::move(request), deadline);
  if (!response) throw std::runtime_error(what + ": " + response.error().message);
  if (response->status != 200) {
    throw std::runtime_error(fmt::format("{}: {} {}", what, response->status, response->body));
  }
  co_return std::move(*response);
}

}  // namespace

ApiServer::ApiServer(boost::asio::any_io_executor executor, const kube::Config& config,
                     std::size_t connections)
    : authorization_("Bearer " + std::string(config.token.view())),
      client_(std::move(executor), options_of(config, connections)) {}

boost::asio::awaitable<void> ApiServer::refresh(kube::ObjectKey warehouse) {
  static const kube::Resource kWarehouses{"kargo.akuity.io", "v1alpha1", "warehouses"};
  http::Request request;
  request.method = "PATCH";
  request.target = kWarehouses.path(warehouse);
  request.headers = {
      {"Authorization", authorization_},
      {"Content-Type", "application/merge-patch+json"},
      {"Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json"},
      {"User-Agent", "bench"}};
  request.body =
      fmt::format(R"({{"metadata":{{"annotations":{{"kargo.akuity.io/refresh":"{} {}"}}}}}})",
                  clock::format_nanos(clock::Wall::now()), ++tokens_);
  const std::string what = "PATCH of Warehouse " + warehouse.str();
  co_await send(client_, std::move(request), what);
}

Receiver::Receiver(boost::asio::any_io_executor executor, const std::string& url,
                   std::size_t connections)
    : path_(parse(url).path), client_(std::move(executor), options_of(parse(url), connections)) {}

Delivery Receiver::sign(std::string_view event, std::string body,
                        const crypto::SecretString& secret) const {
  crypto::Hmac hmac(crypto::HashAlgorithm::kSha256, secret.view());
  hmac.update(body);
  Delivery delivery;
  delivery.method = "POST";
  delivery.target = path_;
  delivery.headers = {{"X-Event-Key", std::string(event)},
                      {"X-Hub-Signature", "sha256=" + crypto::hex_encode(hmac.digest())},
                      {"Content-Type", "application/json"},
                      {"User-Agent", "Bitbucket-Webhooks/2.0"}};
  delivery.body = std::move(body);
  return delivery;
}

boost::asio::awaitable<void> Receiver::deliver(Delivery delivery, std::string expected) {
  const std::string what = "delivery";
  const http::Response response = co_await send(client_, std::move(delivery), what);
  if (response.body.find(expected) == std::string::npos) {
    throw std::runtime_error(
        fmt::format("delivery: answered {}instead of {}", response.body, expected));
  }
}

}  // namespace receiver::bench
