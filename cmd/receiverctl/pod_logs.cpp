#include "cmd/receiverctl/pod_logs.h"

#include <algorithm>
#include <map>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>

#include "async/sleeper.h"
#include "clock/timer.h"
#include "cmd/receiverctl/delivery_log.h"
#include "cmd/receiverctl/operator_deployment.h"
#include "json/json.h"
#include "kube/resource.h"
#include "text/percent.h"

namespace receiver::ctl {
namespace {

namespace asio = boost::asio;
using kube::ApiError;

/// A log that is silent for this long is opened again.
constexpr std::chrono::minutes kQuiet{10};
/// Timeout for the rest of an answer that has begun.
constexpr std::chrono::seconds kStalled{30};

std::string pods_target(const LogSource& source) {
  const kube::Resource pods{"", "v1", "pods"};
  return fmt::format("{}?labelSelector={}", pods.path(source.ns),
                     text::percent_encode(source.selector));
}

/// A message that names the missing permission.
Failure log_failure(const Cluster& cluster, const LogSource& source, const ApiError& error,
                    const std::string& permission) {
  if (error.kind == ApiError::Kind::kForbidden) {
    return {ExitCode::kUnreachable,
            fmt::format("reading the operator's log needs `{}` in namespace {}, besides `{}`: {}",
                        permission, source.ns,
                        permission == "list pods" ? "get pods/log" : "list pods", error.message)};
  }
  return cluster.failure("the operator's log cannot be read", error);
}

/// A log that cannot be read because its pod is gone or has not started is not an error.
bool is_of_the_pod(const ApiError& error) {
  return error.kind == ApiError::Kind::kNotFound || error.kind == ApiError::Kind::kInvalid;
}

/// Passes on the lines until the log ends; `on_line` says whether to continue.
asio::awaitable<kube::ApiResult<void>> read_log(kube::RestClient& rest, std::string target,
                                                kube::Lane lane, std::chrono::milliseconds silence,
                                                std::function<bool(std::string_view)> on_line) {
  auto opened = co_await rest.open(std::move(target), lane);
  if (!opened) co_return tl::unexpected(std::move(opened.error()));
  const auto stream = std::move(*opened);
  bool goes_on = true;
  LineCutter lines([&](std::string_view line) { goes_on = goes_on && on_line(line); });
  while (goes_on) {
    const auto piece = co_await stream->next(silence);
    if (!piece) {
      co_return tl::unexpected(
          kube::make_error(ApiError::Kind::kUnreachable, piece.error().message));
    }
    if (piece->empty()) break;
    lines.feed(*piece);
  }
  if (goes_on) lines.end();
  co_return kube::ApiResult<void>();
}

/// The state that the coroutines of follow_logs() share; each keeps it alive.
struct Following {
  Following(Cluster& of, LogSource wanted)
      : cluster(of), source(std::move(wanted)), pause(of.rest().executor()) {}

  struct Pod {
    bool is_followed = false;
    Repetition repetition{};
  };

  Cluster& cluster;
  LogSource source;
  std::chrono::milliseconds look_again{};
  std::function<bool(const std::string&, std::string_view)> on_line;
  std::function<void(const std::string&)> on_trouble;
  clock::Timer pause;
  std::map<std::string, Pod> pods{};  ///< by uid
  bool first_look = true;
  bool ended = false;
  Failure failure{};  ///< has a message after a permanent failure

  void end() {
    ended = true;
    pause.cancel();
  }
  void fail(Failure why) {
    failure = std::move(why);
    end();
  }
};

asio::awaitable<void> follow_pod(std::shared_ptr<Following> shared, LoggingPod pod,
                                 std::string target) {
  shared->pods[pod.uid].repetition.begin();
  std::function<bool(std::string_view)> on_line = [shared, pod](std::string_view line) {
    if (shared->ended) return false;
    const auto time = time_of_log_line(line);
    if (time && shared->pods[pod.uid].repetition.is_repeated(*time, line)) return true;
    if (shared->on_line(pod.name, line)) return true;
    shared->end();
    return false;
  };
  auto reading = read_log(shared->cluster.rest(), std::move(target), kube::Lane::kWatches, kQuiet,
                          std::move(on_line));
  const auto read = co_await std::move(reading);
  shared->pods[pod.uid].is_followed = false;
  if (shared->ended || read || is_of_the_pod(read.error())) co_return;
  if (read.error().kind == ApiError::Kind::kForbidden) {
    shared->fail(log_failure(shared->cluster, shared->source, read.error(), "get pods/log"));
  }
}

void follow_new_pods(const std::shared_ptr<Following>& shared, const std::string& list) {
  const auto listed = pods_of(list);
  std::erase_if(shared->pods, [&](const auto& known) {
    return std::ranges::find(listed, known.first, &LoggingPod::uid) == listed.end() &&
           !known.second.is_followed;
  });
  for (const LoggingPod& pod : listed) {
    if (!pod.has_started) continue;
    const bool is_new = !shared->pods.contains(pod.uid);
    Following::Pod& known = shared->pods[pod.uid];
    if (std::exchange(known.is_followed, true)) continue;
    LogSource source = shared->source;
    // For a pod that started later, the whole log is new.
    if (is_new && !shared->first_look) source.since.reset();
    auto target = log_target(source, pod, true, known.repetition.last());
    asio::co_spawn(shared->cluster.rest().executor(), follow_pod(shared, pod, std::move(target)),
                   [shared](const std::exception_ptr& thrown) {
                     if (thrown) std::rethrow_exception(thrown);
                   });
  }
  if (listed.empty() && shared->first_look) {
    shared->on_trouble(fmt::format("no pod in {} has the labels {} yet", shared->source.ns,
                                   shared->source.selector));
  }
  shared->first_look = false;
}

asio::awaitable<Result<void>> look_for_pods(std::shared_ptr<Following> shared) {
  bool told = false;
  while (!shared->ended) {
    const auto list = co_await shared->cluster.rest().get(pods_target(shared->source));
    if (list) {
      told = false;
      follow_new_pods(shared, *list);
    } else if (list.error().kind == ApiError::Kind::kForbidden) {
      shared->fail(log_failure(shared->cluster, shared->source, list.error(), "list pods"));
    } else if (!std::exchange(told, true)) {
      shared->on_trouble(
          shared->cluster.failure("the operator's pods cannot be listed", list.error()).message);
    }
    if (shared->ended) break;
    co_await async::sleep_until(shared->pause, clock::Steady::now() + shared->look_again);
  }
  Result<void> result;
  if (!shared->failure.message.empty()) result = tl::unexpected(shared->failure);
  co_return result;
}

}  // namespace

std::vector<LoggingPod> pods_of(std::string_view json) {
  std::vector<LoggingPod> pods;
  const auto list = json::parse(json);
  const rapidjson::Value* items = list ? json::find(*list, "/items") : nullptr;
  if (items == nullptr || !items->IsArray()) return pods;
  for (const auto& item : items->GetArray()) {
    const rapidjson::Value* container = operator_container(json::find(item, "/spec/containers"));
    if (container == nullptr) continue;
    LoggingPod pod{.name = std::string(json::string_at(item, "/metadata/name")),
                   .uid = std::string(json::string_at(item, "/metadata/uid")),
                   .container = std::string(json::string_at(*container, "/name"))};
    const rapidjson::Value* statuses = json::find(item, "/status/containerStatuses");
    if (statuses != nullptr && statuses->IsArray()) {
      for (const auto& status : statuses->GetArray()) {
        if (json::string_at(status, "/name") != pod.container) continue;
        pod.has_started = json::find(status, "/state/running") != nullptr ||
                          json::find(status, "/state/terminated") != nullptr ||
                          json::find(status, "/lastState/terminated") != nullptr;
      }
    }
    pods.push_back(std::move(pod));
  }
  std::ranges::sort(pods, {}, &LoggingPod::name);
  return pods;
}

std::string log_target(const LogSource& source, const LoggingPod& pod, bool follow,
                       std::optional<clock::Wall::time_point> from) {
  const kube::Resource pods{"", "v1", "pods"};
  std::string target = fmt::format("{}/log?container={}", pods.path({source.ns, pod.name}),
                                   text::percent_encode(pod.container));
  if (from) {
    target += "&sinceTime=" + text::percent_encode(clock::format_seconds(*from));
  } else if (source.since) {
    target += fmt::format("&sinceSeconds={}", source.since->count());
  }
  if (follow) target += "&follow=true";
  return target;
}

Result<std::size_t> read_logs(Cluster& cluster, const LogSource& source, const OnLogLine& on_line) {
  const auto list = cluster.get(pods_target(source));
  if (!list) return tl::unexpected(log_failure(cluster, source, list.error(), "list pods"));
  const auto pods = pods_of(*list);
  for (const LoggingPod& pod : pods) {
    if (!pod.has_started) continue;
    const auto read =
        cluster.await(read_log(cluster.rest(), log_target(source, pod, false), kube::Lane::kReads,
                               kStalled, [&](std::string_view line) {
                                 on_line(pod.name, line);
                                 return true;
                               }));
    if (read || is_of_the_pod(read.error())) continue;
    return tl::unexpected(log_failure(cluster, source, read.error(), "get pods/log"));
  }
  return pods.size();
}

Result<void> follow_logs(Cluster& cluster, const LogSource& source,
                         std::chrono::milliseconds look_again,
                         std::function<bool(const std::string&, std::string_view)> on_line,
                         std::function<void(const std::string&)> on_trouble) {
  const auto shared = std::make_shared<Following>(cluster, source);
  shared->look_again = look_again;
  shared->on_line = std::move(on_line);
  shared->on_trouble = std::move(on_trouble);
  auto result = cluster.await(look_for_pods(shared));
  // Requests in flight end silently with the cluster.
  shared->ended = true;
  shared->on_line = {};
  shared->on_trouble = {};
  return result;
}

bool Repetition::is_repeated(clock::Wall::time_point time, std::string_view line) {
  if (resuming_ && last_) {
    if (time < *last_) return true;
    if (time == *last_ && std::ranges::find(at_last_, line) != at_last_.end()) return true;
  }
  resuming_ = resuming_ && last_ && time == *last_;
  if (last_ && time < *last_) return false;
  if (!last_ || time > *last_) at_last_.clear();
  last_ = time;
  at_last_.emplace_back(line);
  return false;
}

}  // namespace receiver::ctl
