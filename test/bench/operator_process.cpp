#include "test/bench/operator_process.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "clock/clock.h"

namespace receiver::bench {

namespace asio = boost::asio;
using clock::Steady;
using namespace std::chrono_literals;

namespace {

/// 100,000 objects take a while.
constexpr auto kProcessPatience = 180s;
constexpr auto kAnswerTime = 5s;
/// The same at every start, as a Deployment's is: another one would have every status written anew.
constexpr const char* kBaseUrl = "https://hooks.example.com";
/// At rest: less of a second than this is spent on the CPU.
constexpr auto kRestingTime = 20ms;

double kib_of(const std::string& status, const std::string& name) {
  const std::size_t at = status.find("\n" + name + ":");
  if (at == std::string::npos) throw std::runtime_error("no " + name + " in /proc");
  return std::stod(status.substr(at + name.size() + 2));
}

}  // namespace

asio::awaitable<void> pause_for(std::chrono::nanoseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

OperatorProcess::OperatorProcess(asio::any_io_executor executor, const OperatorLaunch& launch,
                                 test::Environment settings)
    : executor_(std::move(executor)) {
  const unsigned short port = test::free_port();
  unsigned short metrics_port = port;
  while (metrics_port == port) metrics_port = test::free_port();
  url_ = fmt::format("http://127.0.0.1:{}", port);
  settings.merge(test::Environment{{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", kBaseUrl},
                                   {"BIND_ADDRESS", "127.0.0.1"},
                                   {"PORT", std::to_string(port)},
                                   {"METRICS_PORT", std::to_string(metrics_port)},
                                   {"POD_NAME", "bench"},
                                   {"KUBECONFIG", launch.kubeconfig},
                                   // What follows the signal is not waited for long.
                                   {"GRACEFUL_SHUTDOWN_TIMEOUT", "5s"}});
  process_ = std::make_unique<test::Process>(std::vector<std::string>{launch.binary}, settings,
                                             launch.log);
  http::ClientOptions options;
  options.scheme = "http";
  options.host = "127.0.0.1";
  options.port = metrics_port;
  metrics_port_ = std::make_unique<http::Client>(executor_, options);
}

OperatorProcess::~OperatorProcess() {
  process_->signal(SIGTERM);
  process_->signal(SIGCONT);
  if (!process_->wait(10s)) fmt::print(stderr, "the operator did not end; it is killed\n");
}

asio::awaitable<std::string> OperatorProcess::get(std::string path) {
  http::Request request;
  request.method = "GET";
  request.target = std::move(path);
  auto answer = co_await metrics_port_->send(std::move(request), Steady::now() + kAnswerTime);
  co_return answer && answer->status == 200 ? std::move(answer->body) : std::string();
}

asio::awaitable<void> OperatorProcess::ready() {
  const auto begin = Steady::now();
  for (;;) {
    const std::string answer = co_await get("/readyz");
    if (!answer.empty()) co_return;
    if (process_->wait(0ms)) throw std::runtime_error("the operator has ended");
    const auto waited = Steady::now() - begin;
    if (waited >= kProcessPatience) throw std::runtime_error("the operator is not ready");
    co_await pause_for(std::max<std::chrono::nanoseconds>(2ms, waited / 50));  // to 2 %
  }
}

asio::awaitable<void> OperatorProcess::at_rest() {
  co_await ready();
  const auto end = Steady::now() + kProcessPatience;
  for (auto before = cpu_time();;) {
    co_await pause_for(1s);
    const auto now = cpu_time();
    if (now - before < kRestingTime) co_return;
    if (Steady::now() >= end) throw std::runtime_error("the operator does not come to rest");
    before = now;
  }
}

asio::awaitable<double> OperatorProcess::metric(std::string line) {
  const std::string all = "\n" + co_await get("/metrics");
  const std::size_t at = all.find("\n" + line + " ");
  if (at == std::string::npos) throw std::runtime_error("no metric " + line);
  co_return std::stod(all.substr(at + line.size() + 2));
}

void OperatorProcess::freeze() const {
  process_->signal(SIGSTOP);
}

void OperatorProcess::thaw() const {
  process_->signal(SIGCONT);
}

OperatorProcess::Memory OperatorProcess::memory() const {
  const std::string status = test::read_file(fmt::format("/proc/{}/status", process_->id()));
  constexpr double kMbOfKib = 1024 / 1e6;
  return {kib_of(status, "VmRSS") * kMbOfKib, kib_of(status, "VmHWM") * kMbOfKib};
}

std::chrono::nanoseconds OperatorProcess::cpu_time() const {
  // The process's own file shows its first thread only.
  std::chrono::nanoseconds total{0};
  const std::filesystem::path tasks = fmt::format("/proc/{}/task", process_->id());
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    long long nanoseconds = 0;
    std::istringstream(test::read_file(task.path() / "schedstat")) >> nanoseconds;
    total += std::chrono::nanoseconds(nanoseconds);
  }
  return total;
}

}  // namespace receiver::bench
