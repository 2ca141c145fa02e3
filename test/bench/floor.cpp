// The floor of a receiver of signed deliveries: reads requests, computes the HMAC of each body,
// answers 401. It trusts its peer, bench_load: no limits, no deadlines, no routes.
//
//   bench_floor      listens on a free port of 127.0.0.1 and prints it; ends at the end of its
//   input

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "crypto/crypto.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::string_view kKey = "the floor knows one key";
constexpr std::string_view kAnswer =
    "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n"
    "{\"error\":\"unauthorized\"}\n";

/// As bench_load writes it.
std::size_t content_length(std::string_view head) {
  constexpr std::string_view kField = "\r\nContent-Length: ";
  std::size_t length = 0;
  const auto found = head.find(kField);
  if (found == std::string_view::npos) return length;
  std::from_chars(head.data() + found + kField.size(), head.data() + head.size(), length);
  return length;
}

/// Until the peer closes, which throws and ends the connection.
asio::awaitable<void> serve(tcp::socket socket) {
  for (std::string bytes;; bytes.clear()) {
    const std::size_t head = co_await asio::async_read_until(
        socket, asio::dynamic_buffer(bytes), std::string_view("\r\n\r\n"), asio::use_awaitable);
    const std::size_t had = bytes.size();
    bytes.resize(head + content_length(std::string_view(bytes).substr(0, head)));
    co_await asio::async_read(socket, asio::buffer(bytes.data() + had, bytes.size() - had),
                              asio::use_awaitable);
    receiver::crypto::Hmac hmac(receiver::crypto::HashAlgorithm::kSha256, kKey);
    hmac.update(std::string_view(bytes).substr(head));
    if (hmac.digest().empty()) co_return;
    co_await asio::async_write(socket, asio::buffer(kAnswer), asio::use_awaitable);
  }
}

asio::awaitable<void> accept(tcp::acceptor acceptor) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    const auto executor = acceptor.get_executor();
    asio::co_spawn(executor, serve(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main() {
  asio::io_context io;
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::printf("%u\n", static_cast<unsigned>(acceptor.local_endpoint().port()));
  std::fflush(stdout);
  asio::co_spawn(io, accept(std::move(acceptor)), asio::detached);
  std::vector<std::thread> threads;
  const unsigned count = std::max(2U, std::thread::hardware_concurrency());
  for (unsigned index = 0; index < count; ++index) threads.emplace_back([&io] { io.run(); });
  while (std::getchar() != EOF) {
  }
  io.stop();
  for (std::thread& thread : threads) thread.join();
}
