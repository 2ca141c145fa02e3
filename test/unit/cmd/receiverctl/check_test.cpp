#include <algorithm>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cmd/receiverctl/check_cluster.h"
#include "cmd/receiverctl/check_web.h"
#include "cmd/receiverctl/cluster.h"
#include "cmd/receiverctl/permissions.h"
#include "json/json.h"
#include "test/support/scripted_server.h"
#include "test/support/temporary_file.h"
#include "test/support/test_certificates.h"
#include "test/unit/cmd/receiverctl/scripted_api.h"
#include "test/unit/cmd/receiverctl/terminal.h"

namespace receiver::ctl {
namespace {

using namespace std::chrono_literals;
using Catch::Contains;

const clock::Wall::time_point kNow = *clock::parse_rfc3339("2026-03-14T11:20:01Z");

api::ReceiverOwner owner(const std::string& project, const std::string& url) {
  api::ReceiverOwner made;
  made.meta.key = {project, project};
  made.status.webhook_receivers = {{"bb", "", url}};
  return made;
}

std::string lease(const std::string& holder, const std::string& renewed, int seconds = 15) {
  return fmt::format(
      R"({{"metadata": {{"name": "bitbucket-receiver", "namespace": "kargo", "resourceVersion": "7"}},
    "spec": {{"holderIdentity": "{}", "leaseDurationSeconds": {}, "renewTime": "{}"}}}})",
      holder, seconds, renewed);
}

/// The API server's list of the kinds of a group.
kube::ApiResult<std::string> served(const std::vector<std::string>& kinds) {
  std::string resources;
  for (const std::string& kind : kinds) {
    resources += fmt::format(R"({}{{"name": "{}"}})", resources.empty() ? "" : ", ", kind);
  }
  return fmt::format(R"({{"kind": "APIResourceList", "resources": [{}]}})", resources);
}

kube::ApiResult<std::string> refused(unsigned status, const std::string& body) {
  return tl::unexpected(kube::error_from_answer(status, "", body, kNow));
}

}  // namespace

TEST_CASE("a kind that is not served is named, with what to do about it") {
  struct Row {
    const char* group_version;
    std::vector<std::string> served;
    const char* missing;
    const char* all_missing;
    const char* remedy;
  };
  const std::vector<Row> rows{
      {"kargo.akuity.io/v1alpha1",
       {"projectconfigs", "warehouses", "promotions", "warehouses/status", "stages"},
       "clusterconfigs not served",
       "projectconfigs, clusterconfigs, warehouses, promotions not served",
       "crds.install=true"},
      {"events.k8s.io/v1", {}, "events not served", "events not served", "upgrade Kubernetes"},
      {"coordination.k8s.io/v1",
       {"leasecandidates"},
       "leases not served",
       "leases not served",
       "upgrade Kubernetes"},
  };
  REQUIRE(needed_kinds().size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const NeededKinds& needed = needed_kinds()[i];
    const Row& row = rows[i];
    INFO(row.group_version);
    CHECK(needed.group_version == row.group_version);
    CHECK(judge_kinds(needed, served(needed.plurals)).level == Level::kOk);
    const auto fails_with = [&](const kube::ApiResult<std::string>& answer,
                                const std::string& message, const std::string& remedy) {
      const Finding finding = judge_kinds(needed, answer);
      CHECK(finding.level == Level::kFailure);
      CHECK(finding.message == message);
      CHECK_THAT(finding.remedy, Contains(remedy));
    };
    fails_with(served(row.served), row.missing, row.remedy);
    fails_with("{}", row.all_missing, row.remedy);
    fails_with(refused(404, "404 page not found"), "none is served", row.remedy);
    fails_with(refused(403, R"({"kind": "Status", "message": "nobody may not look"})"),
               "nobody may not look", "use an account that may");
  }
}

TEST_CASE("a wrong clock is reported with its direction") {
  CHECK(judge_clock(kNow, kNow + 3s).level == Level::kOk);
  const Finding ahead = judge_clock(kNow, kNow + 90s);
  CHECK(ahead.level == Level::kWarning);
  CHECK(ahead.message == "is 90 s ahead of the API server's");
  CHECK(judge_clock(kNow, kNow - 6s).message == "is 6 s behind the API server's");
}

TEST_CASE("the clock is compared with the date of the API server's answer") {
  struct Row {
    const char* date;
    const char* direction;
  };
  for (const Row& row : {Row{"Wed, 01 Jan 2020 00:00:00 GMT", "ahead of"},
                         Row{"Sun, 01 Jan 2090 00:00:00 GMT", "behind"}}) {
    CAPTURE(row.date);
    const test::ScriptedServer server([&row](test::Peer& peer) {
      while (peer.request()) {
        peer.send(
            fmt::format("HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Length: 2\r\n\r\n{{}}", row.date));
      }
    });
    const test::TemporaryFile kubeconfig(
        fmt::format("clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{}'}}}}]\n"
                    "contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
                    "users: [{{name: u, user: {{}}}}]\ncurrent-context: c\n",
                    server.port()));
    Terminal terminal;
    terminal.context.kubeconfig = kubeconfig.path();
    const auto cluster = Cluster::connect(terminal.context);
    REQUIRE(cluster);
    Findings findings;
    CHECK(check_cluster(**cluster, {}, findings));
    const auto told = std::ranges::find(findings, "clock", &Finding::subject);
    REQUIRE(told != findings.end());
    CHECK_THAT(told->message, Contains(row.direction));
  }
}

TEST_CASE("check tells what a cluster does not have") {
  const ScriptedApi api([](const std::string& path, const std::string&) -> ScriptedApi::Answer {
    if (path == "/version") return {200, "nothing"};
    return path.find("/leases/") == std::string::npos ? ScriptedApi::list("")
                                                      : ScriptedApi::Answer();
  });
  const Ended ended = run(api, {"check"});
  CHECK(ended.code == 1);  // nor its kinds
  CHECK_THAT(ended.out,
             Contains("answers as Kubernetes of an unknown version") &&
                 Contains("there is no Lease kargo/bitbucket-receiver: no replica has led yet") &&
                 Contains("no Deployment in kargo has the label") &&
                 Contains("no Bitbucket receiver is declared → add one to spec.webhookReceivers") &&
                 Contains("is not known: no status shows one"));
}

TEST_CASE("the Lease tells whether the operator runs") {
  const Finding leads = judge_lease(lease("pod-0_0011", "2026-03-14T11:19:59.000000Z"), kNow);
  CHECK(leads.level == Level::kOk);
  CHECK(leads.message == "runs; pod-0 leads");
  const Finding late = judge_lease(lease("pod-0_0011", "2026-03-14T11:19:01.000000Z"), kNow);
  CHECK(late.level == Level::kFailure);
  CHECK(late.message == "pod-0 has not renewed its Lease for 60 s: the operator does not run");
  // The Lease has its own duration.
  CHECK(judge_lease(lease("pod-0_0011", "2026-03-14T11:19:01.000000Z", 60), kNow).level ==
        Level::kOk);
  CHECK(judge_lease(lease("pod-0_0011", "2026-03-14T11:19:59.000000Z", 1), kNow).level ==
        Level::kFailure);
  const Finding handed_over = judge_lease(lease("", "2026-03-14T11:19:59.000000Z"), kNow);
  CHECK(handed_over.level == Level::kWarning);
  CHECK(handed_over.message == "its last leader gave the Lease back 2 s ago: no other has it yet");
  CHECK(judge_lease(lease("", "2026-03-14T11:19:51.000000Z"), kNow).level == Level::kWarning);
  CHECK(judge_lease(lease("", "2026-03-14T11:19:50.000000Z"), kNow).level == Level::kFailure);
  CHECK(judge_lease(lease("", "2026-03-14T12:20:01.000000Z"), kNow).level == Level::kFailure);
  CHECK(judge_lease(lease("", ""), kNow).level == Level::kFailure);
  CHECK(judge_lease("{", kNow).level == Level::kWarning);
}

TEST_CASE("the base URL of a receiver's URL ends before its type") {
  CHECK(base_of("https://h/bitbucket/00ff") == "https://h");
  CHECK(base_of("https://h:8443/a/b/github/00ff") == "https://h:8443/a/b");
  for (const char* text : {"", "x", "https://h", "https://h/x", "/bitbucket/00ff"}) {
    INFO(text);
    CHECK(base_of(text).empty());
  }
}

TEST_CASE("all statuses must show the base URL that is expected") {
  std::string base;
  const auto judge = [&](const std::vector<api::ReceiverOwner>& owners,
                         const std::string& expected) {
    return judge_base_url(owners, expected, base);
  };
  CHECK(judge({}, "").level == Level::kWarning);
  CHECK(base.empty());
  CHECK(judge({}, "https://h").level == Level::kOk);
  CHECK(base == "https://h");

  const std::vector<api::ReceiverOwner> same{owner("a", "https://h/bitbucket/00"),
                                             owner("b", "https://h/github/11")};
  CHECK(judge(same, "").level == Level::kOk);
  CHECK(base == "https://h");
  const Finding other = judge(same, "https://other/kargo");
  CHECK(other.level == Level::kFailure);
  CHECK(other.message ==
        "is https://other/kargo, but statuses show https://h (of ProjectConfig a)");
  CHECK(base == "https://other/kargo");

  const Finding torn = judge({same[0], owner("c", "https://kargo/bitbucket/22")}, "");
  CHECK(torn.level == Level::kFailure);
  CHECK_THAT(torn.message, Contains("different") && !Contains("bitbucket/"));
  CHECK(base.empty());
}

TEST_CASE("an address that nobody outside reaches is a warning") {
  struct Row {
    std::vector<std::string> addresses;
    Level level;
  };
  const std::vector<Row> rows{
      {{"104.192.142.1"}, Level::kOk},          {{"2606:4700::1"}, Level::kOk},
      {{"10.0.0.1", "172.64.1.1"}, Level::kOk}, {{"172.32.0.1"}, Level::kOk},
      {{"127.0.0.1"}, Level::kWarning},         {{"::1"}, Level::kWarning},
      {{"10.1.2.3"}, Level::kWarning},          {{"172.31.0.1"}, Level::kWarning},
      {{"192.168.0.1"}, Level::kWarning},       {{"169.254.0.1"}, Level::kWarning},
      {{"fd00::1"}, Level::kWarning},           {{"fe80::1"}, Level::kWarning},
  };
  for (const Row& row : rows) {
    INFO(row.addresses.front());
    CHECK(judge_addresses("h", row.addresses).level == row.level);
  }
}

TEST_CASE("an address of the machine itself is one that no Bitbucket reaches") {
  for (const std::vector<std::string>& addresses :
       std::vector<std::vector<std::string>>{{"127.0.0.1"}, {"::1", "127.0.1.1"}}) {
    const Finding finding = judge_addresses("h", addresses);
    CHECK(finding.level == Level::kWarning);
    CHECK_THAT(finding.message, Contains("the machine that connects"));
    CHECK_THAT(finding.remedy, Contains("no Bitbucket can reach it"));
  }
  CHECK_THAT(judge_addresses("h", {"127.0.0.1", "::1"}).message,
             Catch::StartsWith("h is 127.0.0.1, ::1: that is the machine"));
  CHECK_THAT(judge_addresses("127.0.0.1", {"127.0.0.1"}).message,
             Catch::StartsWith("127.0.0.1: that is the machine"));
  CHECK_THAT(judge_addresses("h", {"127.0.0.1", "10.0.0.1"}).remedy, Contains("Data Center can"));
  // With --via, Bitbucket still uses the base URL.
  for (const char* base : {"http://127.0.0.1:8080", "http://localhost", "http://[::1]/kargo"}) {
    INFO(base);
    Findings findings;
    check_via({.scheme = "http", .host = "127.0.0.1", .port = 1}, base, "", {}, findings);
    REQUIRE(findings.size() == 2);
    CHECK_THAT(findings.front().remedy, Contains("no Bitbucket can reach it"));
  }
}

TEST_CASE("a certificate is judged by its verdict and its end") {
  const PeerCertificate good{"", "CN=h", "CN=authority", kNow + 24h * 90, 2};
  const Finding well = judge_certificate(good, kNow);
  CHECK(well.level == Level::kOk);
  CHECK(well.message == "is good until 2026-06-12 (of CN=h, by CN=authority)");

  PeerCertificate soon = good;
  soon.not_after = kNow + 24h * 13;
  CHECK(judge_certificate(soon, kNow).level == Level::kWarning);
  CHECK_THAT(judge_certificate(soon, kNow).message, Contains("in 13 days"));

  PeerCertificate alone = good;
  alone.problem = "unable to get local issuer certificate";
  alone.shown = 1;
  const Finding refused = judge_certificate(alone, kNow);
  CHECK(refused.level == Level::kFailure);
  CHECK_THAT(refused.message, Contains(alone.problem));
  CHECK_THAT(refused.remedy, Contains("intermediate"));
}

TEST_CASE("check tells in which form the path of a delivery arrives, if the operator says so") {
  CHECK(judge_path("full", "/kargo")->message == "arrives with its base path /kargo");
  CHECK(judge_path("stripped", "/kargo")->message ==
        "the ingress strips the base path /kargo; served as well");
  CHECK(judge_path("stripped", "/kargo")->level == Level::kOk);
  CHECK_FALSE(judge_path(std::nullopt, "/kargo"));
  CHECK_FALSE(judge_path("something new", "/kargo"));
}

TEST_CASE("check asks by an unsigned ping of a published URL, below a base path only") {
  std::string pinged;
  test::ScriptedServer server([&](test::Peer& peer) {
    const std::string request = peer.request().value_or("");
    if (request.starts_with("GET /healthz ")) {
      (void)peer.answer("{\"status\":\"ok\"}\n");
      return;
    }
    pinged = request;
    (void)peer.send("HTTP/1.1 200 OK\r\nX-Receiver-Path: stripped\r\nContent-Length: 0\r\n\r\n");
  });
  const std::string origin = "http://127.0.0.1:" + std::to_string(server.port());
  Findings findings;
  for (const char* root : {"", "/"}) {
    check_web(origin + root, origin + "/bitbucket/hex", {}, findings);
    CHECK(pinged.empty());
    findings.clear();
  }
  check_web(origin + "/kargo", "", {}, findings);
  CHECK(pinged.empty());
  findings.clear();
  check_web(origin + "/kargo", origin + "/kargo/bitbucket/hex", {}, findings);
  CHECK_THAT(pinged, Catch::StartsWith("POST /kargo/bitbucket/hex ") &&
                         Contains("X-Event-Key: diagnostics:ping") && !Contains("Signature"));
  CHECK(findings.back().message == "the ingress strips the base path /kargo; served as well");
}

TEST_CASE("check knows the operator by its answers, and another server by its own") {
  struct Row {
    const char* base_path;
    const char* health;   ///< the answer at /healthz
    const char* unknown;  ///< the one at an unknown path
    Level level;
    const char* told;
  };
  const char* good = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"status\":\"ok\"}\n";
  const char* ill = "HTTP/1.1 503 X\r\nContent-Length: 16\r\n\r\n{\"status\":\"ok\"}\n";
  const char* own = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n{}\n";
  const char* page = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\npage";
  const char* welcome = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n";
  for (const Row& row :
       {Row{"", good, page, Level::kOk, "/healthz answers 200"},
        Row{"/kargo/", page, own, Level::kOk, "/kargo/bitbucket/x answers as the operator does"},
        Row{"", ill, page, Level::kFailure, "503 at /healthz, 404 at /bitbucket/x"},
        Row{"/kargo", page, page, Level::kFailure, "404 at /healthz, 404 at /kargo/bitbucket/x"},
        Row{"", page, welcome, Level::kFailure, "404 at /healthz, 200 at /bitbucket/x"}}) {
    test::ScriptedServer server([&](test::Peer& peer) {
      const std::string request = peer.request().value_or("");
      (void)peer.send(request.starts_with("GET /healthz ") ? row.health : row.unknown);
    });
    Findings findings;
    check_web(fmt::format("http://127.0.0.1:{}{}", server.port(), row.base_path), "", {}, findings);
    CAPTURE(row.told);
    CHECK(findings.back().subject == "answer");
    CHECK(findings.back().level == row.level);
    CHECK_THAT(findings.back().message, Contains(row.told));
  }
}

TEST_CASE("check asks another address than the base URL's, whose certificate is the base URL's") {
  const test::TestAuthority authority;
  std::vector<std::string> asked;
  test::ScriptedServer server(
      [&](test::Peer& peer) {
        const std::string request = peer.request().value_or("");
        asked.push_back(request.substr(0, request.find(" HTTP/")));
        (void)peer.send(
            "HTTP/1.1 200 OK\r\nX-Receiver-Path: full\r\nContent-Length: 16\r\n\r\n"
            "{\"status\":\"ok\"}\n");
      },
      test::ServerIdentity{authority.issue(), {}});
  // A template without knowledge of the address family may put an IPv4 address in brackets.
  const auto via = parse_web_address("https://[127.0.0.1]:" + std::to_string(server.port()));
  REQUIRE(via);
  Findings findings;
  check_via(*via, "https://nowhere.invalid/kargo", "https://nowhere.invalid/kargo/bitbucket/hex",
            {}, findings);
  CHECK(asked == std::vector<std::string>{"GET /healthz", "POST /kargo/bitbucket/hex"});
  REQUIRE(findings.size() == 2);
  for (const Finding& finding : findings) CHECK(finding.level == Level::kOk);
  findings.clear();
  check_via({.scheme = "http", .host = "127.0.0.1", .port = 1}, "https://nowhere.invalid", "", {},
            findings);
  REQUIRE(findings.size() == 1);
  CHECK(findings.front().level == Level::kFailure);
}

TEST_CASE("the path is looked at by a Bitbucket receiver below the base URL") {
  api::ReceiverOwner owner;
  owner.receivers = {{.name = "github", .bitbucket = false, .secret_name = "s"},
                     {.name = "bb", .bitbucket = true, .secret_name = "s"}};
  owner.status.webhook_receivers = {{"github", "/b/github/1", "https://h/b/github/1"},
                                    {"bb", "/b/bitbucket/2", "https://h/b/bitbucket/2"}};
  CHECK(receiver_below({owner}, "https://h/b") == "https://h/b/bitbucket/2");
  CHECK(receiver_below({owner}, "https://h").empty());
  CHECK(receiver_below({}, "https://h/b").empty());
}

TEST_CASE("the permissions that are checked are those of config/rbac") {
  std::vector<std::string> texts;
  for (const Permission& permission :
       needed_permissions(rbac_files(), {"kargo", {"apples", "pears"}, false})) {
    texts.push_back(permission.str());
  }
  CHECK(texts == std::vector<std::string>{
                     "list, watch projectconfigs.kargo.akuity.io everywhere",
                     "list, watch clusterconfigs.kargo.akuity.io everywhere",
                     "patch projectconfigs.kargo.akuity.io/status everywhere",
                     "patch clusterconfigs.kargo.akuity.io/status everywhere",
                     "list, watch, patch warehouses.kargo.akuity.io everywhere",
                     "list, watch, patch promotions.kargo.akuity.io everywhere",
                     "create, patch events.events.k8s.io everywhere",
                     "create leases.coordination.k8s.io in kargo",
                     "get, update leases.coordination.k8s.io bitbucket-receiver in kargo",
                     "get, list, watch secrets in apples",
                     "get, list, watch secrets in pears",
                 });
  const auto all = needed_permissions(rbac_files(), {"kargo", {"apples", "pears"}, true});
  CHECK(all.back().str() == "get, list, watch secrets everywhere");
  const auto registration = registration_permissions(rbac_files());
  REQUIRE(registration.size() == 3);
  CHECK(registration[0].str() == "list, watch stages.kargo.akuity.io everywhere");
}

TEST_CASE("a review asks for one verb, of oneself or of a ServiceAccount") {
  const Permission permission{"", "kargo.akuity.io", "projectconfigs", "status", "", {"patch"}};
  const auto own = json::parse(access_review(permission, "patch", ""));
  REQUIRE(own);
  CHECK(json::string_at(*own, "/kind") == "SelfSubjectAccessReview");
  CHECK(json::string_at(*own, "/spec/resourceAttributes/subresource") == "status");
  CHECK(json::string_at(*own, "/spec/resourceAttributes/verb") == "patch");
  CHECK(json::find(*own, "/spec/user") == nullptr);
  const auto other = json::parse(access_review(permission, "patch", "kargo/operator"));
  REQUIRE(other);
  CHECK(json::string_at(*other, "/kind") == "SubjectAccessReview");
  CHECK(json::string_at(*other, "/spec/user") == "system:serviceaccount:kargo:operator");
}

TEST_CASE("findings are counted, and tell what to do only where something is to be done") {
  const Findings findings{{Level::kOk, "clock", "agrees"},
                          {Level::kWarning, "name", "is private", "move"}};
  CHECK(findings_text(findings, false) ==
        "          CHECK   RESULT\n"
        "ok        clock   agrees\n"
        "warning   name    is private → move\n"
        "\n"
        "1 ok, 1 warning(s), 0 failure(s)\n");
}

}  // namespace receiver::ctl
