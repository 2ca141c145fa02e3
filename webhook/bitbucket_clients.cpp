#include "webhook/bitbucket_clients.h"

#include <map>
#include <utility>
#include <variant>

#include "async/kept_alive.h"
#include "clock/timer.h"

namespace receiver::webhook {

namespace asio = boost::asio;
using Access = std::shared_ptr<const controllers::BitbucketAccess>;
using Time = clock::Steady::time_point;

namespace {

/// The registrar's visits of one Bitbucket at once, and some of the questions of deliveries.
constexpr std::size_t kConnections = 12;

}  // namespace

class BitbucketClients::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, BitbucketClientsOptions options)
      : executor_(std::move(executor)), options_(std::move(options)), sweep_(executor_) {}

  /// When the operation is to end, or what comes before each of its requests.
  using Until = std::variant<Time, bitbucket_http::Before>;
  asio::awaitable<void> ask(async::KeptAlive, Access access, bitbucket_rest::Operation& operation,
                            Until until);
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
    Time last{};                 ///< use
    std::size_t operations = 0;  ///< that run on it
  };

  static Key key_of(const Access& access) { return {access->secret_uid, access->secret_version}; }
  tl::expected<Used*, std::string> client_of(const Access& access);
  void drop_longest_idle();
  void drop_idle();

  const asio::any_io_executor executor_;
  const BitbucketClientsOptions options_;
  std::map<Key, Used> clients_;
  clock::Timer sweep_;
  bool sweeps_ = false;
};

asio::awaitable<void> BitbucketClients::Impl::ask(async::KeptAlive, Access access,
                                                  bitbucket_rest::Operation& operation,
                                                  Until until) {
  const auto used = client_of(access);
  if (used) {
    ++(*used)->operations;
    bitbucket_http::Client& client = *(*used)->client;
    auto* const before = std::get_if<bitbucket_http::Before>(&until);
    auto running = before != nullptr ? client.run(operation, std::move(*before))
                                     : client.run(operation, std::get<Time>(until));
    co_await std::move(running);
    const auto found = clients_.find(key_of(access));
    if (found == clients_.end()) co_return;  // stopped
    --found->second.operations;
    found->second.last = clock::Steady::now();
    co_return;
  }
  while (operation.next() != nullptr) {
    operation.take(tl::unexpected(bitbucket_rest::BitbucketError{
        .kind = bitbucket_rest::ApiFailure::kUnreachable, .message = used.error()}));
  }
}

tl::expected<BitbucketClients::Impl::Used*, std::string> BitbucketClients::Impl::client_of(
    const Access& access) {
  const Time now = clock::Steady::now();
  const Key key = key_of(access);
  auto found = clients_.find(key);
  if (found == clients_.end()) {
    auto client =
        bitbucket_http::Client::create(executor_, {.server = access->server,
                                                   .ca_pem = std::string(access->ca.view()),
                                                   .authorization = access->authorization,
                                                   .proxy = options_.proxy,
                                                   .user_agent = options_.user_agent,
                                                   .connections = kConnections});
    if (!client) return tl::unexpected(std::move(client.error()));
    if (clients_.size() >= options_.clients) drop_longest_idle();
    found = clients_.emplace(key, Used{std::move(*client), now}).first;
  }
  found->second.last = now;
  if (!sweeps_) drop_idle();
  return &found->second;
}

void BitbucketClients::Impl::drop_longest_idle() {
  auto idle = clients_.end();
  for (auto one = clients_.begin(); one != clients_.end(); ++one) {
    if (one->second.operations > 0) continue;
    if (idle == clients_.end() || one->second.last < idle->second.last) idle = one;
  }
  if (idle != clients_.end()) clients_.erase(idle);
}

/// Drops idle clients now, and again until there are none.
void BitbucketClients::Impl::drop_idle() {
  const Time now = clock::Steady::now();
  std::erase_if(clients_, [&](const auto& used) {
    return used.second.operations == 0 && now - used.second.last >= options_.idle_time;
  });
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
                                            Time deadline) {
  return impl_->ask(impl_, std::move(access), operation, deadline);
}

asio::awaitable<void> BitbucketClients::ask(Access access, bitbucket_rest::Operation& operation,
                                            bitbucket_http::Before before) {
  return impl_->ask(impl_, std::move(access), operation, std::move(before));
}

std::size_t BitbucketClients::size() const {
  return impl_->size();
}

}  // namespace receiver::webhook
