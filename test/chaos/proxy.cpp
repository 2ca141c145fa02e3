#include "test/chaos/proxy.h"

#include <array>
#include <atomic>
#include <charconv>
#include <fstream>
#include <future>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

namespace receiver::chaos {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::use_awaitable;
using asio::ip::tcp;

namespace {

constexpr std::size_t kBytesBeforeReset = 40;

/// An answer in the API server's format.
std::string answer(unsigned status, std::string_view reason, std::string_view header) {
  const std::string body = fmt::format(
      R"({{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"{}","code":{}}})", reason,
      status);
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}", status,
      reason, header, body.size(), body);
}

/// An answer of a load balancer without any server.
std::string page(std::string_view header) {
  constexpr std::string_view kBody = "<html><body>503 Service Unavailable</body></html>";
  return fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\n{}Content-Length: "
      "{}\r\n\r\n{}",
      header, kBody.size(), kBody);
}

/// The answer without asking the API server; empty if it is asked.
std::string instead(Proxy::Fault fault) {
  switch (fault) {
    case Proxy::Fault::kTooManyRequests:
      return answer(429, "TooManyRequests", "");
    case Proxy::Fault::kTooManyRequestsRetryAfter:
      return answer(429, "TooManyRequests", "Retry-After: 1\r\n");
    case Proxy::Fault::kServerErrors:
      return answer(500, "InternalError", "");
    case Proxy::Fault::kGone:
      return answer(410, "Expired", "");
    case Proxy::Fault::kComeBackInTenMinutes:
      return page("Retry-After: 600\r\n");
    default:
      return {};
  }
}

std::size_t content_length(std::string_view head) {
  constexpr std::string_view kName = "\r\nContent-Length: ";
  const std::size_t found = head.find(kName);
  std::size_t length = 0;
  if (found != std::string_view::npos) {
    std::from_chars(head.data() + found + kName.size(), head.data() + head.size(), length);
  }
  return length;
}

/// A connection of the operator, and our connection to the API server for it.
struct Session {
  Session(tcp::socket accepted, ssl::context& as_server, ssl::context& as_client)
      : to_operator(std::move(accepted), as_server),
        to_api_server(to_operator.get_executor(), as_client) {}

  void close() {
    boost::system::error_code ignored;
    to_operator.lowest_layer().close(ignored);
    to_api_server.lowest_layer().close(ignored);
  }

  void reset() {
    to_operator.lowest_layer().set_option(asio::socket_base::linger(true, 0));
    close();
  }

  ssl::stream<tcp::socket> to_operator;
  ssl::stream<tcp::socket> to_api_server;
  bool watches = false;
  /// For the request being answered.
  Proxy::Fault fault = Proxy::Fault::kNone;
};

}  // namespace

class Proxy::Impl {
 public:
  explicit Impl(const test::Cluster& cluster)
      : api_server_(asio::ip::address_v4::loopback(),
                    static_cast<unsigned short>(std::stoi(cluster.setting("APISERVER_PORT")))),
        acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    as_server_.use_certificate_chain_file(cluster.directory() + "/pki/apiserver.crt");
    as_server_.use_private_key_file(cluster.directory() + "/pki/apiserver.key", ssl::context::pem);
    write_kubeconfig(cluster);
    asio::co_spawn(io_, accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }

  ~Impl() {
    io_.stop();
    thread_.join();
  }

  [[nodiscard]] std::string kubeconfig() const { return kubeconfig_; }

  void set(std::vector<Rule> rules) {
    asio::post(io_, [this, rules = std::move(rules)] {
      rules_ = rules;
      requests_.assign(rules_.size(), 0);
    });
  }

  std::size_t cut_watches() {
    return asio::post(io_, std::packaged_task<std::size_t()>([this] {
                        std::size_t cut = 0;
                        for (const auto& weak : sessions_) {
                          const auto session = weak.lock();
                          if (!session || !session->watches) continue;
                          session->close();
                          ++cut;
                        }
                        return cut;
                      }))
        .get();
  }

  [[nodiscard]] std::size_t faults() const { return faults_; }

 private:
  void write_kubeconfig(const test::Cluster& cluster) {
    std::string text = test::read_file(cluster.operator_kubeconfig());
    const std::string server = fmt::format("127.0.0.1:{}", api_server_.port());
    text.replace(text.find(server), server.size(),
                 fmt::format("127.0.0.1:{}", acceptor_.local_endpoint().port()));
    kubeconfig_ = cluster.operator_kubeconfig() + ".by-proxy";
    std::ofstream(kubeconfig_) << text;
  }

  asio::awaitable<void> accept() {
    for (;;) {
      auto session = std::make_shared<Session>(co_await acceptor_.async_accept(use_awaitable),
                                               as_server_, as_client_);
      std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
      sessions_.push_back(session);
      asio::co_spawn(io_, serve(std::move(session)), asio::detached);
    }
  }

  asio::awaitable<void> serve(std::shared_ptr<Session> session) {
    try {
      co_await session->to_api_server.lowest_layer().async_connect(api_server_, use_awaitable);
      co_await session->to_api_server.async_handshake(ssl::stream_base::client, use_awaitable);
      co_await session->to_operator.async_handshake(ssl::stream_base::server, use_awaitable);
      asio::co_spawn(io_, pass_answers(session), asio::detached);
      co_await pass_requests(*session);
    } catch (const std::exception&) {  // one of the two closed its connection
      session->close();
    }
  }

  /// One after another: the operator's client waits for each answer.
  asio::awaitable<void> pass_requests(Session& session) {
    std::string text;
    for (;;) {
      const std::size_t head = co_await asio::async_read_until(
          session.to_operator, asio::dynamic_buffer(text), "\r\n\r\n", use_awaitable);
      const std::size_t whole = head + content_length(std::string_view(text).substr(0, head));
      if (text.size() < whole) {
        co_await asio::async_read(session.to_operator, asio::dynamic_buffer(text),
                                  asio::transfer_exactly(whole - text.size()), use_awaitable);
      }
      const std::string line = text.substr(0, text.find('\r'));
      session.watches = line.find("watch=") != std::string::npos;
      session.fault = next_fault(line);
      if (session.fault == Fault::kHangs) {
        co_await asio::async_read_until(session.to_operator, asio::dynamic_buffer(text),
                                        "never to be read", use_awaitable);
      }
      const std::string canned = instead(session.fault);
      if (canned.empty()) {
        co_await asio::async_write(session.to_api_server, asio::buffer(text.data(), whole),
                                   use_awaitable);
      } else {
        co_await asio::async_write(session.to_operator, asio::buffer(canned), use_awaitable);
      }
      text.erase(0, whole);
    }
  }

  asio::awaitable<void> pass_answers(std::shared_ptr<Session> session) {
    asio::steady_timer timer(io_);
    std::array<char, 16'384> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
    try {
      for (;;) {
        std::size_t size =
            co_await session->to_api_server.async_read_some(asio::buffer(bytes), use_awaitable);
        const bool reset = session->fault == Fault::kResets;
        if (session->fault == Fault::kSlowAnswers) {
          timer.expires_after(kSlowness);
          co_await timer.async_wait(use_awaitable);
        }
        if (reset) size = std::min(size, kBytesBeforeReset);
        co_await asio::async_write(session->to_operator, asio::buffer(bytes.data(), size),
                                   use_awaitable);
        if (reset) break;
      }
      session->reset();
    } catch (const std::exception&) {  // one of the two closed its connection
      session->close();
    }
  }

  Fault next_fault(std::string_view line) {
    for (std::size_t index = 0; index < rules_.size(); ++index) {
      const Rule& rule = rules_[index];
      if (rule.requests && !rule.requests(line)) continue;
      if (rule.fault == Fault::kNone || ++requests_[index] % rule.every != 0) break;
      ++faults_;
      return rule.fault;
    }
    return Fault::kNone;
  }

  const tcp::endpoint api_server_;
  asio::io_context io_{1};
  ssl::context as_server_{ssl::context::tls_server};
  ssl::context as_client_{ssl::context::tls_client};
  tcp::acceptor acceptor_;
  std::string kubeconfig_;
  std::vector<std::weak_ptr<Session>> sessions_;
  std::vector<Rule> rules_;
  std::vector<std::size_t> requests_;  ///< for each rule
  std::atomic<std::size_t> faults_{0};
  std::thread thread_;
};

Proxy::Proxy(const test::Cluster& cluster) : impl_(std::make_unique<Impl>(cluster)) {}
Proxy::~Proxy() = default;

std::string Proxy::kubeconfig() const {
  return impl_->kubeconfig();
}

void Proxy::set(std::vector<Rule> rules) {
  impl_->set(std::move(rules));
}

std::size_t Proxy::cut_watches() {
  return impl_->cut_watches();
}

std::size_t Proxy::faults() const {
  return impl_->faults();
}

}  // namespace receiver::chaos
