#include "test/chaos/traffic.h"

#include <array>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "bitbucket/event.h"
#include "http/response_parser.h"

namespace receiver::chaos {

namespace asio = boost::asio;
using asio::ip::tcp;
using clock::Wall;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kTick{100};
constexpr milliseconds kLongestPause{20};

std::string request_text(const Signed& next) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: "
      "application/json\r\nContent-Length: {}\r\nX-Event-Key: {}\r\nX-Hub-Signature: {}\r\n\r\n{}",
      next.path, next.delivery.body.size(), next.delivery.event,
      next.delivery.signature.value_or(""), next.delivery.body);
}

/// Reads one answer into status and body. Throws if the connection ends early.
asio::awaitable<void> read_answer(tcp::socket& socket, SentDelivery& sent) {
  http::ResponseParser parser(false);
  std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
  std::string unread;
  unsigned status = 0;
  for (;;) {
    unread.append(buffer.data(),
                  co_await socket.async_read_some(asio::buffer(buffer), asio::use_awaitable));
    std::string_view rest = unread;
    for (auto step = parser.step(rest); step != http::ResponseParser::Step::kNeedsMore;
         step = parser.step(rest)) {
      if (step == http::ResponseParser::Step::kMalformed) throw std::runtime_error("malformed");
      if (step == http::ResponseParser::Step::kHead) status = parser.status();
      if (step == http::ResponseParser::Step::kPiece) sent.body += parser.piece();
      if (step != http::ResponseParser::Step::kEnd) continue;
      sent.status = status;
      co_return;
    }
    unread = rest;
  }
}

/// Closes the socket if the answer takes too long.
class Watchdog {
 public:
  explicit Watchdog(tcp::socket& socket) : timer_(socket.get_executor(), Traffic::kLongestAnswer) {
    timer_.async_wait([&socket](const boost::system::error_code& cancelled) {
      if (!cancelled) socket.close();
    });
  }

 private:
  asio::steady_timer timer_;
};

}  // namespace

class Traffic::Impl {
 public:
  Impl(std::vector<Signed> to_send, std::vector<unsigned short> ports)
      : to_send_(std::move(to_send)), ports_(std::move(ports)) {
    asio::co_spawn(io_, send_steadily(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }

  void send_to(std::vector<unsigned short> ports) {
    asio::post(io_, [this, ports = std::move(ports)] { ports_ = ports; });
  }

  void stop() {
    asio::post(io_, [this] { stopped_ = true; });
    if (thread_.joinable()) thread_.join();
  }

  std::vector<SentDelivery> deliveries() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

 private:
  asio::awaitable<void> send_steadily() {
    asio::steady_timer tick(io_, clock::Steady::now());
    for (std::size_t count = 0; !stopped_; ++count) {
      if (!ports_.empty()) {
        const std::size_t twice = count % to_send_.size();
        const std::size_t once = (count + to_send_.size() / 2) % to_send_.size();
        for (const std::size_t index : {twice, twice, once}) send(to_send_[index]);
      }
      tick.expires_at(tick.expiry() + kTick);
      co_await tick.async_wait(asio::use_awaitable);
    }
  }

  void send(const Signed& next) {
    const unsigned short port = ports_[next_port_++ % ports_.size()];
    asio::co_spawn(io_, deliver(next, port), asio::detached);
  }

  asio::awaitable<void> deliver(const Signed& next, unsigned short port) {
    SentDelivery sent;
    const auto kind = bitbucket::event_kind(next.delivery.event);
    sent.cloud = kind->source == bitbucket::Source::kCloud;
    sent.targets = next.targets;
    sent.begun = sent.last_byte = Wall::now();
    try {
      tcp::socket socket(io_);
      const Watchdog watchdog(socket);
      co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, asio::use_awaitable);
      const std::string text = request_text(next);
      const std::size_t all_but_one = text.size() - 1;
      co_await asio::async_write(socket, asio::buffer(text.data(), all_but_one),
                                 asio::use_awaitable);
      const auto pause_begun = Wall::now();
      asio::steady_timer pause(io_, milliseconds(pause_(random_)));
      co_await pause.async_wait(asio::use_awaitable);
      sent.last_byte = Wall::now();
      sent.paused = sent.last_byte - pause_begun;
      co_await asio::async_write(socket, asio::buffer(&text.back(), 1), asio::use_awaitable);
      co_await read_answer(socket, sent);
    } catch (const std::exception&) {
      sent.status = 0;
    }
    sent.answered = Wall::now();
    const std::lock_guard lock(mutex_);
    ended_.push_back(std::move(sent));
  }

  asio::io_context io_{1};
  std::thread thread_;
  const std::vector<Signed> to_send_;

  // Used by the thread.
  std::vector<unsigned short> ports_;
  std::size_t next_port_ = 0;
  bool stopped_ = false;
  std::minstd_rand random_{std::random_device{}()};
  std::uniform_int_distribution<milliseconds::rep> pause_{0, kLongestPause.count()};

  mutable std::mutex mutex_;
  std::vector<SentDelivery> ended_;
};

Traffic::Traffic(std::vector<Signed> to_send, std::vector<unsigned short> ports)
    : impl_(std::make_unique<Impl>(std::move(to_send), std::move(ports))) {}

Traffic::~Traffic() {
  impl_->stop();
}

void Traffic::send_to(std::vector<unsigned short> ports) {
  impl_->send_to(std::move(ports));
}

void Traffic::stop() {
  impl_->stop();
}

std::vector<SentDelivery> Traffic::deliveries() const {
  return impl_->deliveries();
}

}  // namespace receiver::chaos
