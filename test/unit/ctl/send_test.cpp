#include "cmd/receiverctl/send.h"

#include <sstream>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "cmd/receiverctl/cli.h"
#include "kube/json.h"

namespace receiver::ctl {
namespace {

using controllers::TargetKind;

Refreshed object(TargetKind kind, const std::string& name, bool changed) {
  Refreshed made;
  made.object.kind = kind;
  made.object.key = {"p", name};
  made.changed = changed;
  if (changed) made.token = "2026-03-14T11:20:01Z";
  return made;
}
const Refreshed kRefreshed = object(TargetKind::kWarehouse, "done", true);
const Refreshed kNot = object(TargetKind::kPromotion, "not", false);

Sent sent(unsigned status, std::optional<std::vector<Refreshed>> objects) {
  return {.event = "repo:push",
          .id = "the-id",
          .origin = "https://h",
          .status = status,
          .answer = "{}",
          .took = std::chrono::milliseconds(7),
          .objects = std::move(objects)};
}

/// Somebody else's web server: answers one request 404, with a page that repeats its path.
class EchoingServer {
 public:
  explicit EchoingServer(std::string rest_of_page)
      : rest_of_page_(std::move(rest_of_page)), thread_([this] { serve(); }) {}
  ~EchoingServer() { thread_.join(); }
  EchoingServer(const EchoingServer&) = delete;
  EchoingServer& operator=(const EchoingServer&) = delete;

  [[nodiscard]] std::string origin() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

 private:
  using Tcp = boost::asio::ip::tcp;

  void serve() {
    Tcp::socket socket(io_);
    acceptor_.accept(socket);
    boost::asio::streambuf request;
    boost::asio::read_until(socket, request, R"({"test": true})");
    std::string method, path;
    std::istream(&request) >> method >> path;
    const std::string page = "No page " + path + rest_of_page_;
    boost::asio::write(socket,
                       boost::asio::buffer("HTTP/1.1 404 Not Found\r\nConnection: close\r\n"
                                           "Content-Length: " +
                                           std::to_string(page.size()) + "\r\n\r\n" + page));
  }

  std::string rest_of_page_;
  boost::asio::io_context io_;
  Tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
  std::thread thread_;
};

}  // namespace

TEST_CASE("somebody else's answer is shown without URL and secret, in bounds, as JSON too") {
  constexpr const char* kSecret = "a-secret-of-sufficient-length";
  const std::string digits(64, 'a');
  std::string page = " for ";
  page += kSecret;
  page += " \x80 é\r\n";
  page += std::string(100'000, '-');
  for (const char* format : {"table", "json"}) {
    INFO(format);
    const EchoingServer server(page);
    const std::string url = server.origin() + "/bitbucket/" + digits;
    std::istringstream in(kSecret);
    std::ostringstream out, err;
    Context context{.environment = [](std::string_view) { return std::optional<std::string>(); },
                    .in = in,
                    .out = out,
                    .err = err};
    const std::vector<const char*> arguments{
        "receiverctl",      "send", "--url", url.c_str(), "--secret-file", "-", "--event",
        "diagnostics:ping", "-o",   format};
    CHECK(run(static_cast<int>(arguments.size()), arguments.data(), context) == 1);
    CHECK(err.str().empty());
    CHECK_THAT(out.str(), Catch::Contains("No page /bitbucket/aaaaaaaa… for … ? é  ---") &&
                              !Catch::Contains(kSecret) && !Catch::Contains("aaaaaaaaa"));
    CHECK(out.str().size() < 2000);
    if (std::string_view(format) == "json") CHECK(kube::parse_json(out.str()));
  }
}

TEST_CASE("a delivery is well if it was answered 2xx and everything was refreshed") {
  CHECK(sent(200, std::nullopt).well());
  CHECK(sent(200, {{kRefreshed}}).well());
  CHECK(sent(202, {{kRefreshed}}).well());
  CHECK_FALSE(sent(200, {{kRefreshed, kNot}}).well());
  CHECK_FALSE(sent(200, std::vector<Refreshed>()).well());
  CHECK_FALSE(sent(503, {{kRefreshed}}).well());
  CHECK_FALSE(sent(301, std::nullopt).well());
}

TEST_CASE("every answer that is not well comes with advice") {
  CHECK(advice_on(sent(200, {{kRefreshed}})).empty());
  CHECK(advice_on(sent(200, std::nullopt)).empty());
  for (const unsigned status : {301U, 401U, 404U, 503U}) {
    INFO(status);
    CHECK_FALSE(advice_on(sent(status, std::nullopt)).empty());
  }
  CHECK_FALSE(advice_on(sent(200, std::vector<Refreshed>())).empty());
  CHECK_FALSE(advice_on(sent(200, {{kNot}})).empty());
}

TEST_CASE("what came of a delivery is told to people and to programs") {
  CHECK(sent_text(sent(200, {{kRefreshed, kNot}}), false) ==
        "Event      repo:push\n"
        "Delivery   the-id\n"
        "Sent to    https://h\n"
        "Answer     200 {}\n"
        "Time       7 ms\n"
        "\n"
        "REFRESHED   OBJECT             ANNOTATION\n"
        "yes         Warehouse p/done   2026-03-14T11:20:01Z\n"
        "no          Promotion p/not\n"
        "\n"
        "Not all were refreshed: the operator's log names this delivery and says why.\n");
  CHECK(
      sent_json(sent(200, std::nullopt)) ==
      "{\n  \"event\": \"repo:push\",\n  \"delivery\": \"the-id\",\n  \"origin\": \"https://h\",\n"
      "  \"status\": 200,\n  \"answer\": \"{}\",\n  \"milliseconds\": 7\n}\n");
}

}  // namespace receiver::ctl
