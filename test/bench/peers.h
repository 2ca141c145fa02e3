#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "crypto/crypto.h"
#include "http/client.h"
#include "kube/config.h"
#include "kube/object_key.h"

namespace receiver::bench {

// Both throw std::runtime_error if the peer does not do what is expected: the measurement would be
// about something else.

/// The API server without the operator: the floor.
class ApiServer {
 public:
  ApiServer(boost::asio::any_io_executor executor, const kube::Config& config,
            std::size_t connections);

  /// The beginning of its refresh tokens, different from the operator's.
  static constexpr std::string_view kBareToken = "bare ";
  /// The operator's PATCH for one Warehouse.
  boost::asio::awaitable<void> refresh(kube::ObjectKey warehouse);
  /// The operator's PATCH for the status of one ProjectConfig.
  boost::asio::awaitable<void> write_status(kube::ObjectKey project_config, std::string patch);
  /// Reads a list, page by page as the operator does, without keeping it. Returns its size in
  /// bytes. `selector` begins with &.
  boost::asio::awaitable<std::size_t> read_list(std::string path, std::string selector = {});

 private:
  [[nodiscard]] http::Request request(std::string method, std::string target) const;
  boost::asio::awaitable<void> patch(std::string target, std::string body);
  struct Page {
    std::size_t bytes = 0;
    std::string next{};  ///< the continue token; empty after the last page
  };
  boost::asio::awaitable<Page> read_page(std::string target);

  std::string authorization_;
  std::uint64_t refreshes_ = 0;
  http::Client client_;
};

/// A push of Bitbucket Cloud, or of Data Center with its event.
[[nodiscard]] http::Request signed_push(std::string path, std::string body,
                                        const crypto::SecretString& secret,
                                        std::string event = "repo:push");

/// A server of deliveries, from Bitbucket's view.
class Receiver {
 public:
  /// `url` is http://ADDRESS:PORT.
  Receiver(boost::asio::any_io_executor executor, std::string_view url, std::size_t connections);

  /// Throws unless the answer is `status` with `expected` in its body.
  boost::asio::awaitable<void> deliver(http::Request delivery, unsigned status,
                                       std::string expected);

 private:
  http::Client client_;
};

}  // namespace receiver::bench
