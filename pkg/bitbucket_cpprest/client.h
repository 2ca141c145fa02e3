#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "bitbucket_rest/messages.h"
#include "bitbucket_rest/operation.h"
#include "crypto/crypto.h"
#include "http/proxy.h"

namespace receiver::bitbucket_cpprest {

struct Connected;
struct Server;

struct ClientOptions {
  crypto::SecretString authorization{};  ///< value of the header
  std::string ca_pem{};                  ///< CAs that are trusted besides the system's; empty: none
  http::ProxySettings proxy{};
  std::string user_agent{};
  std::chrono::milliseconds deadline{30'000};  ///< of one request, from connecting to the last byte
  /// Called while a request waits: whether the answer is no longer wanted. Empty: it always is.
  std::function<bool()> given_up{};
  /// Where the user sets `ca_pem`, for error messages.
  std::string ca_name{"--ca-file"};
};

/// An HTTPS client for short-lived work, on cpprestsdk. Reads share kept connections. Every write
/// has its own connection, because cpprestsdk silently repeats a POST if a kept connection has
/// died. Redirects are not followed: they would carry the token to another host. The client
/// verifies the server's certificate and name with OpenSSL, because cpprestsdk alone would accept
/// the common name even if there are alternative names. Blocks; thread-safe.
class Client {
 public:
  /// The error is about invalid CA certificates.
  [[nodiscard]] static tl::expected<Client, std::string> create(ClientOptions options);

  /// The error (kTimeout, kUnreachable, or kUnknown if the answer is no longer wanted) contains
  /// neither token nor body. A request without an answer may still have been carried out.
  [[nodiscard]] tl::expected<bitbucket_rest::ApiAnswer, bitbucket_rest::BitbucketError> send(
      const bitbucket_rest::ApiRequest& request) const;
  /// Runs the operation to its end.
  void run(bitbucket_rest::Operation& operation) const;

  static constexpr std::size_t kMaxAnswerBytes = 4 * 1024 * 1024;

 private:
  /// What reads go through, by the server's address.
  struct Kept {
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<Connected>> clients;
  };

  explicit Client(ClientOptions options)
      : options_(std::move(options)), kept_(std::make_shared<Kept>()) {}
  [[nodiscard]] tl::expected<bitbucket_rest::ApiAnswer, bitbucket_rest::BitbucketError> read(
      const Server& server, const bitbucket_rest::ApiRequest& request) const;

  ClientOptions options_;
  std::shared_ptr<Kept> kept_;
};

}  // namespace receiver::bitbucket_cpprest
