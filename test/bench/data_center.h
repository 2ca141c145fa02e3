#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "bitbucket_rest/repository.h"
#include "crypto/crypto.h"
#include "http/client.h"
#include "test/bench/workload.h"
#include "test/bitbucket_server/bitbucket_server.h"

namespace receiver::bench {

/// A Data Center that answers which files commits have changed, on its own thread, and projects
/// whose Warehouses subscribe to its repositories. It rejects every question except the expected
/// one for each commit. Every push, and every question of the benchmark itself, has a new commit.
class DataCenter {
 public:
  explicit DataCenter(boost::asio::any_io_executor executor);
  DataCenter(const DataCenter&) = delete;
  DataCenter& operator=(const DataCenter&) = delete;

  /// A monorepo in which every commit changes a file for the first Warehouse only. Its receiver
  /// asks.
  [[nodiscard]] Project by_folder() const;
  /// The same repository with one Warehouse without paths. Its receiver does not ask.
  [[nodiscard]] Project one() const;
  /// The same repository with Warehouses without paths: the only difference is whether the
  /// receiver's Secret contains a token.
  [[nodiscard]] Project with_token() const;
  [[nodiscard]] Project without_token() const;
  /// Another repository, whose commits change many files, none of them for its one Warehouse.
  [[nodiscard]] Project unconcerned() const;
  [[nodiscard]] std::vector<Project> projects() const;

  /// A push of the next commit to the project's repository, for its receiver.
  [[nodiscard]] http::Request next_push(const Project& project, const crypto::SecretString& secret);
  /// Asks what the next commit to the monorepo has changed, as the operator does, without the
  /// operator: the floor.
  boost::asio::awaitable<void> ask();

  /// `HOST:PORT`, for the setting BITBUCKET_HOSTS.
  [[nodiscard]] std::string host() const;
  /// How often it was asked so far.
  [[nodiscard]] std::size_t questions() const { return server_.requests().size(); }

 private:
  [[nodiscard]] bitbucket_rest::Repository repository(std::string_view slug) const;
  [[nodiscard]] std::string clone_url(std::string_view slug) const;
  [[nodiscard]] test::Answer answer(const std::string& url) const;

  test::BitbucketServer server_;
  http::Client client_;
  int commits_ = 0;
};

}  // namespace receiver::bench
