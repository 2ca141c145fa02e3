#include "webhook/bitbucket_clients.h"

#include <algorithm>
#include <map>
#include <utility>

#include "async/kept_alive.h"
#include "bitbucket_http/client.h"
#include "clock/timer.h"

namespace receiver::webhook {

namespace asio = boost::asio;
using Access = std::shared_ptr<const controllers::BitbucketAccess>;
using Time = clock::Steady::time_point;

class BitbucketClients::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, BitbucketClientsOptions options)
      : executor_(std::move(executor)), options_(std::move(options)), sweep_(executor_) {}

  asio::awaitable<void> ask(async::KeptAlive, Access access, bitbucket_rest::Operation& operation,
                            Time deadline, std::chrono::milliseconds gap);
  void stop() {
    clients_.clear();
    sweep_.cancel();
  }
  [[nodiscard]] std::size_t size() const { return clients_.size(); }

 private:
  /// UID and version of a Secret.
  using Key = std::pair<std::string, std::string>;
  struct Used {
    std::unique_ptr<bitbucket_http::Client> client;
    Time last{};
  };

  tl::expected<bitbucket_http::Client*, std::string> client_of(const Access& access);
  void drop_idle();

  const asio::any_io_executor executor_;
  const BitbucketClientsOptions options_;
  std::map<Key, Used> clients_;
  clock::Timer sweep_;
  bool sweeps_ = false;
};

asio::awaitable<void> BitbucketClients::Impl::ask(async::KeptAlive, Access access,
                                                  bitbucket_rest::Operation& operation,
                                                  Time deadline, std::chrono::milliseconds gap) {
  const auto client = client_of(access);
  if (client) {
    auto running = (*client)->run(operation, deadline, gap);
    co_await std::move(running);
    co_return;
  }
  while (operation.next() != nullptr) {
    operation.take(tl::unexpected(bitbucket_rest::BitbucketError{
        .kind = bitbucket_rest::ApiFailure::kUnreachable, .message = client.error()}));
  }
}

tl::expected<bitbucket_http::Client*, std::string> BitbucketClients::Impl::client_of(
    const Access& access) {
  const Time now = clock::Steady::now();
  const Key key{access->secret_uid, access->secret_version};
  auto found = clients_.find(key);
  if (found == clients_.end()) {
    auto client =
        bitbucket_http::Client::create(executor_, {.server = access->server,
                                                   .ca_pem = std::string(access->ca.view()),
                                                   .authorization = access->authorization,
                                                   .proxy = options_.proxy,
                                                   .user_agent = options_.user_agent});
    if (!client) return tl::unexpected(std::move(client.error()));
    if (clients_.size() >= options_.clients) {
      clients_.erase(std::ranges::min_element(clients_, {},
                                              [](const auto& used) { return used.second.last; }));
    }
    found = clients_.emplace(key, Used{std::move(*client), now}).first;
  }
  found->second.last = now;
  if (!sweeps_) drop_idle();
  return found->second.client.get();
}

/// Drops idle clients now, and again until there are none.
void BitbucketClients::Impl::drop_idle() {
  const Time now = clock::Steady::now();
  std::erase_if(clients_,
                [&](const auto& used) { return now - used.second.last >= options_.idle_time; });
  sweeps_ = !clients_.empty();
  if (!sweeps_) return;
  sweep_.expires_after(options_.idle_time);
  sweep_.async_wait([this, weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto alive = weak.lock();
    if (!cancelled && alive) drop_idle();
  });
}

BitbucketClients::BitbucketClients(asio::any_io_executor executor, BitbucketClientsOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}

BitbucketClients::~BitbucketClients() {
  impl_->stop();
}

asio::awaitable<void> BitbucketClients::ask(Access access, bitbucket_rest::Operation& operation,
                                            Time deadline, std::chrono::milliseconds gap) {
  return impl_->ask(impl_, std::move(access), operation, deadline, gap);
}

std::size_t BitbucketClients::size() const {
  return impl_->size();
}

}  // namespace receiver::webhook
