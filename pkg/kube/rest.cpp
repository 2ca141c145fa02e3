#include "kube/rest.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <malloc.h>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "async/kept_alive.h"
#include "async/slots.h"
#include "clock/clock.h"
#include "clock/timer.h"
#include "kube/credentials.h"
#include "kube/throttle.h"

namespace receiver::kube {
namespace {

namespace asio = boost::asio;
using Deadline = clock::Steady::time_point;

/// Limit of waiting requests in one lane: more than the namespaces of a cluster.
constexpr std::size_t kMaxWaiting = 10'000;
constexpr std::size_t kLargeEvents = 8;
constexpr std::chrono::milliseconds kTrimDelay{500};
constexpr std::size_t kMaxErrorBodyBytes = 64UL * 1024;
constexpr std::string_view kJson = "application/json";
/// A writer of annotations reads only the metadata. Servers without this format answer with the
/// object.
constexpr std::string_view kMetadataOnly =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json";

ApiError closed() {
  return make_error(ApiError::Kind::kClosed, "the client was closed");
}

ApiError error_from_client(const http::ClientError& error) {
  switch (error.kind) {
    case http::ClientError::Kind::kClosed:
      return closed();
    case http::ClientError::Kind::kTooLarge:
      return make_error(ApiError::Kind::kMalformed, error.message);
    case http::ClientError::Kind::kConnect:
    case http::ClientError::Kind::kTls:
    case http::ClientError::Kind::kTimeout:
    case http::ClientError::Kind::kBroken:
      break;
  }
  return make_error(ApiError::Kind::kUnreachable, error.message);
}

ApiError error_from_head(unsigned status, const http::Headers& headers, std::string_view body) {
  return error_from_answer(status, headers.find("Retry-After").value_or(""), body,
                           clock::Wall::now());
}

bool is_success(unsigned status) {
  return status >= 200 && status < 300;
}

/// In the order of Lane, without kWatches.
std::vector<std::size_t> widths_of_lanes(const RestOptions& options) {
  return {options.patches, options.status_writes, 2, 6, 8, 2, 2};
}

http::ClientOptions client_options(const Credentials& credentials, const RestOptions& options) {
  const Config& config = credentials.config();
  http::ClientOptions result;
  result.scheme = config.scheme;
  result.host = config.host;
  result.port = config.port;
  result.tls = credentials.tls();
  result.proxy = config.proxy;
  const auto lanes = widths_of_lanes(options);
  result.connections = std::accumulate(lanes.begin(), lanes.end(), std::size_t{0});
  return result;
}

http::Request make_request(std::string method, std::string target, std::string body = {},
                           std::string_view content_type = kJson) {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = std::move(body);
  if (!request.body.empty()) request.headers.add("Content-Type", std::string(content_type));
  return request;
}

}  // namespace

class RestClient::Impl : public std::enable_shared_from_this<Impl> {
 public:
  using Stream = std::unique_ptr<http::ResponseStream>;
  using Place = async::Slots::Slot;

  Impl(asio::any_io_executor executor, RestOptions options,
       std::shared_ptr<Credentials> credentials, RequestObserver observer)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        credentials_(std::move(credentials)),
        observer_(std::move(observer)),
        client_(executor_, client_options(*credentials_, options_)),
        large_events_(executor_, kLargeEvents, kMaxWaiting),
        trim_timer_(executor_) {
    for (const std::size_t width : widths_of_lanes(options_)) lanes_.emplace_back(executor_, width);
    if (options_.queries_per_second > 0) {
      throttle_.emplace(options_.queries_per_second, options_.burst);
    }
  }

  asio::awaitable<ApiResult<std::string>> send(async::KeptAlive, http::Request request,
                                               std::chrono::milliseconds timeout, Lane lane) {
    const auto place = co_await enter(lane);
    if (!place) co_return tl::unexpected(place.error());
    const Deadline deadline = clock::Steady::now() + options_.timeout.value_or(timeout);
    const auto attempt = [this](http::Request ready, Deadline until) {
      return send_once(std::move(ready), until);
    };
    co_return co_await authenticated<std::string>(std::move(request), deadline, attempt);
  }

  asio::awaitable<ApiResult<Stream>> open(async::KeptAlive, std::string target, Lane lane,
                                          std::chrono::milliseconds timeout) {
    auto place = co_await enter(lane);
    if (!place) co_return tl::unexpected(std::move(place.error()));
    const Deadline deadline = clock::Steady::now() + options_.timeout.value_or(timeout);
    const auto connection =
        lane == Lane::kWatches ? http::Client::Connection::kOwn : http::Client::Connection::kPooled;
    http::Request request = make_request("GET", std::move(target));
    const auto attempt = [this, connection](http::Request ready, Deadline until) {
      return open_once(std::move(ready), until, connection);
    };
    auto opened = co_await authenticated<Stream>(std::move(request), deadline, attempt);
    if (!opened || lane == Lane::kWatches) co_return opened;
    co_return std::make_unique<LaneStream>(shared_from_this(), std::move(*place),
                                           std::move(*opened));
  }

  asio::awaitable<std::shared_ptr<void>> hold_large_event(async::KeptAlive) {
    auto place = co_await large_events_.take(Deadline::max());
    if (!place) co_return nullptr;  // the lane is closed, so the watch ends too
    co_return std::make_shared<Held>(shared_from_this(), std::move(*place));
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    large_events_.close();
    trim_timer_.cancel();
    for (LaneState& lane : lanes_) {
      lane.places.close();
      lane.door.close();
    }
    credentials_->close();
    async::Sleeper::wake_all(throttled_);
    client_.close();
  }

  [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] Recovery& recovery() { return recovery_; }

 private:
  /// The right to buffer a large event.
  class Held {
   public:
    Held(std::shared_ptr<Impl> client, Place place)
        : client_(std::move(client)), place_(std::move(place)) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { client_->give_memory_back_soon(); }

   private:
    std::shared_ptr<Impl> client_;  ///< owns the slots
    Place place_;
  };

  /// After many blocks of one size, small ones lie between the freed memory, and glibc returns that
  /// to the system only on request. At most twice a second, and once after the last.
  void give_memory_back_soon() {
    if (closed_ || std::exchange(trims_, true)) return;
    trim_timer_.expires_after(kTrimDelay);
    trim_timer_.async_wait(
        [this, weak = weak_from_this()](const boost::system::error_code& cancelled) {
          if (cancelled || weak.expired()) return;
          trims_ = false;
          ::malloc_trim(0);
        });
  }

  struct LaneState {
    LaneState(const asio::any_io_executor& executor, std::size_t width)
        : places(executor, width, kMaxWaiting), door(executor, 1, width) {}
    async::Slots places;
    /// The throttle's queue: one request of each lane waits in it, so that lanes take turns.
    async::Slots door;
  };

  /// A stream that occupies its place in a lane until it ends.
  class LaneStream final : public http::ResponseStream {
   public:
    LaneStream(std::shared_ptr<Impl> client, Place place, Stream inner)
        : client_(std::move(client)), place_(std::move(place)), inner_(std::move(inner)) {}
    ~LaneStream() override { client_->give_memory_back_soon(); }
    LaneStream(const LaneStream&) = delete;
    LaneStream& operator=(const LaneStream&) = delete;
    [[nodiscard]] unsigned status() const override { return inner_->status(); }
    [[nodiscard]] const http::Headers& headers() const override { return inner_->headers(); }
    asio::awaitable<http::Result<std::string_view>> next(std::chrono::milliseconds idle) override {
      auto piece = co_await inner_->next(idle);
      if (!piece || piece->empty()) place_.give_back();
      co_return piece;
    }

   private:
    std::shared_ptr<Impl> client_;  ///< owns the lane
    Place place_;
    Stream inner_;
  };

  /// Waits for a place in the lane, and then for the throttle, if there is one.
  asio::awaitable<ApiResult<Place>> enter(Lane lane) {
    if (closed_) co_return tl::unexpected(closed());
    if (lane == Lane::kWatches) co_return Place();
    LaneState& state = lanes_[static_cast<std::size_t>(lane)];
    auto place = co_await state.places.take(Deadline::max());
    if (!place) {
      co_return tl::unexpected(
          place.error() == async::Slots::Refusal::kClosed
              ? closed()
              : make_error(ApiError::Kind::kThrottled,
                           "not sent: too many requests of its kind are waiting"));
    }
    if (throttle_ && lane != Lane::kLease) {
      const auto first_in_lane = co_await state.door.take(Deadline::max());
      if (!first_in_lane) co_return tl::unexpected(closed());
      const auto start = throttle_->reserve(clock::Steady::now(), Deadline::max());
      if (!closed_ && clock::Steady::now() < *start) {
        async::Sleeper until_its_turn(executor_, throttled_);
        co_await until_its_turn.sleep(*start);
      }
    }
    if (closed_) co_return tl::unexpected(closed());
    co_return std::move(*place);
  }

  /// Sends with credentials, and once more with renewed ones if these were rejected.
  template <typename T, typename Attempt>
  asio::awaitable<ApiResult<T>> authenticated(http::Request request, Deadline deadline,
                                              Attempt attempt) {
    request.target.insert(0, credentials_->config().base_path);
    if (!request.headers.find("Accept")) request.headers.add("Accept", std::string(kJson));
    if (!options_.user_agent.empty()) request.headers.add("User-Agent", options_.user_agent);
    const Config& config = credentials_->config();
    for (const auto& [field, value] : config.impersonation) request.headers.add(field, value);
    for (bool renewed = false;; renewed = true) {
      if (closed_) co_return tl::unexpected(closed());
      const auto asked = clock::Steady::now();
      auto credentials = co_await credentials_->current(deadline);
      // The time that a person needs to log in does not count towards the request's timeout.
      if (config.exec && config.exec->at_terminal) deadline += clock::Steady::now() - asked;
      if (closed_) co_return tl::unexpected(closed());
      if (!credentials) {
        co_return tl::unexpected(
            make_error(ApiError::Kind::kUnauthorized, std::move(credentials.error())));
      }
      if (credentials->tls_version != tls_version_) {
        tls_version_ = credentials->tls_version;
        client_.set_tls(credentials_->tls());
      }
      http::Request ready = request;
      if (!credentials->token.empty()) {
        ready.headers.add("Authorization", "Bearer " + std::string(credentials->token.view()));
      }
      ApiResult<T> result = co_await attempt(std::move(ready), deadline);
      if (result || result.error().kind != ApiError::Kind::kUnauthorized || renewed) {
        co_return result;
      }
      const bool again = co_await credentials_->renew(std::move(*credentials), deadline);
      if (!again) co_return result;
    }
  }

  asio::awaitable<ApiResult<std::string>> send_once(http::Request request, Deadline deadline) {
    const Sent sent = note(request);
    auto answer = co_await client_.send(std::move(request), deadline);
    observe(sent, answer ? answer->status : 0);
    if (!answer) co_return tl::unexpected(error_from_client(answer.error()));
    if (is_success(answer->status)) {
      recovery_.succeeded();
      co_return std::move(answer->body);
    }
    co_return tl::unexpected(error_from_head(answer->status, answer->headers, answer->body));
  }

  asio::awaitable<ApiResult<Stream>> open_once(http::Request request, Deadline deadline,
                                               http::Client::Connection connection) {
    const Sent sent = note(request);
    auto answer = co_await client_.open(std::move(request), deadline, connection);
    observe(sent, answer ? (*answer)->status() : 0);
    if (!answer) co_return tl::unexpected(error_from_client(answer.error()));
    const Stream& stream = *answer;
    if (is_success(stream->status())) {
      recovery_.succeeded();
      co_return std::move(*answer);
    }
    std::string body;
    while (body.size() < kMaxErrorBodyBytes) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::Steady::now());
      if (left.count() <= 0) break;
      const auto piece = co_await stream->next(left);
      if (!piece || piece->empty()) break;  // the status alone is enough
      body.append(*piece);
    }
    co_return tl::unexpected(error_from_head(stream->status(), stream->headers(), body));
  }

  /// What observers learn about a request in flight.
  struct Sent {
    std::string method;
    std::string target;  ///< empty unless it is traced
    Deadline start;
  };
  [[nodiscard]] Sent note(const http::Request& request) const {
    return {request.method, options_.trace ? request.target : std::string(), clock::Steady::now()};
  }
  void observe(const Sent& sent, unsigned status) const {
    const auto took = clock::Steady::now() - sent.start;
    if (observer_) observer_(sent.method, status, took);
    if (options_.trace) options_.trace(sent.method, sent.target, status, took);
  }

  asio::any_io_executor executor_;
  RestOptions options_;
  std::shared_ptr<Credentials> credentials_;
  RequestObserver observer_;
  http::Client client_;
  std::uint64_t tls_version_ = 0;  ///< the version that client_ got last
  async::Slots large_events_;
  clock::Timer trim_timer_;
  bool trims_ = false;
  std::deque<LaneState> lanes_;  ///< in the order of Lane
  std::optional<Throttle> throttle_;
  async::Sleeper::Queue throttled_;
  Recovery recovery_;
  bool closed_ = false;
};

tl::expected<std::unique_ptr<RestClient>, std::string> RestClient::create(
    asio::any_io_executor executor, Config config, RestOptions options, log::Logger logger,
    RequestObserver observer) {
  auto credentials = Credentials::create(executor, std::move(config), std::move(logger));
  if (!credentials) return tl::unexpected(std::move(credentials.error()));
  auto impl = std::make_shared<Impl>(std::move(executor), std::move(options),
                                     std::move(*credentials), std::move(observer));
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
  return std::unique_ptr<RestClient>(new RestClient(std::move(impl)));
}

RestClient::RestClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer throws by declaration only
RestClient::~RestClient() {
  close();
}

asio::awaitable<ApiResult<std::string>> RestClient::send(http::Request request,
                                                         std::chrono::milliseconds timeout,
                                                         Lane lane) {
  return impl_->send(impl_, std::move(request), timeout, lane);
}

asio::awaitable<ApiResult<std::string>> RestClient::get(std::string target,
                                                        std::chrono::milliseconds timeout,
                                                        Lane lane) {
  return impl_->send(impl_, make_request("GET", std::move(target)), timeout, lane);
}

asio::awaitable<ApiResult<std::string>> RestClient::post(std::string target, std::string body,
                                                         std::chrono::milliseconds timeout,
                                                         Lane lane) {
  return impl_->send(impl_, make_request("POST", std::move(target), std::move(body)), timeout,
                     lane);
}

asio::awaitable<ApiResult<std::string>> RestClient::put(std::string target, std::string body,
                                                        std::chrono::milliseconds timeout,
                                                        Lane lane) {
  return impl_->send(impl_, make_request("PUT", std::move(target), std::move(body)), timeout, lane);
}

asio::awaitable<ApiResult<std::string>> RestClient::merge_patch(std::string target,
                                                                std::string body,
                                                                std::chrono::milliseconds timeout,
                                                                Lane lane) {
  auto request =
      make_request("PATCH", std::move(target), std::move(body), "application/merge-patch+json");
  request.headers.add("Accept", std::string(kMetadataOnly));
  return impl_->send(impl_, std::move(request), timeout, lane);
}

asio::awaitable<ApiResult<std::unique_ptr<http::ResponseStream>>> RestClient::open(
    std::string target, Lane lane, std::chrono::milliseconds timeout) {
  return impl_->open(impl_, std::move(target), lane, timeout);
}

asio::awaitable<std::shared_ptr<void>> RestClient::hold_large_event() {
  return impl_->hold_large_event(impl_);
}

Recovery& RestClient::recovery() {
  return impl_->recovery();
}

void RestClient::close() {
  impl_->close();
}

asio::any_io_executor RestClient::executor() const {
  return impl_->executor();
}

}  // namespace receiver::kube
