#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "bitbucket_http/client.h"
#include "bitbucket_rest/operation.h"
#include "clock/clock.h"
#include "controllers/bitbucket_access.h"
#include "http/proxy.h"

namespace receiver::webhook {

struct BitbucketClientsOptions {
  http::ProxySettings proxy{};
  std::string user_agent{};
  std::size_t clients = 16;  ///< beyond it, the client idle longest is dropped, if one is idle
  /// An idle client is dropped with its token, which the Secret may no longer contain.
  std::chrono::milliseconds idle_time{60'000};
};

/// The clients of the Bitbuckets that receivers use: one for each version of a Secret, while it is
/// used. No client is dropped while it runs an operation. All members run on the executor's single
/// thread.
class BitbucketClients {
 public:
  BitbucketClients(boost::asio::any_io_executor executor, BitbucketClientsOptions options);
  ~BitbucketClients();
  BitbucketClients(const BitbucketClients&) = delete;
  BitbucketClients& operator=(const BitbucketClients&) = delete;

  /// Runs the operation to its end, at the latest shortly after the deadline. The operation must
  /// outlive the call; this object need not.
  boost::asio::awaitable<void> ask(std::shared_ptr<const controllers::BitbucketAccess> access,
                                   bitbucket_rest::Operation& operation,
                                   clock::Steady::time_point deadline);
  /// The same, with `before` ahead of each request.
  boost::asio::awaitable<void> ask(std::shared_ptr<const controllers::BitbucketAccess> access,
                                   bitbucket_rest::Operation& operation,
                                   bitbucket_http::Before before);

  [[nodiscard]] std::size_t size() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::webhook
