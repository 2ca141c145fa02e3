#include <chrono>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/cluster.h"
#include "test/support/delivery.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/process.h"
#include "test/support/project.h"
#include "test/support/receiverctl_schema.h"
#include "test/support/scripted_server.h"
#include "test/support/temporary_directory.h"
#include "test/support/temporary_file.h"

namespace receiver::test {
namespace {

/// What a control plane without nodes does not have: pods, and their logs. A log that is followed
/// goes on as it is written, and ends with its pod. `sinceTime` is as good as not said: what comes
/// again, receiverctl must notice.
class LogServer {
 public:
  LogServer()
      : server_([this](Peer& peer) { serve(peer); }),
        kubeconfig_(
            fmt::format("clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{}'}}}}]\n"
                        "contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
                        "users: [{{name: u, user: {{}}}}]\ncurrent-context: c\n",
                        server_.port())) {}
  ~LogServer() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  LogServer(const LogServer&) = delete;
  LogServer& operator=(const LogServer&) = delete;

  [[nodiscard]] const std::string& kubeconfig() const { return kubeconfig_.path(); }
  /// A pod that is not there yet is made.
  void write(const std::string& pod, const std::string& text) {
    const std::lock_guard lock(mutex_);
    pods_[pod].log += text;
    changed_.notify_all();
  }
  void remove(const std::string& pod) {
    const std::lock_guard lock(mutex_);
    pods_.erase(pod);
    changed_.notify_all();
  }
  /// Ends what is followed of it, as a load balancer does after a while.
  void cut_off(const std::string& pod) {
    const std::lock_guard lock(mutex_);
    ++pods_[pod].cuts;
    changed_.notify_all();
  }
  /// Of the requests for logs.
  [[nodiscard]] std::vector<std::string> targets() const {
    const std::lock_guard lock(mutex_);
    return targets_;
  }

 private:
  struct Pod {
    std::string log{};
    int cuts = 0;
  };

  void serve(Peer& peer) {
    while (const auto request = peer.request()) {
      const std::string target = request->substr(4, request->find(" HTTP/") - 4);
      const std::size_t begin = target.find("/pods/");
      if (begin == std::string::npos) {
        (void)peer.answer(pods());
        continue;
      }
      const std::string pod = target.substr(begin + 6, target.find("/log") - begin - 6);
      std::string log;
      {
        const std::lock_guard lock(mutex_);
        targets_.push_back(target);
        log = pods_[pod].log;
      }
      if (target.find("follow=true") == std::string::npos) {
        (void)peer.answer(log);
      } else if (!follow(peer, pod)) {
        return;
      }
    }
  }

  std::string pods() {
    const std::lock_guard lock(mutex_);
    std::string items;
    for (const auto& [name, pod] : pods_) {
      items += fmt::format(
          R"({}{{"metadata":{{"name":"{}","uid":"{}"}},"spec":{{"containers":[{{"name":"receiver"}}]}},)"
          R"("status":{{"containerStatuses":[{{"name":"receiver","state":{{"running":{{}}}}}}]}}}})",
          items.empty() ? "" : ",", name, name);
    }
    return fmt::format(R"({{"kind":"PodList","items":[{}]}})", items);
  }

  bool follow(Peer& peer, const std::string& pod) {
    if (!peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")) return false;
    std::unique_lock lock(mutex_);
    const int cuts = pods_[pod].cuts;
    std::size_t sent = 0;
    for (;;) {
      const auto found = pods_.find(pod);
      if (stopped_ || found == pods_.end() || found->second.cuts != cuts) break;
      if (found->second.log.size() == sent) {
        changed_.wait(lock);
        continue;
      }
      const std::string text = found->second.log.substr(sent);
      sent += text.size();
      lock.unlock();
      if (!peer.send(fmt::format("{:x}\r\n{}\r\n", text.size(), text))) return false;
      lock.lock();
    }
    return peer.send("0\r\n\r\n");
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Pod> pods_;
  std::vector<std::string> targets_;
  bool stopped_ = false;
  ScriptedServer server_;
  TemporaryFile kubeconfig_;
};

std::string logged_at(int millis, const std::string& id) {
  return fmt::format(
      R"({{"time":"2026-11-30T00:00:01.{:03}Z","level":"INFO","logger":"webhook","msg":"delivery",)"
      R"("delivery":"{}","event":"repo:push","project":"p","receiver":"bb","url":"",)"
      R"("outcome":"ok","applied":1,"queued":0,"refused":0,"spared":0,"duration_ms":1}})"
      "\n",
      millis, id);
}

std::multiset<std::string> lines_in(const std::string& file) {
  std::multiset<std::string> lines;
  const std::string text = read_file(file);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.insert(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("deliveries are followed through all pods, old and new, each told once",
          "[receiverctl][deliveries]") {
  LogServer logs;
  logs.write("one", logged_at(100, "a"));
  logs.write("two", logged_at(200, "b") + "2026-11-30T00:00:01.300Z INFO  webhook: another line\n");
  const TemporaryDirectory folder;
  const std::string output = folder.path("output");
  Process follows({RECEIVERCTL_BINARY, "deliveries", "--follow", "-o", "name", "--kubeconfig",
                   logs.kubeconfig()},
                  current_environment(), output);
  using Told = std::multiset<std::string>;
  Told told{"delivery/a", "delivery/b"};
  const auto await = [&](const char* what) {
    (void)eventually_equals(
        what, [&] { return lines_in(output); }, told);
  };
  await("what is in the logs is told");

  logs.write("one", logged_at(400, "c"));
  told.insert("delivery/c");
  await("what comes is told");

  logs.cut_off("one");
  logs.write("one", logged_at(400, "d"));  // in the same moment as the last one
  told.insert("delivery/d");
  await("a log that broke off is followed again");

  logs.remove("two");
  logs.write("three", logged_at(0, "e"));
  told.insert("delivery/e");
  await("a new pod is followed");
  CHECK(logs.targets().back() ==
        "/api/v1/namespaces/kargo/pods/three/log?container=receiver&follow=true");

  logs.write("one", std::string(100'000, 'x') + "\n" + logged_at(500, "f"));
  told.insert("delivery/f");
  await("a line beyond all bounds is passed over");

  follows.signal(SIGINT);
  CHECK(follows.wait(kPatience) == 130);
  CHECK(lines_in(output) == told);
}

TEST_CASE("deliveries are followed until their reader goes away", "[receiverctl][deliveries]") {
  LogServer logs;
  logs.write("one", logged_at(0, "first"));
  const TemporaryDirectory folder;
  const std::string output = folder.path("output");
  Process follows({"/bin/bash", "-c",
                   fmt::format("{} deliveries --follow -o name --kubeconfig {} | head -n 1; exit "
                               "${{PIPESTATUS[0]}}",
                               RECEIVERCTL_BINARY, logs.kubeconfig())},
                  current_environment(), output);
  int millis = 0;
  std::optional<int> code;
  eventually("it ends", [&] {
    logs.write("one", logged_at(++millis, "later"));
    code = follows.wait(std::chrono::milliseconds(50));
    return code.has_value();
  });
  CHECK(code == 0);
  CHECK(read_file(output) == "delivery/first\n");
}

TEST_CASE("what the operator logs of deliveries is read back, in either format",
          "[receiverctl][deliveries]") {
  const Cluster cluster;
  for (const char* format : {"JSON", "CONSOLE"}) {
    CAPTURE(format);
    Operator op(cluster, {{"LOG_FORMAT", format}});
    const Project project(cluster);
    const std::string url = op.url(project.publish("bb", kSecret));
    const std::string shop = project.repository("shop");
    project.add_warehouse("w", shop);
    (void)eventually_equals(
        "the push is delivered",
        [&] { return text_of(post(url, sign(cloud_push(shop, "main"), kSecret))); }, kRefreshed);
    (void)post(url, sign(cloud_push(project.repository("other"), "main"), kSecret));
    (void)post(url, sign(cloud_push(shop, "main"), "another-secret-of-some-length"));
    (void)post(url, sign({.event = "repo:fork", .body = "{}"}, kSecret));
    (void)post(url, {.event = "diagnostics:ping", .body = "{}"});

    LogServer logs;
    logs.write("one", op.log());
    const Finished told = run({RECEIVERCTL_BINARY, "deliveries", "--kubeconfig", logs.kubeconfig(),
                               "-n", project.name(), "-o", "json"});
    INFO(told.output);
    CHECK(told.exit_code == 0);
    CHECK(schema_problem(told.output) == "");
    const Json list(told.output);
    std::set<std::string> outcomes;
    for (std::size_t i = 0; i < list.size_at("/items"); ++i) {
      const std::string at = fmt::format("/items/{}/", i);
      const std::string outcome = list.at(at + "outcome");
      outcomes.insert(outcome);
      CHECK(list.at(at + "receiver") == "bb");
      if (outcome == "bad_signature") {
        CHECK_THAT(list.at(at + "message"),
                   Catch::StartsWith("answered 401: the delivery is signed with another secret"));
      }
      if (outcome == "ok") CHECK_THAT(list.at(at + "url"), Catch::StartsWith("https://"));
    }
    CHECK(outcomes == std::set<std::string>{"ok", "bad_signature", "ignored_event", "ping"});
    op.terminate();
    CHECK(op.exit_code(kPatience) == 0);
  }
}

}  // namespace receiver::test
