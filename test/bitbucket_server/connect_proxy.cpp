#include "test/bitbucket_server/connect_proxy.h"

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

namespace receiver::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using SocketPtr = std::shared_ptr<tcp::socket>;

constexpr std::size_t kMaxHead = 8192;

/// One direction, until either side closes.
struct Relay : std::enable_shared_from_this<Relay> {
  using Seen = std::function<void(std::string_view piece)>;
  Relay(SocketPtr source, SocketPtr sink, Seen s = {})
      : from(std::move(source)), to(std::move(sink)), seen(std::move(s)) {}

  void go() {
    from->async_read_some(asio::buffer(piece), [self = shared_from_this()](auto error, auto size) {
      if (error) return self->end();
      if (self->seen) self->seen({self->piece.data(), size});
      asio::async_write(*self->to, asio::buffer(self->piece, size),
                        [self](auto failed, auto) { return failed ? self->end() : self->go(); });
    });
  }
  void end() const {
    boost::system::error_code ignored;
    from->close(ignored);
    to->close(ignored);
  }

  SocketPtr from;
  SocketPtr to;
  Seen seen;
  std::array<char, kMaxHead> piece{};
};

/// The rest of the first line that begins with `name`.
std::string field(const std::string& head, const std::string& name) {
  const std::size_t at = head.find("\r\n" + name);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + 2 + name.size();
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

}  // namespace

class ConnectProxy::Impl {
 public:
  Impl(unsigned short target, const std::string& authorization)
      : target_(asio::ip::address_v4::loopback(), target), authorization_(authorization) {
    asio::co_spawn(io_, accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Impl() {
    io_.stop();
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  asio::awaitable<void> accept() {
    for (;;) {
      const auto client =
          std::make_shared<tcp::socket>(co_await acceptor_.async_accept(asio::use_awaitable));
      asio::co_spawn(io_, serve(client), asio::detached);
    }
  }

  asio::awaitable<void> serve(SocketPtr client) {
    std::string head;
    try {
      co_await asio::async_read_until(*client, asio::dynamic_buffer(head, kMaxHead), "\r\n\r\n",
                                      asio::use_awaitable);
      std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n";
      tcp::endpoint target = target_;
      keep(head);
      if (!head.starts_with("CONNECT ")) {
        answer = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n";
      } else {
        const std::string from = head.substr(8, head.find(' ', 8) - 8);
        if (const auto led = leads_.find(from); led != leads_.end()) target.port(led->second);
        tunnels_.emplace(from, client);
        const std::lock_guard lock(mutex_);
        connects_.push_back(from);
        if (!authorization_.empty() && field(head, "Proxy-Authorization: ") != authorization_) {
          answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        }
      }
      co_await asio::async_write(*client, asio::buffer(answer), asio::use_awaitable);
      if (answer.find(" 200 ") == std::string::npos) co_return;
      const auto server = std::make_shared<tcp::socket>(io_);
      co_await server->async_connect(target, asio::use_awaitable);
      std::make_shared<Relay>(client, server, [this](auto piece) { keep(piece); })->go();
      std::make_shared<Relay>(server, client)->go();
    } catch (const boost::system::system_error&) {
      co_return;  // the client has closed
    }
  }

  void keep(std::string_view piece) {
    const std::lock_guard lock(mutex_);
    received_ += piece;
  }

  void lead(const std::string& from, unsigned short target) {
    const auto turn = [this, &from, target] {
      leads_[from] = target;
      for (auto [tunnel, end] = tunnels_.equal_range(from); tunnel != end; ++tunnel) {
        boost::system::error_code ignored;
        if (const auto client = tunnel->second.lock()) client->close(ignored);
      }
      tunnels_.erase(from);
    };
    asio::post(io_, asio::use_future(turn)).get();
  }

  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  const std::string address_ = "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  tcp::endpoint target_;
  std::string authorization_;
  // Used by the thread.
  std::map<std::string, unsigned short> leads_;
  std::multimap<std::string, std::weak_ptr<tcp::socket>> tunnels_;

  mutable std::mutex mutex_;
  std::vector<std::string> connects_;
  std::string received_;
  std::thread thread_;
};

ConnectProxy::ConnectProxy(unsigned short target, const std::string& authorization)
    : impl_(std::make_unique<Impl>(target, authorization)) {}
ConnectProxy::~ConnectProxy() = default;

std::string ConnectProxy::address() const {
  return impl_->address_;
}

void ConnectProxy::lead(const std::string& from, unsigned short target) {
  impl_->lead(from, target);
}

std::string ConnectProxy::received() const {
  const std::lock_guard lock(impl_->mutex_);
  return impl_->received_;
}

std::vector<std::string> ConnectProxy::connects() const {
  const std::lock_guard lock(impl_->mutex_);
  return impl_->connects_;
}

}  // namespace receiver::test
