#include "test/chaos/changes.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "crypto/crypto.h"
#include "http/client.h"
#include "test/support/json.h"

namespace receiver::chaos {

namespace asio = boost::asio;
using test::Json;

namespace {

/// Warehouses, Promotions, and kinds that are never refreshed.
constexpr std::string_view kKargoObjects = "/registry/kargo.akuity.io/";
constexpr std::string_view kBehindObjects = "/registry/kargo.akuity.io0";
constexpr std::chrono::hours kSilence{24};
constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::seconds kPatience{10};

http::ClientOptions options_of(unsigned short port) {
  http::ClientOptions options;
  options.scheme = "http";
  options.host = "127.0.0.1";
  options.port = port;
  return options;
}

std::string decoded(const std::string& base64) {
  return crypto::base64_decode(base64).value();
}

}  // namespace

class ChangeFeed::Impl {
 public:
  Impl(unsigned short port, std::int64_t after)
      : client_(io_.get_executor(), options_of(port)), revision_(after) {
    asio::co_spawn(io_, watch_for_ever(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
    std::unique_lock lock(mutex_);
    if (!begun_.wait_for(lock, kPatience, [this] { return revision_ > 0; })) {
      throw std::runtime_error("etcd's watch of objects does not begin");
    }
  }

  ~Impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  std::int64_t revision() const {
    const std::lock_guard lock(mutex_);
    return revision_;
  }

  std::vector<Change> changes() const {
    const std::lock_guard lock(mutex_);
    if (!problem_.empty()) throw std::runtime_error(problem_);
    return changes_;
  }

 private:
  asio::awaitable<void> watch_for_ever() {
    asio::steady_timer pause(io_);
    for (;;) {
      co_await watch();
      pause.expires_after(kPause);
      co_await pause.async_wait(asio::use_awaitable);
    }
  }

  /// Runs until the stream ends.
  asio::awaitable<void> watch() {
    http::Request request{"POST", "/v3/watch", {{"Content-Type", "application/json"}}, {}};
    request.body = fmt::format(
        R"({{"create_request": {{"key": "{}", "range_end": "{}", "start_revision": "{}"}}}})",
        crypto::base64_encode(kKargoObjects), crypto::base64_encode(kBehindObjects),
        revision_ == 0 ? 0 : revision_ + 1);
    auto stream = co_await client_.open(std::move(request), clock::Steady::now() + kPatience,
                                        http::Client::Connection::kOwn);
    if (!stream) co_return;
    std::string text;
    for (;;) {
      const auto piece = co_await (*stream)->next(kSilence);
      if (!piece || piece->empty()) co_return;
      text += *piece;
      for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;) {
        take(Json(std::string_view(text).substr(0, end)));
        text.erase(0, end + 1);
      }
    }
  }

  void take(const Json& message) {
    const std::lock_guard lock(mutex_);
    if (message.at("/result/canceled") == "true") {
      problem_ = "etcd ended the watch of objects: " + message.at("/result/cancel_reason");
      return;
    }
    const std::size_t events = message.size_at("/result/events");
    for (std::size_t index = 0; index < events; ++index) {
      take_event(message, fmt::format("/result/events/{}", index));
    }
    if (message.at("/result/created") == "true" && revision_ == 0) {
      revision_ = std::stoll(message.at("/result/header/revision"));
      begun_.notify_all();
    }
  }

  void take_event(const Json& message, const std::string& event) {
    revision_ = std::stoll(message.at(event + "/kv/mod_revision"));
    if (message.at(event + "/type") == "DELETE") return;
    const Json object(decoded(message.at(event + "/kv/value")));
    std::string token = test::refresh_of(object);
    std::string name = decoded(message.at(event + "/kv/key")).substr(kKargoObjects.size());
    if (token.empty() || std::exchange(last_[name], token) == token) return;
    changes_.push_back({std::move(name), std::move(token), clock::Wall::now()});
  }

  asio::io_context io_{1};
  http::Client client_;
  std::thread thread_;

  mutable std::mutex mutex_;
  std::condition_variable begun_;
  std::int64_t revision_ = 0;  ///< the last one seen
  std::map<std::string, std::string> last_;
  std::vector<Change> changes_;
  std::string problem_;
};

ChangeFeed::ChangeFeed(unsigned short etcd_port, std::int64_t after)
    : impl_(std::make_unique<Impl>(etcd_port, after)) {}
ChangeFeed::~ChangeFeed() = default;

std::int64_t ChangeFeed::revision() const {
  return impl_->revision();
}

std::vector<Change> ChangeFeed::changes() const {
  return impl_->changes();
}

}  // namespace receiver::chaos
