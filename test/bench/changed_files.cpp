#include "test/bench/changed_files.h"

#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "test/bench/acknowledged.h"
#include "test/bench/at_once.h"
#include "test/bench/measured_operator.h"

namespace receiver::bench {

namespace asio = boost::asio;
using Bound = Figure::Bound;

namespace {

constexpr int kCountedPushes = 50;
constexpr std::size_t kSenders = 16;
constexpr std::size_t kAtATime = 500;
/// The operator's limit of cached answers.
constexpr double kBookBytes = 8 * 1024 * 1024;
/// How full the cache counts as full: another answer of this size does not fit into the rest.
constexpr double kFull = 0.99;
constexpr std::size_t kMostUntilFull = 20'000;

/// Throws unless the Data Center got exactly `wanted` questions since it had `before`.
void check_questions(const Bench& bench, std::size_t before, std::size_t wanted) {
  const std::size_t asked = bench.data_center.questions() - before;
  if (asked == wanted) return;
  throw std::runtime_error(fmt::format("Bitbucket was asked {} times, not {}", asked, wanted));
}

/// The time of a push of a new commit that refreshes all the project's Warehouses.
asio::awaitable<std::chrono::nanoseconds> timed_push(const Bench& bench, const Project& project,
                                                     Acknowledged& acknowledged) {
  auto pushing = push(bench.receiver, project, bench.data_center.next_push(project, bench.secret),
                      acknowledged);
  co_return co_await timed(std::move(pushing));
}

}  // namespace

asio::awaitable<Report> one_folder_of_many(const Bench& bench) {
  Project by_folder = bench.data_center.by_folder();
  const Project one = bench.data_center.one();
  const std::string what =
      fmt::format("push to {} Warehouses with a folder each, for 1 of them", by_folder.warehouses);
  by_folder.warehouses = 1;  // the push refreshes the first
  Figure p50{what + ": p50", "ms", Bound::kAtMost, 1.2};
  Figure requests{what + ": API requests, of which 1 is its PATCH", "", Bound::kAtMost, 1};
  requests.over_limit = true;
  co_await until_nothing_is_counted(bench.administrator);
  for (int round = 0; round <= bench.extent.rounds; ++round) {
    Acknowledged acknowledged(bench.etcd_port);
    Samples floor, ours;
    for (int i = 0; i < bench.extent.deliveries; ++i) {
      const auto refreshed = co_await timed_push(bench, one, acknowledged);
      auto asking = bench.data_center.ask();
      const auto answered = co_await timed(std::move(asking));
      floor.add(refreshed + answered);
      const auto took = co_await timed_push(bench, by_folder, acknowledged);
      ours.add(took);
    }
    add_round(p50, round, {ours.ms(0.5), floor.ms(0.5)});

    const double before = co_await requests_counted(bench.administrator);
    const std::size_t questions = bench.data_center.questions();
    for (int i = 0; i < kCountedPushes; ++i) {
      (void)co_await timed_push(bench, by_folder, acknowledged);
    }
    const double after = co_await requests_counted(bench.administrator);
    check_questions(bench, questions, kCountedPushes);
    acknowledged.check();
    add_round(requests, round, {(after - before) / kCountedPushes, 1});
  }
  co_return Report{{std::move(p50), std::move(requests)}, {}};
}

asio::awaitable<Report> nothing_to_ask(const Bench& bench) {
  const Project with = bench.data_center.with_token();
  const Project without = bench.data_center.without_token();
  Figure p50{"push to 4 Warehouses without paths: p50 with a token, over that without one", "ms",
             Bound::kAtMost, 1.05};
  for (int round = 0; round <= bench.extent.rounds; ++round) {
    Acknowledged acknowledged(bench.etcd_port);
    const std::size_t questions = bench.data_center.questions();
    Samples with_token, without_token;
    for (int i = 0; i < bench.extent.deliveries; ++i) {
      const auto floor = co_await timed_push(bench, without, acknowledged);
      without_token.add(floor);
      const auto ours = co_await timed_push(bench, with, acknowledged);
      with_token.add(ours);
    }
    check_questions(bench, questions, 0);
    acknowledged.check();
    add_round(p50, round, {with_token.ms(0.5), without_token.ms(0.5)});
  }
  co_return Report{{std::move(p50)}, {}};
}

asio::awaitable<Report> full_of_answers(const Bench& bench) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const Project project = bench.data_center.unconcerned();
  MeasuredOperator measured(executor, bench.launch, bench.settings);
  co_await measured.at_rest();
  Receiver receiver(executor, measured.url(), kSenders);
  const std::string spared = "\"refreshed 0 warehouse(s)\"";

  // The memory that many pushes need without new answers.
  const http::Request same = bench.data_center.next_push(project, bench.secret);
  Work push_same = [&](std::size_t) { return receiver.deliver(same, 200, spared); };
  co_await share_out(bench.extent.more_answers, kSenders, std::move(push_same));
  const double empty = measured.memory().resident_mb;

  const Work push_next = [&](std::size_t) {
    return receiver.deliver(bench.data_center.next_push(project, bench.secret), 200, spared);
  };
  const std::string kept = "bitbucket_receiver_bitbucket_cache_bytes";
  const std::size_t questions = bench.data_center.questions();
  std::size_t pushes = 0;
  double bytes = 0;
  while (bytes < kFull * kBookBytes) {
    if (pushes >= kMostUntilFull) throw std::runtime_error("too few answers are kept");
    co_await share_out(kAtATime, kSenders, push_next);
    pushes += kAtATime;
    bytes = co_await measured.metric(kept);
  }
  const double full = measured.memory().resident_mb;

  co_await share_out(bench.extent.more_answers, kSenders, push_next);
  check_questions(bench, questions, pushes + bench.extent.more_answers);
  bytes = co_await measured.metric(kept);
  const double later = measured.memory().resident_mb;
  fmt::print("  {} pushes filled it\n", pushes);

  const std::string what = "answers of Bitbucket, long after they have filled 8 MiB: ";
  Figure of_bound{what + "their size", "MB", Bound::kAtMost, 1};
  Figure taken{what + "resident memory for them", "MB", Bound::kAtMost, 1.2};
  Figure grown{what + "resident memory, over that when they had filled it", "MB", Bound::kAtMost,
               1.05};
  of_bound.over_limit = taken.over_limit = grown.over_limit = true;
  add_round(of_bound, 1, {bytes / 1e6, kBookBytes / 1e6});
  add_round(taken, 1, {later - empty, kBookBytes / 1e6});
  add_round(grown, 1, {later, full});
  co_return Report{{std::move(of_bound), std::move(taken), std::move(grown)}, {}};
}

}  // namespace receiver::bench
