#include "bitbucket_cpprest/client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include <cpprest/http_client.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "bitbucket_rest/authorization.h"
#include "clock/clock.h"
#include "crypto/pem.h"
#include "text/ascii.h"

namespace receiver::bitbucket_cpprest {
namespace {

using bitbucket_rest::ApiAnswer;
using bitbucket_rest::ApiFailure;
using bitbucket_rest::ApiRequest;
using bitbucket_rest::BitbucketError;
using Answered = tl::expected<ApiAnswer, BitbucketError>;

/// The deadline of a request fires before this timeout, because its error says what was waited for.
constexpr std::chrono::seconds kAfterDeadline{1};
/// How often a wait checks whether the answer is still wanted.
constexpr std::chrono::milliseconds kLook{50};

/// OpenSSL's verdict on a server's certificate: X509_V_OK, or X509_V_ERR_… . The handshake runs on
/// a thread of cpprestsdk.
using Verdict = std::atomic<int>;

/// For every rejected certificate cpprestsdk says only "Error in SSL handshake".
int verify_and_remember(X509_STORE_CTX* store, void* verdict) {
  const int accepted = X509_verify_cert(store);
  if (accepted != 1) static_cast<Verdict*>(verdict)->store(X509_STORE_CTX_get_error(store));
  return accepted;
}

/// Counts the certificates in the text, and adds them to the store, if there is one.
std::size_t read_authorities(std::string_view pem, X509_STORE* store) {
  std::size_t count = 0;
  const crypto::BioPtr text = crypto::pem_text(pem);
  while (const crypto::X509Ptr certificate = crypto::next_certificate(text.get())) {
    if (store != nullptr) X509_STORE_add_cert(store, certificate.get());
    ++count;
  }
  ERR_clear_error();  // the error at the end of the text
  return count;
}

void set_up_tls(SSL_CTX* context, const std::string& host, const std::string& ca_pem,
                Verdict* verdict) {
  read_authorities(ca_pem, SSL_CTX_get_cert_store(context));
  // The common name counts only if no alternative name is a DNS name.
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) != 1) {
    throw std::runtime_error("cannot set up TLS");
  }
  SSL_CTX_set_cert_verify_callback(context, verify_and_remember, verdict);
}

web::http::client::http_client_config config_of(const ClientOptions& options,
                                                const std::string& host,
                                                const std::optional<http::Proxy>& proxy,
                                                std::shared_ptr<Verdict> verdict) {
  web::http::client::http_client_config config;
  config.set_max_redirects(0);
  config.set_timeout(options.deadline + kAfterDeadline);  // of each single read or write
  // The system's CAs are loaded already. The callback lives as long as the connection, and owns the
  // verdict.
  config.set_ssl_context_callback([ca_pem = options.ca_pem, host,
                                   verdict = std::move(verdict)](boost::asio::ssl::context& tls) {
    set_up_tls(tls.native_handle(), host, ca_pem, verdict.get());
  });
  if (proxy) {
    web::web_proxy through(web::uri("http://" + proxy->address()));
    if (proxy->user) through.set_credentials({*proxy->user, std::string(proxy->password.view())});
    config.set_proxy(through);
  }
  return config;
}

/// Why a certificate was rejected, and what the user can do about it.
std::string certificate_problem(int error, bool has_authorities, const std::string& ca_name) {
  switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_UNTRUSTED:
      return has_authorities
                 ? fmt::format(
                       "its certificate is from a CA that neither this machine nor {} "
                       "trusts: check that it is the right CA, and that the server sends "
                       "its intermediate certificates",
                       ca_name)
                 : fmt::format(
                       "its certificate is from a CA that this machine does not trust: if "
                       "the CA is yours, give its certificate with {}",
                       ca_name);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate, or that of its CA, has expired: renew it on the server";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid yet: check the clock of this machine";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_UNSPECIFIED:  // from cpprestsdk, which also checks the name
      return "its certificate is for another name: check the address, and that no proxy is in "
             "between";
    default:
      return fmt::format("its certificate is rejected: {}", X509_verify_cert_error_string(error));
  }
}

web::http::http_request message_of(const ApiRequest& request, const ClientOptions& options) {
  web::http::http_request message(request.method);
  message.set_request_uri(web::uri(request.url).resource());
  message.headers().add(web::http::header_names::authorization,
                        std::string(options.authorization.view()));
  message.headers().add(web::http::header_names::accept, "application/json");
  message.headers().add(web::http::header_names::user_agent, options.user_agent);
  if (!request.body.empty()) message.set_body(request.body, "application/json");
  message.set_progress_handler([](web::http::message_direction::direction direction,
                                  utility::size64_t bytes) {
    if (direction == web::http::message_direction::download && bytes > Client::kMaxAnswerBytes) {
      throw std::length_error("the answer is too long");
    }
  });
  return message;
}

ApiAnswer answer_of(const web::http::http_response& response, std::string body) {
  const auto field = [&](const std::string& name) {
    const auto found = response.headers().find(name);
    return found == response.headers().end() ? std::string() : found->second;
  };
  return {response.status_code(), std::move(body), field(web::http::header_names::retry_after),
          field(web::http::header_names::location),
          text::equal_ignoring_case(field(std::string(bitbucket_rest::kNearLimitHeader)), "true")};
}

tl::unexpected<BitbucketError> failed(const std::string& what, std::string_view why,
                                      ApiFailure kind = ApiFailure::kUnreachable) {
  return tl::unexpected(BitbucketError{.kind = kind, .message = fmt::format("{}: {}", what, why)});
}

enum class Waited : std::uint8_t { kAnswered, kLate, kGivenUp };

Waited wait_for(const std::future<Answered>& answer, const ClientOptions& options) {
  using std::chrono::milliseconds;
  const auto deadline = clock::Steady::now() + options.deadline;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - clock::Steady::now());
    const auto patience = std::clamp(left, milliseconds(0), kLook);
    if (answer.wait_for(patience) == std::future_status::ready) return Waited::kAnswered;
    if (options.given_up && options.given_up()) return Waited::kGivenUp;
    if (left <= milliseconds(0)) return Waited::kLate;
  }
}

}  // namespace

/// Whom a request is for, and how it gets there.
struct Server {
  std::string address;  ///< with its scheme
  std::string host;
  std::string failed;  ///< what is said where it gives no answer
  std::optional<http::Proxy> proxy;
};

/// cpprestsdk's client of one server, which keeps its connections. Sends nothing by itself.
struct Connected {
  Connected(const Server& server, const ClientOptions& options)
      : client(web::uri(server.address), config_of(options, server.host, server.proxy, verdict)) {}

  std::shared_ptr<Verdict> verdict = std::make_shared<Verdict>(X509_V_OK);
  web::http::client::http_client client;
  std::atomic<bool> answered{false};  ///< so that a connection may be kept
};

namespace {

Server server_of(const web::uri& address, const ClientOptions& options) {
  const int port = address.is_port_default() ? 443 : address.port();
  auto proxy = options.proxy.for_server(address.host(), static_cast<unsigned short>(port));
  const std::string by = proxy ? " through the proxy " + proxy->address() : std::string();
  return {.address = address.authority().to_string(),
          .host = address.host(),
          .failed = fmt::format("{}:{} cannot be asked{}", address.host(), port, by),
          .proxy = std::move(proxy)};
}

Answered ask(Connected& connected, const Server& server, const ApiRequest& request,
             const ClientOptions& options) {
  // Shared: if the deadline comes first, the chain ends later, by its own time limits.
  const auto outcome = std::make_shared<std::promise<Answered>>();
  std::future<Answered> answer = outcome->get_future();
  connected.client.request(message_of(request, options))
      .then([](const web::http::http_response& response) {
        return response.extract_utf8string(true).then(
            [response](std::string body) { return answer_of(response, std::move(body)); });
      })
      .then([outcome, what = server.failed, verdict = connected.verdict, ca_name = options.ca_name,
             has_authorities = !options.ca_pem.empty()](const pplx::task<ApiAnswer>& done) {
        const int refused = *verdict;
        try {
          outcome->set_value(done.get());
        } catch (const std::exception& error) {
          outcome->set_value(failed(
              what, refused == X509_V_OK ? error.what()
                                         : certificate_problem(refused, has_authorities, ca_name)));
        } catch (...) {
          outcome->set_value(failed(what, "for no reason that is known"));
        }
      });
  switch (wait_for(answer, options)) {
    case Waited::kAnswered:
      break;
    case Waited::kGivenUp:
      return failed(server.failed, "it was interrupted", ApiFailure::kUnknown);
    case Waited::kLate:
      return failed(server.failed,
                    fmt::format("no complete answer within {} s",
                                std::chrono::duration<double>(options.deadline).count()),
                    ApiFailure::kTimeout);
  }
  Answered answered = answer.get();
  if (answered) bitbucket_rest::hide_token(*answered, options.authorization);
  return answered;
}

}  // namespace

tl::expected<Client, std::string> Client::create(ClientOptions options) {
  if (!options.ca_pem.empty() && read_authorities(options.ca_pem, nullptr) == 0) {
    return tl::unexpected(std::string("contains no readable PEM certificate"));
  }
  return Client(std::move(options));
}

Answered Client::send(const ApiRequest& request) const {
  if (!web::uri::validate(request.url)) {
    return tl::unexpected(
        BitbucketError{.kind = ApiFailure::kUnreachable,
                       .message = "cannot reach Bitbucket: its address is not a URL"});
  }
  const Server server = server_of(web::uri(request.url), options_);
  try {
    if (request.method == "GET") return read(server, request);
    Connected connected(server, options_);
    return ask(connected, server, request, options_);
  } catch (const std::exception& error) {
    return failed(server.failed, error.what());
  }
}

Answered Client::read(const Server& server, const ApiRequest& request) const {
  std::unique_lock lock(kept_->mutex);
  auto& place = kept_->clients[server.address];
  if (!place) place = std::make_shared<Connected>(server, options_);
  const auto connected = place;
  lock.unlock();
  Answered answer = ask(*connected, server, request, options_);
  if (answer) connected->answered = true;
  if (answer || answer.error().kind != ApiFailure::kUnreachable) return answer;
  lock.lock();
  // Others that go through it may have replaced it already.
  if (place == connected) place = nullptr;
  lock.unlock();
  // The server may have closed a kept connection at that moment.
  if (!connected->answered) return answer;
  Connected second(server, options_);
  return ask(second, server, request, options_);
}

void Client::run(bitbucket_rest::Operation& operation) const {
  bitbucket_rest::run(operation, [this](const ApiRequest& request) { return send(request); });
}

}  // namespace receiver::bitbucket_cpprest
