#include <fstream>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

#include "test/support/cluster.h"
#include "test/support/commits.h"
#include "test/support/eventually.h"
#include "test/support/operator.h"
#include "test/support/project.h"

namespace receiver::test {
namespace {

/// Packets through the interface that test/network/questions.sh has created: everything except this
/// machine is behind it, including name servers, and nothing answers there.
unsigned long packets_elsewhere() {
  std::ifstream interfaces("/proc/self/net/dev");
  for (std::string line; std::getline(interfaces, line);) {
    const std::size_t colon = line.find("elsewhere:");
    if (colon == std::string::npos) continue;
    std::istringstream fields(line.substr(line.find(':') + 1));
    unsigned long packets = 0;
    for (int field = 0; field < 10; ++field) {
      fields >> packets;  // 8 fields of received data, then sent bytes
    }
    return packets;
  }
  FAIL("there is no such interface: this test runs by `make network-test`");
  return 0;
}

}  // namespace

// Hidden: it needs a network namespace of its own.
TEST_CASE("a receiver without a token sends nothing to anybody but the API server", "[.network]") {
  const Cluster cluster;
  const Operator op(cluster, {{"BITBUCKET_HOSTS", "git.example.com"}});
  const Project project(cluster);
  project.put_secret("cloud", {{"secret", kSecret}});
  // Everything except the token.
  project.put_secret("center", {{"secret", kSecret},
                                {"bitbucket.url", "https://git.example.com"},
                                {"bitbucket.username", "me@example.com"}});
  project.declare({{"cloud", "cloud"}, {"center", "center"}});
  project.await_ready();
  const std::string in_cloud = project.repository();
  const std::string in_center = "https://git.example.com/scm/shop/" + project.name() + ".git";
  for (const auto& [prefix, repository] :
       {std::pair("cloud-", in_cloud), std::pair("center-", in_center)}) {
    const std::string name(prefix);
    project.add_warehouse(name + "all", repository);
    project.add_warehouse(name + "main", repository, R"("branch": "main")");
    project.add_warehouse(name + "web", repository, only("apps/web"));
    project.add_warehouse(name + "docs", repository, only("docs"));
  }
  int number = 1;
  const std::string to_cloud = op.url(receiver_path(project.name(), "cloud", kSecret));
  const auto push_to_cloud = [&] { return push_to(to_cloud, cloud_commit(in_cloud, ++number)); };
  const std::string to_center = op.url(receiver_path(project.name(), "center", kSecret));
  const auto push_to_center = [&] {
    return push_to(to_center, data_center_commit(in_center, ++number));
  };
  const std::string all = "200 {\"msg\":\"refreshed 4 warehouse(s)\"}\n";
  eventually_equals("Cloud's Warehouses are seen, and refreshed", push_to_cloud, all);
  eventually_equals("Data Center's Warehouses are seen, and refreshed", push_to_center, all);
  CHECK(packets_elsewhere() == 0);

  // With a token, the same pushes cause questions, as the same counter shows. Without an answer
  // they refresh anyway.
  project.put_secret("cloud", {{"secret", kSecret}, {"bitbucket.token", "token-of-the-tests"}});
  eventually("a question leaves", [&] {
    CHECK(push_to_cloud() == all);
    return packets_elsewhere() > 0;
  });
}

}  // namespace receiver::test
