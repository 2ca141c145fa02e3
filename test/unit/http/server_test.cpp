#include "http/server.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <future>
#include <mutex>
#include <optional>
#include <set>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "test/unit/http/server_fixture.h"

namespace receiver::http {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

/// From now on, this thread sees a kernel without IPv6.
bool forbid_ipv6() {
  constexpr auto kNumber = static_cast<std::uint32_t>(offsetof(seccomp_data, nr));
  constexpr auto kFamily = static_cast<std::uint32_t>(offsetof(seccomp_data, args));
  std::array<sock_filter, 6> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFamily),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{program.size(), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

bool has_ipv6() {
  asio::io_context io;
  tcp::acceptor acceptor(io);
  boost::system::error_code failure;
  acceptor.open(tcp::v6(), failure);
  if (!failure) acceptor.bind({asio::ip::make_address("::1"), 0}, failure);
  return !failure;
}

}  // namespace

TEST_CASE("an answer carries its length and JSON as its type, and the connection goes on") {
  TestServer server(echo);
  RawClient client(server.port());
  for (const std::string target : {"/one", "/two?query=1"}) {
    client.send(get(target));
    const RawAnswer answer = client.read_answer();
    CHECK(answer.status == 200);
    CHECK(answer.head.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.says("Content-Type: application/json"));
    CHECK(answer.says("Content-Length: " + std::to_string(target.size() + 1)));
    CHECK(answer.head.find("Connection") == std::string::npos);
    CHECK(answer.body == target + ":");
  }
  CHECK(client.is_quiet());
  CHECK(server.counters().accepted == 1);
  CHECK(server.counters().requests == 2);
}

TEST_CASE("a target that names scheme and host is read as its path and query") {
  TestServer server(echo);
  RawClient client(server.port());
  const std::vector<std::pair<std::string, std::string>> rows{
      {"http://hooks.example.com/a/b?c=d", "/a/b?c=d"},
      {"https://hooks.example.com:8443/a", "/a"},
      {"HTTP://[::1]:8080/a", "/a"},
      {"http://user@hooks.example.com/a", "/a"},
      {"http://hooks.example.com", "/"},
      {"http://hooks.example.com?c=d", "/?c=d"},
      // These have no http host, or none at all.
      {"http:///a", "http:///a"},
      {"http:/a", "http:/a"},
      {"ftp://hooks.example.com/a", "ftp://hooks.example.com/a"},
      {"://a/b", "://a/b"},
      {"/a?to=http://hooks.example.com/b", "/a?to=http://hooks.example.com/b"},
      {"//a/b", "//a/b"},
      {"?c=d", "?c=d"},
      {"*", "*"},
  };
  for (const auto& [sent, read] : rows) {
    INFO(sent);
    client.send(get(sent));
    CHECK(client.read_answer().body == read + ":");
  }
}

TEST_CASE("the handler sees the head as it was sent") {
  std::promise<RequestHead> seen;
  TestServer server([&seen](const RequestHead& head, BodyReader&) -> awaitable<Response> {
    seen.set_value(head);
    co_return Response{};
  });
  RawClient client(server.port());
  const auto before = std::chrono::steady_clock::now();
  client.send(
      "POST /a/b?c=d HTTP/1.1\r\nHost: test\r\nX-Event-Key:   repo:push \t\r\nx-empty:\r\n"
      "Accept: a\r\nAccept: b\r\nX-Utf8: gr\xc3\xbc\xc3\x9f\r\nContent-Length: 0\r\n\r\n");
  CHECK(client.read_answer().status == 200);
  const RequestHead head = seen.get_future().get();
  CHECK(head.method == "POST");
  CHECK(head.target == "/a/b?c=d");
  CHECK(head.path() == "/a/b");
  CHECK(head.content_length == 0U);
  CHECK_FALSE(head.has_body);
  CHECK(head.first_byte >= before);
  CHECK(head.headers.find("x-event-key") == "repo:push");
  CHECK(head.headers.find("X-Empty") == "");
  CHECK(head.headers.find("ACCEPT") == "a");
  CHECK(head.headers.find("X-Utf8") == "gr\xc3\xbc\xc3\x9f");
  CHECK(head.headers.fields().size() == 7);
}

TEST_CASE("a handler's own type is kept, and its values cannot end a header line") {
  TestServer server([](const RequestHead&, BodyReader&) -> awaitable<Response> {
    Response response;
    response.headers.add("content-type", "text/plain");
    response.headers.add("X-Note", "a\r\nSet-Cookie: b");
    response.headers.add("Content-Length", "99");
    response.headers.add("Transfer-Encoding", "chunked");
    response.body = "hello\n";
    co_return response;
  });
  RawClient client(server.port());
  client.send(get("/"));
  const RawAnswer answer = client.read_answer();
  CHECK(answer.says("content-type: text/plain"));
  CHECK(answer.says("X-Note: a  Set-Cookie: b"));
  CHECK(answer.says("Content-Length: 6"));
  CHECK(answer.head.find("application/json") == std::string::npos);
  CHECK(answer.head.find("chunked") == std::string::npos);
  CHECK(answer.body == "hello\n");
}

TEST_CASE("HEAD is answered with the length of the body but without it") {
  TestServer server(echo);
  RawClient client(server.port());
  client.send("HEAD /abc HTTP/1.1\r\nHost: test\r\n\r\n");
  const RawAnswer answer = client.read_answer(false);
  CHECK(answer.status == 200);
  CHECK(answer.says("Content-Length: 5"));
  client.send(get("/next"));
  CHECK(client.read_answer().body == "/next:");
}

TEST_CASE("a peer that cannot or will not go on is served, then the connection ends") {
  TestServer server(echo);
  for (const char* request : {
           "GET /last HTTP/1.0\r\n\r\n",
           "GET /last HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n",
           "GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
           "GET /last HTTP/1.1\r\nHost: test\r\nConnection: foo, Close\r\n\r\n",
       }) {
    CAPTURE(request);
    RawClient client(server.port());
    client.send(request);
    const RawAnswer answer = client.read_answer();
    CHECK(answer.status == 200);
    CHECK(answer.body == "/last:");
    CHECK(answer.says("Connection: close"));
    CHECK(client.ends());
  }
}

TEST_CASE("a peer that has sent its last byte still reads its answer") {
  TestServer server(echo);
  RawClient client(server.port());
  client.send(post("/p", "body"));
  client.end_sending();
  CHECK(client.read_answer().body == "/p:body");
  CHECK(client.ends());
}

TEST_CASE("requests sent in one segment are answered one after the other, in their order") {
  TestServer server(echo);
  RawClient client(server.port());
  client.send(
      get("/1") + post("/2", "two") + get("/3") +
      "POST /4 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n" +
      get("/5"));
  for (const char* body : {"/1:", "/2:two", "/3:", "/4:four", "/5:"}) {
    CHECK(client.read_answer().body == body);
  }
  CHECK(client.is_quiet());
}

TEST_CASE("one request at a time: the second of a segment waits for the answer to the first") {
  std::atomic<int> running{0}, most{0};
  TestServer::Options options;
  options.threads = 2;
  TestServer server(
      [&](const RequestHead& head, BodyReader&) -> awaitable<Response> {
        most = std::max(most.load(), ++running);
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, 20ms);
        co_await timer.async_wait(boost::asio::use_awaitable);
        --running;
        Response response;
        response.body = head.target;
        co_return response;
      },
      options);
  RawClient client(server.port());
  client.send(get("/1") + get("/2") + get("/3"));
  for (const char* body : {"/1", "/2", "/3"}) CHECK(client.read_answer().body == body);
  CHECK(most == 1);
}

TEST_CASE("a body is handed on as it arrives") {
  std::promise<std::string> first_piece;
  TestServer server([&](const RequestHead&, BodyReader& body) -> awaitable<Response> {
    const auto first = co_await body.next();
    first_piece.set_value(std::string(*first));
    const auto second = co_await body.next();
    Response response;
    response.body = std::string(*second);
    const auto end = co_await body.next();
    response.body += end && end->empty() ? "|end" : "|more";
    co_return response;
  });
  RawClient client(server.port());
  SECTION("of a known length") {
    client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nfirst");
    CHECK(first_piece.get_future().get() == "first");
    client.send("other");
  }
  SECTION("in chunks, the head of one in parts") {
    client.send(
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nfirst\r\n0005;nam");
    CHECK(first_piece.get_future().get() == "first");
    std::this_thread::sleep_for(20ms);  // so that the part is parsed separately
    client.send("e=value\r\nother\r\n0\r\n\r\n");
  }
  CHECK(client.read_answer().body == "other|end");
}

TEST_CASE("a large body arrives whole, whatever its framing") {
  TestServer server(echo);
  std::string body;
  for (int i = 0; body.size() < 1'000'000; ++i) body += std::to_string(i) + ",";
  RawClient client(server.port());
  client.send(post("/length", body));
  CHECK(client.read_answer().body == "/length:" + body);

  client.send("POST /chunks HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: Chunked\r\n\r\n");
  for (std::size_t at = 0, size = 1; at < body.size(); at += size, size = size * 3 + 1) {
    size = std::min(size, body.size() - at);
    char line[32];
    std::snprintf(line, sizeof line, "%zX\r\n", size);
    client.send(line + body.substr(at, size) + "\r\n");
  }
  client.send("0\r\n\r\n");
  CHECK(client.read_answer().body == "/chunks:" + body);
}

TEST_CASE("chunk extensions are skipped, and trailers never become headers") {
  std::promise<RequestHead> seen;
  TestServer server([&](const RequestHead& head, BodyReader& body) -> awaitable<Response> {
    Response response = co_await echo(head, body);
    seen.set_value(head);
    co_return response;
  });
  const std::string request =
      "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;name=value;quoted=\"a;b\"\r\nhello\r\n0000001;x\r\n!\r\n0;last\r\n"
      "X-Hub-Signature: forged\r\nX-Other: y\r\n\r\n";
  RawClient client(server.port());
  SECTION("in one segment") {
    client.send(request + get("/next"));
  }
  SECTION("byte by byte") {
    client.send_byte_by_byte(request);
  }
  CHECK(client.read_answer().body == "/:hello!");
  CHECK_FALSE(seen.get_future().get().headers.find("X-Hub-Signature"));
}

TEST_CASE("100 Continue is sent when the handler begins to read, and not before") {
  const std::string head =
      "POST /p HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
  SECTION("a handler that reads") {
    TestServer server(echo);
    RawClient client(server.port());
    client.send(head);
    CHECK(client.read_answer(false).status == 100);
    client.send("body");
    CHECK(client.read_answer().body == "/p:body");
    client.send(get("/next"));
    CHECK(client.read_answer().body == "/next:");
  }
  SECTION("a handler that refuses") {
    TestServer server(unknown);
    RawClient client(server.port());
    client.send(head);
    const RawAnswer answer = client.read_answer();
    CHECK(answer.status == 404);
    CHECK(answer.says("Connection: close"));
    CHECK(client.ends());
  }
  SECTION("a body that is too long") {
    TestServer server(echo);
    RawClient client(server.port());
    client.send(
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2097153\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.read_answer().status == 413);
  }
  SECTION("a peer that did not wait needs no permission") {
    TestServer server(echo);
    RawClient client(server.port());
    client.send(head + "body");
    CHECK(client.read_answer().status == 200);
  }
}

TEST_CASE("a body left unread ends the connection, and a peer still sending reads the answer") {
  TestServer server(unknown);
  RawClient client(server.port());
  const std::string body(4'000'000, 'x');
  CHECK(client.send(post("/unknown", body)));
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 404);
  CHECK(answer.body == "{}\n");
  CHECK(answer.says("Connection: close"));
  client.end_sending();
  CHECK(client.ends());
}

TEST_CASE("a handler that read exactly the announced bytes has read the body") {
  TestServer server([](const RequestHead&, BodyReader& body) -> awaitable<Response> {
    const auto piece = co_await body.next();
    Response response;
    response.body = std::string(*piece);
    co_return response;
  });
  RawClient client(server.port());
  client.send(post("/", "all"));
  const RawAnswer answer = client.read_answer();
  CHECK(answer.body == "all");
  CHECK_FALSE(answer.says("Connection: close"));
}

TEST_CASE("a handler that throws is a 500 and one log line, however often it happens") {
  std::mutex mutex;
  std::vector<std::string> lines;
  TestServer::Options options;
  options.logger = log::Logger::to_callback(log::Level::kInfo, log::Format::kConsole,
                                            [&](std::string_view line) {
                                              const std::lock_guard lock(mutex);
                                              lines.emplace_back(line);
                                            });
  const auto begin = std::chrono::steady_clock::now();
  {
    TestServer server(
        [](const RequestHead& head, BodyReader&) -> awaitable<Response> {
          if (head.target == "/odd") {
            throw 1;  // NOLINT(hicpp-exception-baseclass)
          }
          throw std::runtime_error("out of cheese");
          co_return Response{};
        },
        options);
    RawClient client(server.port());
    for (int i = 0; i < 20; ++i) {
      client.send(get(i == 10 ? "/odd" : "/"));
      const RawAnswer answer = client.read_answer();
      CHECK(answer.status == 500);
      CHECK(answer.body == "{\"error\":\"internal error\"}\n");
      CHECK_FALSE(answer.says("Connection: close"));
    }
    CHECK(server.counters().handler_failures == 20);
  }
  const std::lock_guard lock(mutex);
  const auto about_it = std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("handler threw") != std::string::npos;
  });
  CHECK(about_it >= 1);
  CHECK(about_it <= 2 + (std::chrono::steady_clock::now() - begin) / 1s);  // one per second
  CHECK(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("out of cheese") != std::string::npos;
  }));
}

TEST_CASE("why the server cannot start is said in words") {
  TestServer busy(echo);
  boost::asio::io_context io;
  const auto start = [&io](const std::string& address, unsigned short port) {
    Server server(io, ServerOptions{.name = "t", .address = address, .port = port}, echo,
                  log::Logger::none());
    return server.start();
  };
  CHECK(start("127.0.0.1", busy.port()).error() == "cannot listen on 127.0.0.1 port " +
                                                       std::to_string(busy.port()) +
                                                       ": Address already in use");
  CHECK(start("localhost", 0).error() == "cannot listen on \"localhost\": not an IP address");
  CHECK(start("::1", 0).has_value());
}

TEST_CASE("the answer to a body that cannot be read") {
  const ServerLimits limits;
  const auto [error, status, body] = GENERATE(table<BodyError, unsigned, std::string>({
      {BodyError::kTooLarge, 413, "{\"error\":\"content exceeds limit of 2097152 bytes\"}\n"},
      {BodyError::kTooSlow, 408, "{\"error\":\"request body not received in time\"}\n"},
      {BodyError::kNoRoom, 503, "{\"error\":\"overloaded\"}\n"},
      {BodyError::kMalformed, 400, "{\"error\":\"malformed request body\"}\n"},
      {BodyError::kPeerClosed, 400, "{\"error\":\"request body is incomplete\"}\n"},
  }));
  const Response response = answer_for(error, limits);
  CHECK(response.status == status);
  CHECK(response.body == body);
  CHECK(response.close);
  CHECK(response.headers.find("Retry-After").has_value() == (status == 503));
}

TEST_CASE("many connections on several threads get each its own answers") {
  TestServer::Options options;
  options.threads = 4;
  TestServer server(echo, options);
  std::vector<std::thread> peers;
  std::atomic<int> right{0};
  for (int peer = 0; peer < 8; ++peer) {
    peers.emplace_back([&, peer] {
      for (int connection = 0; connection < 5; ++connection) {
        RawClient client(server.port());
        for (int i = 0; i < 20; ++i) {
          const std::string body(static_cast<std::size_t>(i * 97), static_cast<char>('a' + peer));
          const std::string target = fmt::format("/{}", i);
          client.send(post(target, body));
          right += client.read_answer().body == target + ":" + body ? 1 : 0;
        }
      }
    });
  }
  for (auto& peer : peers) peer.join();
  CHECK(right == 8 * 5 * 20);
  CHECK(server.counters().requests == 8 * 5 * 20);
  CHECK(eventually([&] { return server.counters().connections_current == 0; }));
  CHECK(server.counters().requests_current == 0);
  CHECK(server.counters().body_bytes_current == 0);
}

TEST_CASE("all addresses are those of both families") {
  asio::io_context io;
  Server server(io, {.name = "test"}, echo, log::Logger::none());
  const auto port = server.start();
  REQUIRE(port);
  std::thread thread([&io] { io.run(); });
  for (const char* host : {"127.0.0.1", "::1"}) {
    if (host == std::string("::1") && !has_ipv6()) continue;  // a machine with IPv4 only
    asio::io_context client;
    tcp::socket socket(client);
    socket.connect({asio::ip::make_address(host), *port});
    asio::write(socket, asio::buffer(
                            std::string("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200 OK"));
  }
  io.stop();
  thread.join();
}

TEST_CASE("without IPv6 all addresses are those of IPv4, and no other address is replaced") {
  std::optional<tl::expected<unsigned short, std::string>> all;
  std::optional<tl::expected<unsigned short, std::string>> one;
  asio::io_context io;
  Server server(io, {.name = "test"}, echo, log::Logger::none());
  Server of_one(io, {.name = "test", .address = "::1"}, echo, log::Logger::none());
  std::thread([&] {
    REQUIRE(forbid_ipv6());
    all = server.start();
    one = of_one.start();
  }).join();
  REQUIRE(*all);
  RawClient client(**all);
  CHECK(client.is_quiet());
  REQUIRE_FALSE(*one);
  CHECK_THAT(one->error(), Catch::StartsWith("cannot listen on ::1 port 0: "));
}

}  // namespace receiver::http
