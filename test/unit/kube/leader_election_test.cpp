#include "kube/leader_election.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "clock/clock.h"
#include "json/json.h"
#include "test/support/fake_api_server.h"
#include "test/support/simulated_time.h"

namespace receiver::kube {

using namespace std::chrono_literals;
using test::ApiAnswer;
using test::ApiRequest;
using test::FakeApiServer;
using test::refusal;
namespace asio = boost::asio;

namespace {

const ObjectKey kLease{"kargo", "receiver"};
constexpr auto kDuration = 15s;
constexpr auto kRenewDeadline = 10s;
constexpr auto kRetryPeriod = 2s;
/// The longest wait of a candidate between two attempts.
constexpr auto kLongestRetry = 4'400ms;
constexpr std::string_view kPath = "/apis/coordination.k8s.io/v1/namespaces/kargo/leases/receiver";

/// One Lease in the API server, with optimistic locking.
class LeaseOnServer {
 public:
  ApiAnswer handle(const ApiRequest& request) {
    if (request.method == "POST") {
      if (!json_.empty()) return refusal(409, "AlreadyExists");
      return store(request.body);
    }
    CHECK(request.target == kPath);
    if (json_.empty()) return refusal(404, "NotFound");
    if (request.method == "GET") return {200, json_};
    const auto body = json::parse(request.body);
    if (json::string_at(*body, "/metadata/resourceVersion") != std::to_string(version_)) {
      return refusal(409, "Conflict");
    }
    return store(request.body);
  }

  /// As if kubectl had written it.
  void write(const LeaseRecord& record) { (void)store(create_body(kLease, record)); }
  void touch() { write(record()); }
  void remove() { json_.clear(); }
  [[nodiscard]] bool exists() const { return !json_.empty(); }
  /// When it was written last.
  [[nodiscard]] clock::Steady::time_point stored() const { return stored_; }
  [[nodiscard]] LeaseRecord record() const { return parse_lease(json_)->record; }

 private:
  ApiAnswer store(const std::string& body) {
    auto lease = json::parse(body);
    auto& allocator = lease->GetAllocator();
    rapidjson::Value& metadata = lease->FindMember("metadata")->value;
    metadata.RemoveMember("resourceVersion");
    metadata.AddMember("resourceVersion", rapidjson::Value(std::to_string(++version_), allocator),
                       allocator);
    json_ = json::to_text(*lease);
    stored_ = clock::Steady::now();
    return {200, json_};
  }

  std::string json_;
  int version_ = 0;
  clock::Steady::time_point stored_;
};

LeaseRecord held_by_other() {
  return {.holder = "other",
          .duration = 1s,
          .acquire_time = "2026-01-01T00:00:00.000000Z",
          .renew_time = "2026-01-01T00:00:00.000000Z",
          .transitions = 6};
}

/// What happened, in order.
using History = std::vector<std::string>;

/// One candidate with its own connection to the API server.
class Contender {
 public:
  Contender(asio::io_context& context, std::string name, FakeApiServer::Handler handler,
            History& history, RestOptions options = {})
      : name_(name),
        history_(history),
        server(context, std::move(handler)),
        client_(server.client(context, std::move(options))),
        elector(*client_, {.lease = kLease, .identity = std::move(name)},
                {.started =
                     [this](const Acquisition& found) {
                       acquisition = found;
                       history_.push_back(name_ + " started");
                     },
                 .stopped = [this] { history_.push_back(name_ + " stopped"); }},
                log::Logger::to_callback(
                    log::Level::kInfo, log::Format::kConsole,
                    [this](std::string_view line) { log.append(line).append("\n"); })) {
    asio::co_spawn(context, elector.run(), [this](const std::exception_ptr& failure) {
      CHECK_FALSE(failure);
      ended = true;
    });
  }

 private:
  std::string name_;
  History& history_;

 public:
  std::string log;
  FakeApiServer server;
  Acquisition acquisition;
  bool ended = false;

 private:
  std::unique_ptr<RestClient> client_;

 public:
  LeaderElector elector;
};

struct ElectionFixture {
  test::SimulatedTime time;
  asio::io_context context;
  LeaseOnServer lease;
  History history;

  FakeApiServer::Handler honest() {
    return [this](const ApiRequest& request) { return lease.handle(request); };
  }

  template <typename Condition>
  bool run_until(Condition condition) {
    return time.run_until(context, condition);
  }
};

}  // namespace

TEST_CASE("the first candidate creates the Lease, leads, and goes on renewing it") {
  ElectionFixture test;
  Contender a(test.context, "a", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  CHECK_FALSE(a.acquisition.existed);
  const auto first = test.lease.record();
  CHECK(first.holder == "a");
  CHECK(first.duration == kDuration);
  const auto created = test.lease.stored();
  REQUIRE(test.run_until([&] { return test.lease.record().renew_time > first.renew_time; }));
  CHECK(test.lease.stored() - created == kRetryPeriod);
  const auto later = test.lease.record();
  CHECK(later.acquire_time == first.acquire_time);
  CHECK(later.transitions == 0);
  CHECK(a.elector.leading());
  CHECK(test.history == History{"a started"});
}

TEST_CASE("a leader renews with one request, without reading first") {
  ElectionFixture test;
  Contender a(test.context, "a", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  const std::size_t before = a.server.requests().size();
  REQUIRE(test.run_until([&] { return a.server.requests().size() >= before + 4; }));
  for (std::size_t i = before; i < a.server.requests().size(); ++i) {
    CHECK(a.server.requests()[i].method == "PUT");
  }
}

TEST_CASE("a leader does not wait for its turn behind the requests of others") {
  ElectionFixture test;
  // One request in 100 s.
  Contender a(test.context, "a", test.honest(), test.history,
              {.user_agent = {}, .queries_per_second = 0.01, .burst = 1});
  REQUIRE(test.run_until([&] { return a.server.requests().size() >= 5; }));
  CHECK(test.history == History{"a started"});
}

TEST_CASE("a leader that loses its connection stops leading before another begins") {
  ElectionFixture test;
  Contender a(test.context, "a", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  Contender b(test.context, "b", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return b.server.requests().size() >= 4; }));
  CHECK_FALSE(b.elector.leading());

  a.server.hang();
  const auto renewed = test.lease.stored();
  REQUIRE(test.run_until([&] { return !a.elector.leading(); }));
  CHECK(clock::Steady::now() - renewed == kRetryPeriod + kRenewDeadline);
  CHECK_FALSE(b.elector.leading());
  REQUIRE(test.run_until([&] { return b.elector.leading(); }));
  CHECK(clock::Steady::now() - renewed >= kDuration);
  CHECK(clock::Steady::now() - renewed <= kDuration + 2 * kLongestRetry);
  CHECK(test.history == History{"a started", "a stopped", "b started"});
  CHECK(b.acquisition.existed);
  CHECK_FALSE(b.acquisition.released);
  CHECK(b.acquisition.last_renewed.has_value());
  CHECK(test.lease.record().transitions == 1);
  CHECK_THAT(a.log, Catch::Contains("could not be renewed in time"));
}

TEST_CASE("a leader that is stopped gives the lease back, after its work has stopped") {
  ElectionFixture test;
  FakeApiServer::Handler watched = [&](const ApiRequest& request) {
    ApiAnswer answer = test.lease.handle(request);
    if (request.method == "PUT" && test.lease.record().holder.empty()) {
      test.history.emplace_back("released");
    }
    return answer;
  };
  Contender a(test.context, "a", watched, test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  Contender b(test.context, "b", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return b.server.requests().size() >= 2; }));
  a.elector.stop();
  const auto stopped = clock::Steady::now();
  REQUIRE(test.run_until([&] { return a.ended && b.elector.leading(); }));
  CHECK(clock::Steady::now() - stopped <= kLongestRetry);  // without waiting for it to expire
  CHECK(b.acquisition.released);
  CHECK(test.history == History{"a started", "a stopped", "released", "b started"});
}

TEST_CASE("a leader that is stopped gives back what is its own, and nothing of another's") {
  ElectionFixture test;
  Contender a(test.context, "a", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  std::string left_to;
  SECTION("the Lease was labelled meanwhile") {
    test.lease.touch();
  }
  SECTION("another has taken it meanwhile") {
    test.lease.write(held_by_other());
    left_to = "other";
  }
  a.elector.stop();
  REQUIRE(test.run_until([&] { return a.ended; }));
  CHECK(test.lease.record().holder == left_to);
  CHECK(test.history == History{"a started", "a stopped"});
}

TEST_CASE("a leader that was held up for too long does not lead, even before it knows") {
  ElectionFixture test;
  Contender a(test.context, "a", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  test.time.pass(kRetryPeriod + kRenewDeadline - 1ms);
  CHECK(a.elector.leading());
  test.time.pass(1ms);
  CHECK_FALSE(a.elector.leading());
  CHECK(test.history == History{"a started"});
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  CHECK(test.history == History{"a started", "a stopped", "a started"});
}

TEST_CASE("a leader that abandons the lease is followed as if it had crashed") {
  ElectionFixture test;
  Contender a(test.context, "a", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  a.elector.abandon();
  REQUIRE(test.run_until([&] { return a.ended; }));
  CHECK(test.lease.record().holder == "a");
  Contender b(test.context, "b", test.honest(), test.history);
  const auto seen = clock::Steady::now();
  REQUIRE(test.run_until([&] { return b.elector.leading(); }));
  CHECK(clock::Steady::now() - seen >= kDuration);
  CHECK(clock::Steady::now() - seen <= kDuration + kLongestRetry);
  CHECK_FALSE(b.acquisition.released);
  CHECK(test.history == History{"a started", "a stopped", "b started"});
}

TEST_CASE("a candidate that is stopped leaves the lease alone") {
  ElectionFixture test;
  Contender a(test.context, "a", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  Contender b(test.context, "b", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return b.server.requests().size() >= 2; }));
  b.elector.stop();
  REQUIRE(test.run_until([&] { return b.ended; }));
  CHECK(test.lease.record().holder == "a");
  CHECK(a.elector.leading());
}

TEST_CASE("a leader whose lease another has taken stops at once, and stands again") {
  ElectionFixture test;
  Contender a(test.context, "a", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  test.lease.write(held_by_other());
  const auto taken = clock::Steady::now();
  const std::size_t before = a.server.requests().size();
  REQUIRE(test.run_until([&] { return !a.elector.leading(); }));
  CHECK(clock::Steady::now() - taken <= kRetryPeriod);
  CHECK(a.server.requests().size() <= before + 2);  // a renewal that conflicts, and a read
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  CHECK(clock::Steady::now() - taken >= 1s);
  CHECK(test.history == History{"a started", "a stopped", "a started"});
  CHECK(test.lease.record().transitions == 7);
}

TEST_CASE("a leader survives that its Lease is labelled, or deleted") {
  ElectionFixture test;
  Contender a(test.context, "a", test.honest(), test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  SECTION("labelled") {
    test.lease.touch();
  }
  SECTION("deleted") {
    test.lease.remove();
  }
  const std::size_t before = a.server.requests().size();
  REQUIRE(test.run_until([&] { return a.server.requests().size() >= before + 6; }));
  CHECK(a.elector.leading());
  REQUIRE(test.lease.exists());
  CHECK(test.lease.record().holder == "a");
  CHECK(test.history == History{"a started"});
}

TEST_CASE("a missing permission is named in the log once a minute, and recovers by itself") {
  ElectionFixture test;
  bool allowed = false;
  FakeApiServer::Handler guarded = [&](const ApiRequest& request) {
    return allowed ? test.lease.handle(request) : test::missing_permission();
  };
  Contender a(test.context, "a", guarded, test.history);
  REQUIRE(test.run_until([&] { return a.server.requests().size() >= 4; }));
  const std::string wanted = "grant get, create and update on leases.coordination.k8s.io";
  const auto at = a.log.find(wanted);
  REQUIRE(at != std::string::npos);
  CHECK(a.log.find(wanted, at + 1) == std::string::npos);
  CHECK_THAT(a.log, Catch::Contains("namespace kargo"));
  test.time.run_for(test.context, 1min);
  CHECK(a.log.find(wanted, at + 1) != std::string::npos);
  allowed = true;
  CHECK(test.run_until([&] { return a.elector.leading(); }));
}

TEST_CASE("a namespace that does not exist is named in the log") {
  ElectionFixture test;
  Contender a(
      test.context, "a", [](const ApiRequest&) { return refusal(404, "NotFound"); }, test.history);
  CHECK(test.run_until(
      [&] { return a.log.find("namespace kargo does not exist") != std::string::npos; }));
}

TEST_CASE("how the lease was found is known even if the answer to winning it was lost") {
  ElectionFixture test;
  test.lease.write(held_by_other());
  int lose = 2;  // the client sends a request again if its reused connection was lost
  FakeApiServer::Handler lossy = [&](const ApiRequest& request) {
    ApiAnswer answer = test.lease.handle(request);
    if (request.method == "PUT" && lose > 0) {
      --lose;
      answer.lost = true;
    }
    return answer;
  };
  Contender a(test.context, "a", lossy, test.history);
  REQUIRE(test.run_until([&] { return a.elector.leading(); }));
  CHECK(a.acquisition.existed);
  CHECK_FALSE(a.acquisition.own);
  CHECK(a.acquisition.last_renewed == clock::parse_rfc3339("2026-01-01T00:00:00Z"));
}

TEST_CASE("closing the client ends the election") {
  ElectionFixture test;
  FakeApiServer server(test.context, test.honest());
  auto client = server.client(test.context);
  LeaderElector elector(*client, {.lease = kLease, .identity = "a"}, {}, log::Logger::none());
  bool ended = false;
  asio::co_spawn(test.context, elector.run(), [&](const std::exception_ptr&) { ended = true; });
  REQUIRE(test.run_until([&] { return elector.leading(); }));
  client->close();
  CHECK(test.run_until([&] { return ended; }));
  CHECK_FALSE(elector.leading());
}

}  // namespace receiver::kube
