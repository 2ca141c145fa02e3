// The memory of a thousand waiting watches, and what an event leaves in memory.

#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <malloc.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "kube/reflector.h"
#include "test/support/descriptors.h"
#include "test/support/resident_memory.h"
#include "test/unit/kube/watch_server.h"

// Sanitizers use memory of their own, and keep freed memory.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace receiver::kube {

using test::raise_descriptor_limit;
using test::resident_kb;

namespace {

using namespace std::chrono_literals;

/// Searches for a text that must not be in memory, not even as the search text: both are masked.
constexpr char kMask = 0x15;
std::string unmasked(std::string text) {
  for (char& c : text) c = static_cast<char>(c ^ kMask);
  return text;
}
constexpr const char* kMaskedMarker = "xT{|TS~\"@vPYOnnn";

std::string secret_object(std::size_t bytes) {
  const std::string marker = unmasked(kMaskedMarker);
  std::string filler;
  while (filler.size() + marker.size() < bytes) filler += marker;
  return R"({"kind":"Secret","apiVersion":"v1","metadata":)"
         R"({"name":"other","namespace":"ns","resourceVersion":"7"},"data":{"other":")" +
         filler + R"(","secret":")" + filler.substr(0, std::min<std::size_t>(filler.size(), 4096)) +
         "\"}}";
}

std::string secret_event(std::size_t bytes) {
  return R"({"type":"MODIFIED","object":)" + secret_object(bytes) + "}\n";
}

/// Counts objects and keeps nothing.
struct CountingSink : ObjectSink {
  std::size_t events = 0;
  std::size_t listed = 0;
  void begin_replace() override {}
  tl::expected<void, std::string> add_listed(const ObjectMeta& /*meta*/,
                                             const rapidjson::Value& /*object*/) override {
    ++listed;
    return {};
  }
  void end_replace() override {}
  void abort_replace() override {}
  tl::expected<void, std::string> upsert(const ObjectMeta& /*meta*/,
                                         const rapidjson::Value& /*object*/) override {
    ++events;
    return {};
  }
  void remove(const ObjectKey& /*key*/) override {}
};

/// How often the marker is in the writable memory of this process.
std::size_t markers_in_memory() {
  const std::string masked = kMaskedMarker;
  std::size_t found = 0;
  std::ifstream maps("/proc/self/maps");
  const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  REQUIRE(memory >= 0);
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx rw", &begin, &end) != 2) continue;
    if (line.find(" rw") == std::string::npos) continue;
    std::vector<char> bytes(end - begin);
    const ssize_t read = ::pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(begin));
    const std::size_t got = read < 0 ? 0 : static_cast<std::size_t>(read);
    for (std::size_t at = 0; at + masked.size() <= got; ++at) {
      std::size_t same = 0;
      while (same < masked.size() && bytes[at + same] == (masked[same] ^ kMask)) ++same;
      if (same == masked.size()) ++found;
    }
    // Otherwise the copy would be found in the next region.
    for (char& c : bytes) *static_cast<volatile char*>(&c) = 0;
  }
  ::close(memory);
  return found;
}

/// The settings of the operator's main for the process.
void as_in_the_operator() {
  raise_descriptor_limit();
  REQUIRE(::mallopt(M_MMAP_THRESHOLD, 128 * 1024) == 1);
  REQUIRE(::mallopt(M_TRIM_THRESHOLD, 128 * 1024) == 1);
}

std::string nothing() {
  return {};
}

long resident_kb_without_free_blocks() {
  ::malloc_trim(0);
  return resident_kb();
}

/// A server in its own process, and a client in this one.
struct Watches {
  const test::TestAuthority authority;
  const test::TestIdentity identity = authority.issue();
  const WatchServer server;
  const long before_kb = resident_kb_without_free_blocks();  ///< the client's memory comes after
  boost::asio::io_context context;
  std::unique_ptr<RestClient> rest;
  CountingSink sink;
  std::vector<std::unique_ptr<Reflector>> reflectors;
  long most_kb = 0;  ///< resident memory, the maximum of all checks of run_until()

  Watches(bool tls, const std::function<std::string()>& event,
          const std::function<std::string()>& listed, const RestOptions& rest_options = {})
      : server(event, listed, tls ? &identity : nullptr) {
    Config config;
    config.scheme = tls ? "https" : "http";
    config.host = "127.0.0.1";
    config.port = server.port();
    if (tls) config.certificate_authority.data = authority.pem();
    auto created =
        RestClient::create(context.get_executor(), config, rest_options, log::Logger::none());
    REQUIRE(created);
    rest = std::move(*created);
  }
  ~Watches() {
    for (const auto& one : reflectors) one->stop();
    rest->close();
    context.poll();
  }

  void open(std::size_t count) {
    // The tests are about memory: on a busy machine, a list may take its time.
    ReflectorTimes times;
    times.list_head = times.list_silence = times.watch_head = times.watch_silence = 1h;
    for (std::size_t i = 0; i < count; ++i) {
      ReflectorOptions options{.resource = {"", "v1", "secrets"},
                               .ns = "ns-" + std::to_string(i),
                               .label_selector = {},
                               .field_selector = {},
                               .projection = {"/data/secret"},
                               .times = times};
      reflectors.push_back(
          std::make_unique<Reflector>(*rest, std::move(options), sink, log::Logger::none()));
      boost::asio::co_spawn(context, reflectors.back()->run(), boost::asio::detached);
    }
    REQUIRE(run_until(count, [&] {
      std::size_t watching = 0;
      for (const auto& one : reflectors) watching += one->status().watches;
      return watching;
    }));
    run_for(300ms);  // until the headers of the last answers have arrived
  }

  /// Until so many are counted; false if the count does not change for a minute.
  bool run_until(std::size_t wanted, const std::function<std::size_t()>& count) {
    std::size_t counted = count();
    auto changed = std::chrono::steady_clock::now();
    while (counted != wanted && std::chrono::steady_clock::now() - changed < 60s) {
      context.run_one_for(20ms);
      most_kb = std::max(most_kb, resident_kb());
      const std::size_t now = count();
      if (now == counted) continue;
      counted = now;
      changed = std::chrono::steady_clock::now();
    }
    return counted == wanted;
  }
  void run_for(std::chrono::milliseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) context.run_one_for(5ms);
  }
};

}  // namespace

TEST_CASE("a thousand idle watches are small, also after each has seen an event of a megabyte") {
  constexpr std::size_t kWatches = 1'000;
  const bool tls = GENERATE(false, true);
  as_in_the_operator();
  Watches watches(
      tls, [] { return secret_event(1024 * 1024); }, nothing);
  watches.open(kWatches);
  const long idle = resident_kb();

  watches.server.send_events();
  watches.most_kb = idle;
  REQUIRE(watches.run_until(kWatches, [&] { return watches.sink.events; }));
  watches.run_for(1s);
  const long after = resident_kb();
  const long each = (idle - watches.before_kb) / static_cast<long>(kWatches);
  WARN((tls ? "TLS" : "plain") << ": an idle watch costs " << each
                               << " KiB; of 1,000 events of a "
                                  "megabyte at once "
                               << (watches.most_kb - idle) / 1024 << " MiB were held at most, and "
                               << after - idle << " KiB remain");
  CHECK(each <= (tls ? 40 : 16));
  CHECK(watches.most_kb - idle <= 64L * 1024);
  CHECK(after - idle <= 15L * 1024);
}

TEST_CASE("a thousand namespaces whose Secrets are a megabyte each are read few at a time") {
  constexpr std::size_t kWatches = 1'000;
  const bool tls = GENERATE(false, true);
  as_in_the_operator();
  Watches watches(tls, nothing, [] { return secret_object(1024 * 1024); });
  watches.open(kWatches);
  const long idle = resident_kb();
  WARN((tls ? "TLS" : "plain") << ": of 1,000 lists of a megabyte "
                               << (watches.most_kb - watches.before_kb) / 1024
                               << " MiB were held at most, and "
                               << (idle - watches.before_kb) / 1024
                               << " MiB remain with their watches");
  CHECK(watches.sink.listed == kWatches);
  CHECK(watches.most_kb - watches.before_kb <= 64L * 1024);
  CHECK((idle - watches.before_kb) / static_cast<long>(kWatches) <= (tls ? 40 : 16));
}

TEST_CASE("five hundred connections that rest in the pool are small") {
  constexpr std::size_t kConnections = 500;
  const bool tls = GENERATE(false, true);
  RestOptions options;
  options.patches = kConnections;
  Watches client(tls, nothing, nothing, options);
  const long before = resident_kb_without_free_blocks();
  std::size_t answered = 0;
  for (std::size_t i = 0; i < kConnections; ++i) {
    boost::asio::co_spawn(client.context, client.rest->merge_patch("/x", ""),
                          [&](const std::exception_ptr&, const ApiResult<std::string>& answer) {
                            answered += answer ? 1 : 0;
                          });
  }
  REQUIRE(client.run_until(kConnections, [&] { return answered; }));
  const long each = (resident_kb_without_free_blocks() - before) / static_cast<long>(kConnections);
  WARN((tls ? "TLS" : "plain") << ": a connection at rest costs " << each << " KiB");
  CHECK(each <= (tls ? 48 : 8));
}

TEST_CASE("of a Secret that nobody keeps no byte is left in memory") {
  const bool tls = GENERATE(false, true);
  const auto bytes = GENERATE(as<std::size_t>{}, 100, 3'000, 300'000);
  Watches watches(
      tls, [bytes] { return secret_event(bytes); }, nothing);
  watches.open(2);
  watches.server.send_events();
  REQUIRE(watches.run_until(2, [&] { return watches.sink.events; }));
  watches.run_for(20ms);
  CAPTURE(tls, bytes);
  CHECK(markers_in_memory() == 0);
}

}  // namespace receiver::kube

#endif
