#include "bitbucket_http/client.h"

#include <utility>

#include <fmt/format.h>

#include "async/kept_alive.h"
#include "bitbucket_rest/authorization.h"
#include "crypto/pem.h"
#include "http/client.h"
#include "http/server_url.h"
#include "text/ascii.h"

namespace receiver::bitbucket_http {

namespace asio = boost::asio;

using bitbucket_rest::ApiAnswer;
using bitbucket_rest::ApiFailure;
using bitbucket_rest::ApiRequest;
using bitbucket_rest::BitbucketError;

namespace {

using Answered = tl::expected<ApiAnswer, BitbucketError>;

ApiAnswer answer_of(http::Response response) {
  const auto field = [&](std::string_view name) {
    return std::string(response.headers.find(name).value_or(""));
  };
  return {response.status,
          std::move(response.body),
          field("Retry-After"),
          field("Location"),
          text::equal_ignoring_case(field(bitbucket_rest::kNearLimitHeader), "true"),
          field("Date")};
}

ApiFailure kind_of(http::ClientError::Kind kind) {
  switch (kind) {
    case http::ClientError::Kind::kTimeout:
      return ApiFailure::kTimeout;
    case http::ClientError::Kind::kTooLarge:
      return ApiFailure::kUnknown;
    default:
      return ApiFailure::kUnreachable;
  }
}

http::ClientOptions options_of(const ClientOptions& options, const http::ServerUrl& server) {
  http::ClientOptions made;
  made.host = server.host;
  made.port = server.port;
  made.tls.ca_pem = options.ca_pem;
  made.proxy = options.proxy.for_server(server.host, server.port);
  made.connections = options.connections;
  made.waiting = options.waiting;
  made.idle_time = options.idle_time;
  made.body_bytes = options.body_bytes;
  return made;
}

}  // namespace

class Client::Impl {
 public:
  Impl(asio::any_io_executor executor, ClientOptions options, const http::ServerUrl& server)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        origin_(server.origin()),
        client_(executor_, options_of(options_, server)) {}

  asio::awaitable<void> run(async::KeptAlive, bitbucket_rest::Operation& operation,
                            TimePoint deadline) {
    while (const ApiRequest* request = operation.next()) {
      auto answered = co_await send(*request, deadline);
      operation.take(std::move(answered));
    }
  }
  asio::awaitable<void> run_after(async::KeptAlive, bitbucket_rest::Operation& operation,
                                  Before before) {
    while (const ApiRequest* request = operation.next()) {
      auto waiting = before();
      const auto deadline = co_await std::move(waiting);
      if (deadline) {
        auto answered = co_await send(*request, *deadline);
        operation.take(std::move(answered));
      } else {
        operation.take(tl::unexpected(BitbucketError{
            .kind = ApiFailure::kUnknown, .message = "not sent: it is not wanted any more"}));
      }
    }
  }
  void close() { client_.close(); }

 private:
  asio::awaitable<Answered> send(const ApiRequest& request, TimePoint deadline) {
    const auto url = http::parse_server_url(request.url);
    if (!url || url->user_info || url->origin() != origin_) {
      co_return tl::unexpected(
          BitbucketError{.kind = ApiFailure::kUnexpected,
                         .message = fmt::format("not sent: the request is not for {}", origin_)});
    }
    http::Request sent{.method = request.method,
                       .target = url->path,
                       .headers = {{"Accept", "application/json"},
                                   {"User-Agent", options_.user_agent},
                                   {"Authorization", std::string(options_.authorization.view())}},
                       .body = request.body,
                       .repeatable = request.method == "GET"};
    if (!sent.body.empty()) sent.headers.add("Content-Type", "application/json");
    auto response = co_await client_.send(std::move(sent), deadline);
    if (!response) {
      co_return tl::unexpected(BitbucketError{.kind = kind_of(response.error().kind),
                                              .message = std::move(response.error().message)});
    }
    ApiAnswer answer = answer_of(*std::move(response));
    bitbucket_rest::hide_token(answer, options_.authorization);
    co_return answer;
  }

  asio::any_io_executor executor_;
  ClientOptions options_;
  std::string origin_;
  http::Client client_;
};

tl::expected<std::unique_ptr<Client>, std::string> Client::create(asio::any_io_executor executor,
                                                                  ClientOptions options) {
  const auto server = http::parse_server_url(options.server);
  if (!server) return tl::unexpected("the server's URL " + server.error());
  if (server->scheme != "https" || server->user_info) {
    return tl::unexpected(std::string("the server's URL must be https://HOST/CONTEXT"));
  }
  if (!options.ca_pem.empty() &&
      !crypto::next_certificate(crypto::pem_text(options.ca_pem).get())) {
    return tl::unexpected(fmt::format(
        "the CA certificates contain no readable PEM certificate ({})", crypto::openssl_reason()));
  }
  auto impl = std::make_shared<Impl>(std::move(executor), std::move(options), *server);
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Client::~Client() {
  impl_->close();
}

asio::awaitable<void> Client::run(bitbucket_rest::Operation& operation, TimePoint deadline) {
  return impl_->run(impl_, operation, deadline);
}

asio::awaitable<void> Client::run(bitbucket_rest::Operation& operation, Before before) {
  return impl_->run_after(impl_, operation, std::move(before));
}

}  // namespace receiver::bitbucket_http
