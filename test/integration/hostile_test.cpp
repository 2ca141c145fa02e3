// Hostile input from the public internet: the operator keeps serving, with constant memory.
// test/unit/http tests each limit separately.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/gzip.h"
#include "test/support/operator.h"
#include "test/support/project.h"
#include "test/support/raw_client.h"

namespace receiver::test {

namespace {

constexpr std::size_t kLargestBody = 2UL * 1024 * 1024;
/// Enough for a median.
constexpr int kSome = 21;
/// Half of the deliveries may take this many times their normal time, plus CPU time of parallel
/// tests. Instrumented builds need more.
constexpr int kSlower = kSanitized ? 20 : 3;
constexpr std::chrono::milliseconds kTurns{100};
constexpr double kMebibyte = 1024 * 1024;

/// An operator with one Warehouse, and a good delivery for it.
struct Target {
  explicit Target(const Environment& settings = {}) : op(cluster, settings), project(cluster) {
    path = project.publish("bb", kSecret);
    project.add_warehouse("app", project.repository());
    good = sign(cloud_push(project.repository(), "main"), kSecret);
    eventually_equals(
        "a good delivery refreshes", [&] { return text_of(post(op.url(path), good)); }, kRefreshed);
    limit = kSlower * median(deliver_some()) + kTurns;
  }

  [[nodiscard]] unsigned short port() const {
    return static_cast<unsigned short>(std::stoul(op.origin().substr(op.origin().rfind(':') + 1)));
  }

  /// The value of a sample of /metrics; 0 if there is none yet.
  [[nodiscard]] double metric(const std::string& sample) const {
    const std::string text = op.metrics_port("/metrics").body;
    const std::size_t at = text.find("\n" + sample + " ");
    return at == std::string::npos ? 0 : std::stod(text.substr(at + sample.size() + 2));
  }
  [[nodiscard]] double refusals(const std::string& reason) const {
    return metric(fmt::format(
        R"(bitbucket_receiver_http_refusals_total{{limit="{}",server="webhook"}})", reason));
  }
  [[nodiscard]] double resident_bytes() const { return metric("process_resident_memory_bytes"); }

  /// Delivers several times; returns how long each took.
  [[nodiscard]] std::vector<std::chrono::milliseconds> deliver_some() const {
    std::vector<std::chrono::milliseconds> took;
    for (int i = 0; i < kSome; ++i) {
      const auto start = std::chrono::steady_clock::now();
      CHECK(text_of(post(op.url(path), good)) == kRefreshed);
      took.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - start));
    }
    return took;
  }
  /// Fails unless deliveries are answered as fast as without an attack.
  void check_service() const { check_median(deliver_some(), limit); }

  const Cluster cluster;
  const Operator op;
  const Project project;
  std::string path;
  Delivery good;
  /// From the times of deliveries before any attack.
  std::chrono::milliseconds limit{};
};

/// These connections need more descriptors than a process has by default. The operator inherits the
/// limit.
void raise_descriptor_limit(rlim_t wanted) {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  limit.rlim_max = std::max(limit.rlim_max, wanted);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

std::vector<RawClient> connections(unsigned short port, std::size_t count,
                                   const std::string& beginning) {
  std::vector<RawClient> clients;
  clients.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    clients.emplace_back(port);
    if (!beginning.empty()) REQUIRE(clients.back().send(beginning));
  }
  return clients;
}

/// Sends good deliveries one after another, on its own thread, as long as it lives.
class Meanwhile {
 public:
  explicit Meanwhile(const Target& target)
      : limit_(target.limit), sender_([this, &target] {
          while (!over_) {
            const auto start = std::chrono::steady_clock::now();
            answers_.push_back(text_of(post(target.op.url(target.path), target.good)));
            took_.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::steady_clock::now() - start));
            ++sent_;
          }
        }) {}
  ~Meanwhile() { end(); }
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;

  [[nodiscard]] int sent() const { return sent_; }
  /// Fails unless they were answered as fast as without an attack.
  void check() {
    end();
    CHECK(answers_ == std::vector<std::string>(answers_.size(), kRefreshed));
    check_median(took_, limit_);
  }

 private:
  void end() {
    over_ = true;
    if (sender_.joinable()) sender_.join();
  }

  const std::chrono::milliseconds limit_;
  std::atomic<bool> over_ = false;
  std::atomic<int> sent_ = 0;
  std::vector<std::string> answers_;
  std::vector<std::chrono::milliseconds> took_;
  std::thread sender_;  // last, because it uses the others
};

/// Repeats an attack at least this often. Fails if memory keeps growing, or if good deliveries wait
/// for it.
template <typename Attack>
void check_memory(const Target& target, int rounds, Attack attack) {
  const std::size_t peak = target.op.footprint().peak_kib;
  attack();
  const double before = target.resident_bytes();
  Meanwhile good_deliveries(target);
  for (int round = 0; round < rounds || good_deliveries.sent() < kSome; ++round) attack();
  good_deliveries.check();
  const double grown = target.resident_bytes() - before;
  INFO("grown from " << before / kMebibyte << " by " << grown / kMebibyte << " MiB");
  const std::size_t peak_grown = target.op.footprint().peak_kib - peak;
  INFO("peak grown by " << peak_grown << " KiB");
  if (kSanitized) return;  // instrumented builds keep freed memory
  CHECK(grown < 8 * kMebibyte);
  CHECK(peak_grown < 32UL * 1024);
}

std::string head(const std::string& path, const std::string& fields) {
  return "POST " + path + " HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("slow senders keep nobody waiting, and are told when their time is over", "[hostile]") {
  raise_descriptor_limit(8'192);
  // The last one comes before the time of the first is over, also on a slow machine.
  const std::string time = kSanitized ? "20s" : "10s";
  const Target target({{"HEADER_TIMEOUT", time}, {"BODY_TIMEOUT", time}});
  auto in_head = connections(target.port(), 700, "POST " + target.path + " HTTP/1.1\r\nHost: t");
  auto in_body =
      connections(target.port(), 300, head(target.path, "Content-Length: 1000\r\n") + "{\"push\":");
  eventually_equals(
      "all are there",
      [&] { return target.metric("bitbucket_receiver_http_connections{server=\"webhook\"}"); },
      1'000.0);
  target.check_service();
  const std::string drop = "x";
  for (RawClient& client : in_head) client.send(drop);
  for (RawClient& client : in_body) client.send(drop);
  for (RawClient& client : in_head) CHECK(client.read_answer().status == 408);
  for (RawClient& client : in_body) CHECK(client.read_answer().status == 408);
  CHECK(target.refusals("header_time") == 700);
  CHECK(target.refusals("body_time") == 300);
  target.check_service();
}

TEST_CASE("5,000 idle connections cost little and delay nobody", "[hostile]") {
  constexpr std::size_t kIdle = 5'000;
  raise_descriptor_limit(8'192);
  const Target target({{"MAX_CONNECTIONS", "5100"}, {"IDLE_TIMEOUT", "5m"}});
  const double before = target.resident_bytes();
  auto idle = connections(target.port(), kIdle, {});
  eventually_equals(
      "all are there",
      [&] { return target.metric("bitbucket_receiver_http_connections{server=\"webhook\"}"); },
      double{kIdle});
  const double per_connection = (target.resident_bytes() - before) / kIdle;
  INFO(per_connection << " bytes for each");
  if (!kSanitized) CHECK(per_connection < 8 * 1024);
  target.check_service();
  idle.clear();
  eventually_equals(
      "all are gone",
      [&] { return target.metric("bitbucket_receiver_http_connections{server=\"webhook\"}"); },
      0.0);
}

TEST_CASE("garbage and requests that two readers could understand differently are refused",
          "[hostile]") {
  const Target target;
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  struct Shape {
    std::string bytes;
    unsigned status;
  };
  const std::vector<Shape> shapes{
      {"\x16\x03\x01\x02" + std::string(2, '\0') + "\x01\r\n\r\n", 400},
      {std::string(100, '\0') + "\r\n\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {head(target.path, "Content-Length: 5\r\n" + chunked) + "0\r\n\r\n", 400},
      {head(target.path, "Content-Length: 5\r\nContent-Length: 6\r\n") + "hello!", 400},
      {head(target.path, "X: y\r\n z\r\n"), 400},
      {"POST " + target.path + " HTTP/1.1\nHost: t\n\n\r\n\r\n", 400},
      {head(target.path, chunked) + "-1\r\n\r\n", 400},
      {head(target.path, chunked) + "0x5\r\nhello\r\n0\r\n\r\n", 400},
      {head(target.path, chunked) + "ffffffffffffffff\r\nhello", 413},
      {head(target.path, chunked) + "5;" + std::string(40'000, 'x'), 400},
      {head(target.path, "Content-Length: 18446744073709551615\r\n"), 413},
      {head(target.path, "Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", 501},
      {head(target.path, "X: " + std::string(17'000, 'x') + "\r\n"), 431},
      {"GET /" + std::string(3'000'000, 'x'), 431},
  };
  check_memory(target, 30, [&] {
    for (const Shape& shape : shapes) {
      RawClient client(target.port());
      client.send(shape.bytes + "GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n");
      client.end_sending();
      const auto answer = client.read_answer();
      CAPTURE(shape.bytes.substr(0, 200));
      CHECK(answer.status == shape.status);
      CHECK(client.read_answer().status == 0);
    }
  });
  const std::string unknown =
      R"(bitbucket_receiver_deliveries_total{event="other",outcome="unknown_path",source="unknown"})";
  CHECK(target.op.metric(unknown) == 0);
  CHECK(try_get(target.op.url("/smuggled"))->status == 404);
  CHECK(target.op.metric(unknown) == 1);
  target.check_service();
}

TEST_CASE("bodies made to exhaust a parser are answered, signed or not", "[hostile]") {
  const Target target;
  const std::string url = target.op.url(target.path);
  const auto filled = [](std::string text, const std::string& filler, const std::string& end) {
    while (text.size() + filler.size() + end.size() <= kLargestBody) text += filler;
    return text + end;
  };
  struct Hostile {
    std::string body;
    unsigned status;  ///< if it is signed
  };
  const std::vector<Hostile> bodies{
      {std::string(kLargestBody, '['), 400},
      {filled("", R"({"a":)", ""), 400},
      {filled(R"({"a":)", "9", "}"), 200},
      {filled(R"({"a":-1e)", "9", "}"), 200},
      {filled(R"({"a":[0)", ",0", "]}"), 200},
      {filled(R"({"")", R"(:0,"a")", ":0}"), 200},
      {filled(R"({"a":")", "\xff", "\"}"), 200},
      {filled(R"({"a":")", R"(\ud800)", "\"}"), 200},
      {std::string(kLargestBody, '\0'), 400},
      {filled(R"({"push":{"changes":[{})", ",{}", "]}}"), 200},
      {filled(R"({"repository":{"links":{"html":{"href":"https://)", "%", "\"}}}}"), 200},
  };
  check_memory(target, 5, [&] {
    for (const Hostile& hostile : bodies) {
      const Delivery delivery{"repo:push", hostile.body};
      CAPTURE(hostile.body.substr(0, 60));
      CHECK(post(url, delivery).status == 401);
      CHECK(post(url, sign(delivery, kSecret)).status == hostile.status);
    }
  });
  target.check_service();
}

TEST_CASE("a gzip bomb is refused before it goes off", "[hostile]") {
  const Target target;
  const std::string bomb = gzipped(std::string(500UL * 1024 * 1024, ' '));
  REQUIRE(bomb.size() < kLargestBody);
  check_memory(target, 20, [&] {
    http::Request request{"POST", {}, {{"Content-Encoding", "gzip"}}, bomb};
    request.headers.add("X-Event-Key", "repo:push");
    request.headers.add("X-Hub-Signature", signature_of(bomb, kSecret));
    CHECK(send(target.op.url(target.path), request).status == 413);
  });
  target.check_service();
}

TEST_CASE("a flood of badly signed deliveries costs no API request and delays no good one",
          "[hostile]") {
  const Target target;
  constexpr const char* kPatches = "rest_client_requests_total{code=\"200\",method=\"PATCH\"}";
  const std::string failures = fmt::format(
      "bitbucket_receiver_authentications_total{{project=\"{}\",receiver=\"bb\","
      "result=\"bad_signature\"}}",
      target.project.name());
  const Delivery bad = sign(cloud_push(target.project.repository(), "main"), "another-secret");
  const std::string request =
      head(target.path, fmt::format("X-Event-Key: repo:push\r\nX-Hub-Signature: {}\r\n"
                                    "Content-Length: {}\r\n",
                                    *bad.signature, bad.body.size())) +
      bad.body;

  std::atomic<bool> ended{false};
  std::atomic<int> refused{0}, other{0};
  std::vector<std::thread> senders;
  for (int sender = 0; sender < 4; ++sender) {
    senders.emplace_back([&] {
      RawClient client(target.port());
      while (!ended && client.send(request)) {
        ++(client.read_answer().status == 401 ? refused : other);
      }
    });
  }
  eventually("the flood has begun", [&] { return refused > 1'000; });
  const double patches = target.metric(kPatches);
  const double before = target.resident_bytes();
  const int refused_before = refused;
  target.check_service();
  const int many = kSanitized ? 5'000 : 20'000;
  eventually(
      "the flood goes on", [&] { return refused > refused_before + many; }, 6 * kPatience);
  const double grown = target.resident_bytes() - before;
  ended = true;
  for (std::thread& sender : senders) sender.join();

  CHECK(other == 0);
  CHECK(target.metric(failures) == refused);
  // Those of the good deliveries, and the leader's status writes that began before.
  CHECK(target.metric(kPatches) - patches <= kSome + 4);
  INFO("grown by " << grown / kMebibyte << " MiB");
  if (!kSanitized) CHECK(grown < 8 * kMebibyte);
}

}  // namespace receiver::test
