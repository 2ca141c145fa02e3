#include "bitbucket_rest/client.h"

#include <algorithm>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>

#include <cpprest/http_client.h>
#include <fmt/format.h>

#include "git/url.h"

namespace receiver::bitbucket_rest {
namespace {

namespace http = web::http;
using Answered = tl::expected<ApiAnswer, std::string>;

http::client::http_client_config config_of(const ClientOptions& options) {
  http::client::http_client_config config;
  config.set_max_redirects(0);
  config.set_timeout(options.deadline);  // of each single read or write
  // Beside the system's, which cpprestsdk loads.
  config.set_ssl_context_callback([ca_file = options.ca_file](boost::asio::ssl::context& context) {
    boost::system::error_code ignored;
    if (!ca_file.empty()) context.load_verify_file(ca_file, ignored);  // create() has read it
  });
  return config;
}

http::http_request message_of(const ApiRequest& request, const ClientOptions& options) {
  http::http_request message(request.method);
  message.set_request_uri(web::uri(request.url).resource());
  message.headers().add(http::header_names::authorization,
                        std::string(options.authorization.view()));
  message.headers().add(http::header_names::accept, "application/json");
  message.headers().add(http::header_names::user_agent, options.user_agent);
  if (!request.body.empty()) message.set_body(request.body, "application/json");
  message.set_progress_handler(
      [](http::message_direction::direction direction, utility::size64_t bytes) {
        if (direction == http::message_direction::download && bytes > Client::kMaxAnswerBytes) {
          throw std::length_error("the answer is too long");
        }
      });
  return message;
}

ApiAnswer answer_of(const http::http_response& response, std::string body) {
  const auto field = [&](const std::string& name) {
    const auto found = response.headers().find(name);
    return found == response.headers().end() ? std::string() : found->second;
  };
  return {response.status_code(), std::move(body), field(http::header_names::retry_after),
          field(http::header_names::location)};
}

std::string without_line_break(std::string text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

tl::expected<crypto::SecretString, std::string> authorization(const std::string& user,
                                                              const crypto::SecretString& token) {
  std::string text = without_line_break(std::string(token.view()));
  using Wrong = tl::unexpected<std::string>;
  const auto is_readable = [](char c) { return c > ' ' && c < '\x7f'; };
  if (text.empty()) return Wrong("the token is empty");
  if (!std::ranges::all_of(text, is_readable)) {
    return Wrong("the token holds spaces, line breaks or other signs that no token has");
  }
  if (user.empty()) return crypto::SecretString("Bearer " + text);
  if (!std::ranges::all_of(user, is_readable) || user.find(':') != std::string::npos) {
    return Wrong("the user name holds spaces or colons");
  }
  std::string credentials = user + ":" + text;
  crypto::wipe(text);
  std::string value = "Basic " + crypto::base64_encode(credentials);
  crypto::wipe(credentials);
  return crypto::SecretString(std::move(value));
}

tl::expected<Client, std::string> Client::create(ClientOptions options) {
  if (!options.ca_file.empty()) {
    boost::asio::ssl::context context(boost::asio::ssl::context::tls_client);
    boost::system::error_code error;
    context.load_verify_file(options.ca_file, error);
    if (error) {
      return tl::unexpected(
          fmt::format("{} holds no PEM certificates that can be read", options.ca_file));
    }
  }
  return Client(std::move(options));
}

Answered Client::send(const ApiRequest& request) const {
  const auto url = git::Url::parse(request.url);
  const auto failed = [host = url ? url->host : "Bitbucket"](std::string_view why) {
    return tl::unexpected(fmt::format("{} cannot be asked: {}", host, why));
  };
  // Shared: if the deadline comes first, the chain ends later, by its own time limits.
  const auto outcome = std::make_shared<std::promise<Answered>>();
  std::future<Answered> answer = outcome->get_future();
  try {
    http::client::http_client client(web::uri(request.url).authority(), config_of(options_));
    client.request(message_of(request, options_))
        .then([](const http::http_response& response) {
          return response.extract_utf8string(true).then(
              [response](std::string body) { return answer_of(response, std::move(body)); });
        })
        .then([outcome, failed](const pplx::task<ApiAnswer>& done) {
          try {
            outcome->set_value(done.get());
          } catch (const std::exception& error) {
            outcome->set_value(failed(error.what()));
          } catch (...) {
            outcome->set_value(failed("for no reason that is known"));
          }
        });
  } catch (const std::exception& error) {
    return failed(error.what());
  }
  if (answer.wait_for(options_.deadline) != std::future_status::ready) {
    return failed(fmt::format("no whole answer within {} s",
                              std::chrono::duration<double>(options_.deadline).count()));
  }
  return answer.get();
}

}  // namespace receiver::bitbucket_rest
