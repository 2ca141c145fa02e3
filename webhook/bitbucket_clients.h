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
  std::size_t clients = 16;  ///< beyond it the one that is idle for the longest goes, if one is
  /// With an idle client goes its token, which the Secret may no longer hold.
  std::chrono::milliseconds idle_time{60'000};
};

/// The clients of the Bitbuckets that receivers name: one for each version of a Secret, while it is
/// used. None goes while an operation runs on it. All members run on the executor's single thread.
class BitbucketClients {
 public:
  BitbucketClients(boost::asio::any_io_executor executor, BitbucketClientsOptions options);
  ~BitbucketClients();
  BitbucketClients(const BitbucketClients&) = delete;
  BitbucketClients& operator=(const BitbucketClients&) = delete;

  /// Runs the operation until it has ended, at the latest shortly after the deadline. The operation
  /// outlives the call; this need not.
  boost::asio::awaitable<void> ask(std::shared_ptr<const controllers::BitbucketAccess> access,
                                   bitbucket_rest::Operation& operation,
                                   clock::Steady::time_point deadline);
  /// The same, each request after `before`.
  boost::asio::awaitable<void> ask(std::shared_ptr<const controllers::BitbucketAccess> access,
                                   bitbucket_rest::Operation& operation,
                                   bitbucket_http::Before before);

  [[nodiscard]] std::size_t size() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::webhook
