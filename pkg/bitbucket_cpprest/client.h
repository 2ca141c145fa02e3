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
  crypto::SecretString authorization{};  ///< the header's value
  std::string ca_pem{};  ///< authorities that are trusted beside the system's; empty: none
  http::ProxySettings proxy{};
  std::string user_agent{};
  std::chrono::milliseconds deadline{30'000};  ///< of one request, from connecting to the last byte
  /// Asked while an answer is waited for: whether nobody wants it any more. Not given: never.
  std::function<bool()> given_up{};
  /// Where people put `ca_pem`, for remedies.
  std::string ca_name{"--ca-file"};
};

/// An HTTPS client for short-lived work, on cpprestsdk. Reads share kept connections. Every write
/// has a connection of its own, since cpprestsdk repeats a POST without a word if a kept one has
/// died. Redirects are not followed: they would carry the token to another host. The server's
/// certificate is verified as OpenSSL does it, its name too: cpprestsdk alone would take the common
/// name although there are alternative names. Blocks; thread-safe.
class Client {
 public:
  /// The error is about authorities that are none.
  [[nodiscard]] static tl::expected<Client, std::string> create(ClientOptions options);

  /// The error, kTimeout or kUnreachable, or kUnknown where it was given up, repeats neither token
  /// nor body. Whatever was not answered may still have been done.
  [[nodiscard]] tl::expected<bitbucket_rest::ApiAnswer, bitbucket_rest::BitbucketError> send(
      const bitbucket_rest::ApiRequest& request) const;
  /// Until it has ended.
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
