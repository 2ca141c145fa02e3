#include "test/bench/measured_operator.h"

#include <algorithm>
#include <csignal>
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

/// 100,000 objects take time.
constexpr auto kProcessPatience = 180s;
constexpr auto kAnswerTime = 5s;
/// The same at every start, as a Deployment's is: another one would rewrite every status.
constexpr const char* kBaseUrl = "https://hooks.example.com";
/// At rest: less than this much CPU time per second.
constexpr auto kRestingTime = 20ms;

test::Environment completed(test::Environment settings) {
  settings.merge(
      test::Environment{{"EXTERNAL_WEBHOOK_SERVER_BASE_URL", kBaseUrl}, {"POD_NAME", "bench"}});
  return settings;
}

}  // namespace

asio::awaitable<void> pause_for(std::chrono::nanoseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

MeasuredOperator::MeasuredOperator(asio::any_io_executor executor,
                                   const test::OperatorLaunch& launch, test::Environment settings)
    : process_(launch, completed(std::move(settings))) {
  http::ClientOptions options;
  options.scheme = "http";
  options.host = "127.0.0.1";
  options.port = process_.metrics_port();
  metrics_port_ = std::make_unique<http::Client>(std::move(executor), options);
}

MeasuredOperator::~MeasuredOperator() {
  process_.process().signal(SIGTERM);
  process_.process().signal(SIGCONT);
  if (!process_.process().wait(10s)) fmt::print(stderr, "the operator did not end; it is killed\n");
}

asio::awaitable<std::string> MeasuredOperator::get(std::string path) {
  http::Request request;
  request.method = "GET";
  request.target = std::move(path);
  auto answer = co_await metrics_port_->send(std::move(request), Steady::now() + kAnswerTime);
  co_return answer && answer->status == 200 ? std::move(answer->body) : std::string();
}

asio::awaitable<void> MeasuredOperator::ready() {
  const auto begin = Steady::now();
  for (;;) {
    const std::string answer = co_await get("/readyz");
    if (!answer.empty()) co_return;
    if (process_.process().wait(0ms)) throw std::runtime_error("the operator has ended");
    const auto waited = Steady::now() - begin;
    if (waited >= kProcessPatience) throw std::runtime_error("the operator is not ready");
    co_await pause_for(std::max<std::chrono::nanoseconds>(2ms, waited / 50));  // to 2 %
  }
}

asio::awaitable<void> MeasuredOperator::at_rest() {
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

asio::awaitable<double> MeasuredOperator::metric(std::string line) {
  const std::string all = "\n" + co_await get("/metrics");
  const std::size_t at = all.find("\n" + line + " ");
  if (at == std::string::npos) throw std::runtime_error("no metric " + line);
  co_return std::stod(all.substr(at + line.size() + 2));
}

void MeasuredOperator::freeze() const {
  process_.process().signal(SIGSTOP);
}

void MeasuredOperator::thaw() const {
  process_.process().signal(SIGCONT);
}

MeasuredOperator::Memory MeasuredOperator::memory() const {
  constexpr double kMbOfKib = 1024 / 1e6;
  const auto footprint = process_.footprint();
  return {static_cast<double>(footprint.resident_kib) * kMbOfKib,
          static_cast<double>(footprint.peak_kib) * kMbOfKib};
}

}  // namespace receiver::bench
