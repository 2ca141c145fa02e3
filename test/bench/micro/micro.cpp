// The cost of the parts of a delivery, and of reading a list: see `bench_micro --help` for
// selecting.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "api/warehouse.h"
#include "bitbucket/event.h"
#include "controllers/bitbucket_access.h"
#include "controllers/refresh_queue.h"
#include "controllers/routes.h"
#include "crypto/crypto.h"
#include "json/json.h"
#include "kube/object_meta.h"
#include "kube/store.h"
#include "test/bench/payload.h"
#include "webhook/delivery_targets.h"
#include "webhook/targets.h"

namespace receiver {
namespace {

constexpr int kProjects = 10'000;
constexpr int kWarehouses = 100'000;

std::string path_of(int project) {
  return "/bitbucket/" + crypto::sha256_hex({std::to_string(project)});
}

void path_lookup(benchmark::State& state) {
  controllers::RouteTable routes;
  for (int project = 0; project < kProjects; ++project) {
    const std::string name = fmt::format("project-{}", project);
    controllers::Route route{.path = path_of(project),
                             .project = name,
                             .receiver = "receiver",
                             .key = crypto::SecretString("a secret of some length")};
    routes.replace({name, name}, {std::move(route)}, false);
  }
  const std::string path = path_of(kProjects / 2);
  for (auto _ : state) {
    auto found = routes.find(path);
    if (found.size() != 1) state.SkipWithError("not found");
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(path_lookup)->Name("path lookup among 10,000");

void hmac(benchmark::State& state) {
  const std::string body(8 * 1024, 'x');
  for (auto _ : state) {
    crypto::Hmac hmac(crypto::HashAlgorithm::kSha256, "a secret of some length");
    hmac.update(body);
    benchmark::DoNotOptimize(hmac.digest());
  }
}
BENCHMARK(hmac)->Name("HMAC of 8 KiB");

/// Occupies the API client's thread when a push to a monorepo arrives, before anything else runs
/// there.
void queue_targets(benchmark::State& state) {
  constexpr int kTargets = 5'000;
  std::vector<controllers::Target> targets;
  for (int number = 0; number < kTargets; ++number) {
    targets.push_back({controllers::TargetKind::kWarehouse,
                       {"a-project-of-some-length", fmt::format("warehouse-{:012}", number)}});
  }
  const auto now = controllers::RefreshQueue::Time{std::chrono::hours(1)};
  for (auto _ : state) {
    state.PauseTiming();
    auto queue = std::make_unique<controllers::RefreshQueue>(controllers::RefresherOptions{}, 1);
    state.ResumeTiming();
    if (!queue->add(1, targets, now)) state.SkipWithError("not taken");
    state.PauseTiming();
    queue.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(queue_targets)->Name("queue 5,000 Warehouses of one push");

/// With many waiting: one PATCH ends and the next one starts.
void next_patch(benchmark::State& state) {
  constexpr int kTargets = 5'000;
  std::vector<controllers::Target> targets;
  for (int number = 0; number < kTargets; ++number) {
    targets.push_back(
        {controllers::TargetKind::kWarehouse,
         {fmt::format("project-{}", number / 100), fmt::format("warehouse-{:012}", number)}});
  }
  auto now = controllers::RefreshQueue::Time{std::chrono::hours(1)};
  controllers::RefreshQueue queue({}, 1);
  std::uint64_t delivery = 0;
  for (auto _ : state) {
    if (queue.size() < kTargets / 2 && !queue.add(++delivery, targets, now)) {
      state.SkipWithError("not taken");
    }
    now += std::chrono::milliseconds(1);
    const controllers::Target* const next = queue.start(now);
    if (!next) {
      state.SkipWithError("nothing starts");
      break;
    }
    const controllers::Target target = *next;
    benchmark::DoNotOptimize(queue.finish(target, {}, now));
  }
}
BENCHMARK(next_patch)->Name("end a PATCH, start the next of thousands");

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string_view event_of(const std::filesystem::path& payload) {
  const bool cloud = payload.parent_path().filename() == "cloud";
  if (payload.filename().string().starts_with("pull_request")) {
    return cloud ? "pullrequest:fulfilled" : "pr:merged";
  }
  return cloud ? "repo:push" : "repo:refs_changed";
}

void parse_payload(benchmark::State& state, bitbucket::EventKind kind, const std::string& body) {
  for (auto _ : state) {
    auto payload = bitbucket::parse_payload(kind, body);
    if (!payload) state.SkipWithError(payload.error().c_str());
    benchmark::DoNotOptimize(payload);
  }
  state.SetLabel(fmt::format("{} bytes", body.size()));
}

void register_payloads() {
  for (const char* source : {"cloud", "data_center"}) {
    const std::filesystem::path folder = std::filesystem::path(TESTDATA_DIR) / "bitbucket" / source;
    const std::filesystem::directory_iterator begin(folder);
    const std::set<std::filesystem::path> payloads(begin, {});  // in order
    for (const std::filesystem::path& payload : payloads) {
      const auto kind = bitbucket::event_kind(event_of(payload));
      if (!kind) throw std::runtime_error("no kind of event: " + payload.string());
      const std::string name = fmt::format("parse {} {}", source, payload.stem().string());
      benchmark::RegisterBenchmark(
          name.c_str(), [kind = *kind, body = read_file(payload)](benchmark::State& state) {
            parse_payload(state, kind, body);
          });
    }
  }
}

std::string warehouse_json(int number, std::size_t status_bytes) {
  return fmt::format(
      R"({{"apiVersion":"kargo.akuity.io/v1alpha1","kind":"Warehouse","metadata":{{)"
      R"("name":"warehouse-{0}","namespace":"project-{1}","resourceVersion":"{0}"}},)"
      R"("spec":{{"subscriptions":[{{"git":{{"repoURL":"https://bitbucket.org/acme/shop-{2}",)"
      R"("branch":"main"}}}}]}},"status":{{"discoveredArtifacts":{{"git":[{{"commits":[{3}]}}]}}}}}})",
      number, number / 10, number / 4, [&] {
        std::string commits = "{}";
        while (commits.size() < status_bytes) {
          commits += fmt::format(R"(,{{"id":"{:040x}","branch":"main","subject":"{:-<250}"}})",
                                 commits.size(), "what has changed and why ");
        }
        return commits;
      }());
}

const json::Projection& projection() {
  static const json::Projection whole = kube::with_meta(api::warehouse_projection());
  return whole;
}

void match_push(benchmark::State& state) {
  kube::Store<api::Warehouse> warehouses(api::decode_warehouse, webhook::warehouse_index_keys);
  warehouses.begin_replace();
  for (int number = 0; number < kWarehouses; ++number) {
    const auto object = json::parse(warehouse_json(number, 0), projection());
    const auto meta = object ? kube::read_meta(*object) : tl::unexpected(object.error());
    if (!meta || !warehouses.add_listed(*meta, *object)) {
      state.SkipWithError("cannot be read");
      return;
    }
  }
  warehouses.end_replace();
  const std::string body = bench::long_cloud_push("acme/shop-1000", "main");
  const auto kind = bitbucket::event_kind("repo:push");
  const auto payload = bitbucket::parse_payload(*kind, body);
  const auto& push = std::get<bitbucket::Push>(*payload);
  for (auto _ : state) {
    auto targets = webhook::targets_of(push, "", warehouses);
    if (targets.size() != 4) state.SkipWithError("not the four Warehouses");
    benchmark::DoNotOptimize(targets);
  }
}
BENCHMARK(match_push)->Name("match a push against 100,000 Warehouses");

/// A push to a monorepo whose Warehouses have one folder each, without Bitbucket's answer and the
/// PATCH. `asks`: the receiver's Secret contains a token.
void decide_about_folders(benchmark::State& state, bool asks) {
  constexpr int kFolders = 200;
  const std::string url = "https://git.example.com/scm/acme/shop.git";
  kube::Store<api::Warehouse> warehouses(api::decode_warehouse, webhook::warehouse_index_keys);
  warehouses.begin_replace();
  for (int number = 0; number < kFolders; ++number) {
    const auto object = json::parse(fmt::format(
        R"({{"metadata":{{"name":"warehouse-{0}","namespace":"shop","resourceVersion":"1"}},"spec":{{"subscriptions":)"
        R"([{{"git":{{"repoURL":"{1}","branch":"main","includePaths":["apps/shop-{0}"]}}}}]}}}})",
        number, url));
    const auto meta = object ? kube::read_meta(*object) : tl::unexpected(object.error());
    if (!meta || !warehouses.add_listed(*meta, *object)) {
      state.SkipWithError("cannot be read");
      return;
    }
  }
  warehouses.end_replace();
  controllers::BitbucketAccess access;
  access.product = bitbucket::Source::kDataCenter;
  access.server = "https://git.example.com";
  const controllers::Route route{
      .path = "/bitbucket/1",
      .project = "shop",
      .receiver = "receiver",
      .key = crypto::SecretString("a secret of some length"),
      .bitbucket = asks ? std::make_shared<const controllers::BitbucketAccess>(access) : nullptr};
  const std::string body =
      bench::long_data_center_push(url, std::string(40, 'b'), std::string(40, 'a'));
  const auto kind = bitbucket::event_kind("repo:refs_changed");
  const auto payload = bitbucket::parse_payload(*kind, body);
  const auto& push = std::get<bitbucket::Push>(*payload);
  webhook::Findings findings;
  findings.refs = {
      {.asked = true,
       .files = {std::make_shared<const std::vector<std::string>>(1, "apps/shop-7/main.go")}}};
  for (auto _ : state) {
    auto targets = webhook::targets_for(
        {route}, push, {.source = kind->source, .body = body, .may_ask = true}, warehouses);
    const auto affected = targets.take_all_but(webhook::Judgement::kSpared, findings);
    if (affected.size() + targets.certain.size() != (asks ? 1 : kFolders)) {
      state.SkipWithError("not the right Warehouses");
    }
    benchmark::DoNotOptimize(affected);
  }
}
BENCHMARK_CAPTURE(decide_about_folders, without, false)
    ->Name("decide about 200 Warehouses with a folder each, without a token");
BENCHMARK_CAPTURE(decide_about_folders, with, true)
    ->Name("decide about 200 Warehouses with a folder each, with a token");

void decode_warehouse(benchmark::State& state) {
  const std::string json = warehouse_json(1, 50 * 1024);
  for (auto _ : state) {
    const auto object = json::parse(json, projection());
    const auto meta = kube::read_meta(*object);
    auto warehouse = api::decode_warehouse(*meta, *object);
    if (!warehouse || warehouse->subscriptions.size() != 1) state.SkipWithError("cannot be read");
    benchmark::DoNotOptimize(warehouse);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(json.size()));
}
BENCHMARK(decode_warehouse)->Name("decode a Warehouse of 50 KiB");

}  // namespace
}  // namespace receiver

int main(int argc, char** argv) {
  receiver::register_payloads();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
