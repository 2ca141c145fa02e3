#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <tl/expected.hpp>

#include "bitbucket_rest/messages.h"
#include "bitbucket_rest/operation.h"
#include "crypto/crypto.h"
#include "http/proxy.h"

namespace receiver::bitbucket_cpprest {

struct ClientOptions {
  crypto::SecretString authorization{};  ///< the header's value
  std::string ca_pem{};  ///< authorities that are trusted beside the system's; empty: none
  http::ProxySettings proxy{};
  std::string user_agent{};
  std::chrono::milliseconds deadline{30'000};  ///< of one request, from connecting to the last byte
};

/// An HTTPS client for short-lived work, on cpprestsdk. Every request has a connection of its own,
/// since cpprestsdk repeats a POST without a word if a kept one has died. Redirects are not
/// followed: they would carry the token to another host. The server's certificate is verified as
/// OpenSSL does it, its name too: cpprestsdk alone would take the common name although there are
/// alternative names. Blocks; thread-safe.
class Client {
 public:
  /// The error is about authorities that are none.
  [[nodiscard]] static tl::expected<Client, std::string> create(ClientOptions options);

  /// The error, kTimeout or kUnreachable, repeats neither token nor body. Whatever was not answered
  /// may still have been done.
  [[nodiscard]] tl::expected<bitbucket_rest::ApiAnswer, bitbucket_rest::BitbucketError> send(
      const bitbucket_rest::ApiRequest& request) const;
  /// Until it has ended.
  void run(bitbucket_rest::Operation& operation) const;

  static constexpr std::size_t kMaxAnswerBytes = 4 * 1024 * 1024;

 private:
  explicit Client(ClientOptions options) : options_(std::move(options)) {}
  ClientOptions options_;
};

}  // namespace receiver::bitbucket_cpprest
