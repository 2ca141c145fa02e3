#include "controllers/stage_watch.h"

#include <map>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "test/support/fake_api_server.h"
#include "test/support/simulated_time.h"

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using Projects = std::set<std::string>;

constexpr const char* kWaits = R"([{"uses": "git-wait-for-pr"}])";

std::string object(const std::string& ns, const std::string& name, const std::string& spec) {
  return R"({"metadata": {"namespace": ")" + ns + R"(", "name": ")" + name +
         R"(", "resourceVersion": "1"}, "spec": )" + spec + "}";
}
std::string stage(const std::string& ns, const std::string& steps) {
  return object(ns, "s", R"({"promotionTemplate": {"spec": {"steps": )" + steps + "}}}");
}
std::string task(const std::string& ns, const std::string& steps) {
  return object(ns, "t", R"({"steps": )" + steps + "}");
}

/// An API server with some objects of these kinds, that may reject others.
struct StageWorld {
  ~StageWorld() {
    watch.stop();
    rest->close();
    test::SimulatedTime::settle(io);
  }
  StageWorld() = default;
  StageWorld(const StageWorld&) = delete;
  StageWorld& operator=(const StageWorld&) = delete;

  test::ApiAnswer answer(const test::ApiRequest& request) {
    if (request.target.find("watch=true") != std::string::npos) return {200, ""};
    const std::string path = request.target.substr(0, request.target.find('?'));
    const auto items = objects.find(path.substr(path.rfind('/') + 1));
    if (items == objects.end()) return test::refusal(403, "Forbidden");
    return {200, R"({"metadata": {"resourceVersion": "5"}, "items": [)" + items->second + "]}"};
  }

  test::SimulatedTime time;
  boost::asio::io_context io;
  std::map<std::string, std::string> objects;  ///< by plural; other kinds may not be read
  Projects changed;
  std::map<std::string, const kube::Reflector*> reflectors;  ///< by kind, once begun
  test::FakeApiServer server{
      io, test::FakeApiServer::Handler(
              [this](const test::ApiRequest& request) { return answer(request); })};
  std::unique_ptr<kube::RestClient> rest{server.client(io)};
  StageWatch watch{*rest, [this](const std::string& ns) { changed.insert(ns); },
                   [this](const std::string& kind, const kube::Reflector& reflector) {
                     reflectors.emplace(kind, &reflector);
                   },
                   log::Logger::none()};
};

}  // namespace

TEST_CASE("projects wait for pull requests by steps of Stages, and of the tasks that these use") {
  StageWorld world;
  world.objects["stages"] =
      stage("by-itself", kWaits) + "," + stage("by-task", R"([{"task": {"name": "t"}}])") + "," +
      stage("by-cluster-task", R"([{"task": {"name": "t", "kind": "ClusterPromotionTask"}}])") +
      "," + stage("by-another-task", R"([{"task": {"name": "t"}}])") + "," +
      stage("by-nothing", R"([{"uses": "git-clone"}])");
  world.objects["promotiontasks"] =
      task("by-task", kWaits) + "," + task("by-another-task", "[]") + "," + task("unused", kWaits);
  world.objects["clusterpromotiontasks"] = R"({"metadata": {"name": "t", "resourceVersion": "1"},
      "spec": {"steps": )" + std::string(kWaits) +
                                           "}}";
  world.watch.begin();
  CHECK(world.time.run_until(world.io, [&] {
    return world.watch.projects() == Projects{"by-itself", "by-task", "by-cluster-task"};
  }));
  // Each object is reported with its project, one without a namespace as possibly affecting all.
  CHECK(world.changed.contains("by-task"));
  CHECK(world.changed.contains("unused"));
  CHECK(world.changed.contains(""));
}

TEST_CASE("Stages are not read where nobody needs them") {
  StageWorld world;
  world.time.run_for(world.io, 1h);
  CHECK(world.server.requests().empty());
  CHECK(world.reflectors.empty());
  world.watch.begin();
  world.watch.begin();
  world.time.run_for(world.io, 1ms);
  CHECK(world.server.requests().size() == 3);
}

TEST_CASE("a kind that may not be read says nothing, and does not hold up the others") {
  StageWorld world;
  world.objects["stages"] =
      stage("by-itself", kWaits) + "," + stage("by-task", R"([{"task": {"name": "t"}}])");
  world.watch.begin();
  CHECK(world.time.run_until(world.io,
                             [&] { return world.watch.projects() == Projects{"by-itself"}; }));
  using Settled = kube::ReflectorStatus::Settled;
  CHECK(world.reflectors.at("stages")->status().settled == Settled::kSynced);
  CHECK(world.reflectors.at("promotiontasks")->status().settled != Settled::kSynced);
  CHECK(world.reflectors.size() == 3);
  // The permission is granted later.
  world.objects["promotiontasks"] = task("by-task", kWaits);
  CHECK(world.time.run_until(world.io, [&] { return world.watch.projects().size() == 2; }));
}

}  // namespace receiver::controllers
