#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "bitbucket/event.h"
#include "test/support/testdata.h"

namespace receiver::bitbucket {

using test::read_body;
namespace {

using Texts = std::vector<std::string>;

constexpr EventKind kCloudPush{Source::kCloud, Action::kRefreshWarehouses};
constexpr EventKind kDataCenterPush{Source::kDataCenter, Action::kRefreshWarehouses};
constexpr EventKind kCloudPullRequest{Source::kCloud, Action::kRefreshPromotions};
constexpr EventKind kDataCenterPullRequest{Source::kDataCenter, Action::kRefreshPromotions};

Push push_of(EventKind kind, std::string_view body) {
  const auto payload = parse_payload(kind, body);
  INFO((payload ? std::string() : payload.error()));
  REQUIRE(payload);
  REQUIRE(std::holds_alternative<Push>(*payload));
  return std::get<Push>(*payload);
}

Texts pull_request_urls(EventKind kind, std::string_view body) {
  const auto payload = parse_payload(kind, body);
  INFO((payload ? std::string() : payload.error()));
  REQUIRE(payload);
  REQUIRE(std::holds_alternative<PullRequest>(*payload));
  return std::get<PullRequest>(*payload).urls;
}

/// A Cloud push with this text for its changes.
std::string with_changes(const std::string& changes) {
  return R"({"push":{"changes":)" + changes + R"(},"repository":{"links":{"html":{"href":"u"}}}})";
}

/// A Data Center push with this text for its repository's links.
std::string with_links(const std::string& links) {
  return R"({"repository":{"slug":"r","links":)" + links +
         R"(},"changes":[{"ref":{"id":"refs/heads/main"}}]})";
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string repeated;
  repeated.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

}  // namespace

TEST_CASE("a push to Bitbucket Cloud names its repository's page and the refs that moved") {
  struct Case {
    std::string file;
    Texts refs;
  };
  const std::vector<Case> cases{
      {"push_branch_create.json", {"refs/heads/feature/late-apples"}},
      {"push_branch_update.json", {"refs/heads/main"}},
      {"push_branch_force.json", {"refs/heads/main"}},
      {"push_branch_delete.json", {"refs/heads/feature/late-apples"}},
      {"push_tag_create.json", {"refs/tags/v1.4.0"}},
      {"push_annotated_tag_create.json", {"refs/tags/harvest/2026-03"}},
      {"push_tag_delete.json", {"refs/tags/v1.3.9"}},
      {"push_several_changes.json",
       {"refs/heads/main", "refs/tags/v2.0.0", "refs/heads/old/pears"}},
      {"push_no_changes.json", {}},
  };
  for (const auto& [file, refs] : cases) {
    INFO(file);
    const Push push = push_of(kCloudPush, read_body("cloud/" + file));
    CHECK(push.repository_urls == Texts{"https://bitbucket.org/kargo-orchard/fruit-basket"});
    CHECK(push.refs == refs);
  }
}

TEST_CASE("a push to Bitbucket Data Center names its clone URLs and the refs that moved") {
  const std::string http = "https://git.orchard.example/scm/orch/fruit-basket.git";
  const std::string ssh = "ssh://git@git.orchard.example:7999/orch/fruit-basket.git";
  struct Case {
    std::string file;
    Texts urls;
    Texts refs;
  };
  const std::vector<Case> cases{
      {"branch_update", {http, ssh}, {"refs/heads/main"}},
      {"branch_update_10", {http, ssh}, {"refs/heads/main"}},
      {"branch_add", {ssh, http}, {"refs/heads/feature/late-apples"}},
      {"branch_delete", {http, ssh}, {"refs/heads/feature/late-apples"}},
      {"tag_add", {http, ssh}, {"refs/tags/v1.4.0"}},
      {"tag_with_slash", {http, ssh}, {"refs/tags/harvest/2026-03"}},
      {"tag_delete", {http, ssh}, {"refs/tags/v1.3.9"}},
      {"several", {http, ssh}, {"refs/heads/main", "refs/tags/v2.0.0", "refs/heads/old/pears"}},
      {"no_changes", {http, ssh}, {}},
      {"mirror", {http, ssh}, {}},
      {"5_13", {}, {"refs/heads/main"}},
      {"ssh_only", {ssh}, {"refs/heads/main"}},
      {"http_only", {http}, {"refs/heads/main"}},
      {"context_path",
       {"http://git.orchard.example:7990/bitbucket/scm/orch/fruit-basket.git", ssh},
       {"refs/heads/main"}},
      {"personal",
       {"https://git.orchard.example/scm/~grafter/seedlings.git",
        "ssh://git@git.orchard.example:7999/~grafter/seedlings.git"},
       {"refs/heads/main"}},
  };
  for (const auto& [file, urls, refs] : cases) {
    INFO(file);
    const Push push =
        push_of(kDataCenterPush, read_body("data_center/refs_changed_" + file + ".json"));
    CHECK(push.repository_urls == urls);
    CHECK(push.refs == refs);
  }
}

TEST_CASE("a pull request that ended names its page") {
  const std::string cloud = "https://bitbucket.org/kargo-orchard/fruit-basket/pull-requests/";
  CHECK(pull_request_urls(kCloudPullRequest, read_body("cloud/pull_request_fulfilled.json")) ==
        Texts{cloud + "27"});
  CHECK(pull_request_urls(kCloudPullRequest, read_body("cloud/pull_request_rejected.json")) ==
        Texts{cloud + "28"});

  const std::string host = "https://git.orchard.example";
  const std::string project = "/projects/ORCH/repos/fruit-basket/pull-requests/";
  struct Case {
    std::string file;
    Texts urls;
  };
  const std::vector<Case> cases{
      {"merged", {host + project + "27"}},
      {"merged_10", {host + project + "27"}},
      {"declined", {host + project + "28"}},
      {"deleted", {host + project + "29"}},
      {"personal", {host + "/users/grafter/repos/seedlings/pull-requests/3"}},
      {"context_path", {"http://git.orchard.example:7990/bitbucket" + project + "27"}},
      {"5_13", {}},
      {"null_link", {}},
  };
  for (const auto& [file, urls] : cases) {
    INFO(file);
    CHECK(pull_request_urls(kDataCenterPullRequest,
                            read_body("data_center/pull_request_" + file + ".json")) == urls);
  }
}

TEST_CASE("links of another type than expected count as absent") {
  struct Case {
    std::string links;
    Texts urls;
  };
  const std::vector<Case> cases{
      {"null", {}},
      {R"("boom")", {}},
      {"[]", {}},
      {"7", {}},
      {"{}", {}},
      {R"([{"clone":[{"href":"x"}]}])", {}},
      {R"({"clone":null})", {}},
      {R"({"clone":"boom"})", {}},
      {R"({"clone":{"href":"x"}})", {}},
      {R"({"clone":{"":{"href":"x"}}})", {}},
      {R"({"clone":[]})", {}},
      {R"({"clone":[null,7,"x",[],[{"href":"x"}],{}]})", {}},
      {R"({"clone":[{"href":null},{"href":[]},{"href":["x"]},{"href":{"href":"x"}},{"href":""}]})",
       {}},
      {R"({"clone":[null,{"name":"ssh","href":"a"},{"href":7},{"href":"b"}]})", {"a", "b"}},
      {R"({"self":[{"href":"x"}],"html":{"href":"x"},"Clone":[{"href":"x"}]})", {}},
  };
  for (const auto& [links, urls] : cases) {
    INFO(links);
    const Push push = push_of(kDataCenterPush, with_links(links));
    CHECK(push.repository_urls == urls);
    CHECK(push.refs == Texts{"refs/heads/main"});
  }
  CHECK(push_of(kCloudPush, R"({"repository":{"links":{"html":[{"href":"x"}]}}})")
            .repository_urls.empty());
  CHECK(push_of(kCloudPush, R"({"repository":["links"]})").repository_urls.empty());
  CHECK(push_of(kCloudPush, R"({"repository":null,"push":null})").repository_urls.empty());
  CHECK(pull_request_urls(kCloudPullRequest, R"({"pullrequest":{"links":{"html":"x"}}})").empty());
  CHECK(pull_request_urls(kDataCenterPullRequest,
                          R"({"pullrequest":{"links":{"self":[{"href":"x"}]}}})")
            .empty());
}

TEST_CASE("of two members of one name the last counts, even if it says nothing") {
  CHECK(push_of(kDataCenterPush, with_links(R"({"clone":[{"href":"x"}]},"links":{})"))
            .repository_urls.empty());
  CHECK(push_of(kDataCenterPush, with_links(R"({"clone":[{"href":"x"}],"clone":[{"href":"y"}]})"))
            .repository_urls == Texts{"y"});
  CHECK(push_of(kDataCenterPush, R"({"changes":[{"ref":{"id":"refs/heads/a"},"ref":{}}]})")
            .refs.empty());
  CHECK(
      push_of(kCloudPush, R"({"push":{"changes":[{"new":{"name":"a"}}]},"push":{}})").refs.empty());
}

TEST_CASE("one change whose ref cannot be read makes the refs of a Cloud push unknown") {
  const std::string main = R"({"new":{"type":"branch","name":"main"}})";
  const std::string change = GENERATE(values<std::string>({
      "null",
      "7",
      R"("main")",
      "[]",
      "{}",
      R"([{"new":{"name":"x"}}])",
      R"({"new":null})",
      R"({"new":null,"old":null})",
      R"({"new":{}})",
      R"({"new":{"type":"branch"}})",
      R"({"new":{"type":"branch","name":null}})",
      R"({"new":{"type":"branch","name":["x"]}})",
      R"({"new":{"type":"branch","name":""}})",
      R"({"new":{"target":{"type":"branch","name":"x"}}})",
      R"({"new":{"type":"branch"},"old":{"type":"branch","name":"x"}})",
      R"({"new":[],"old":"x"})",
  }));
  INFO(change);
  CHECK(push_of(kCloudPush, with_changes("[" + main + "]")).refs == Texts{"refs/heads/main"});
  CHECK(push_of(kCloudPush, with_changes("[" + change + "," + main + "]")).refs.empty());
  CHECK(push_of(kCloudPush, with_changes("[" + main + "," + change + "]")).refs.empty());
}

TEST_CASE("a change of Bitbucket Cloud is named by what it left, or else by what it removed") {
  struct Case {
    std::string change;
    std::string ref;
  };
  const std::vector<Case> cases{
      {R"({"new":{"name":"b","type":"branch"},"old":{"name":"a","type":"tag"}})", "refs/heads/b"},
      {R"({"old":{"name":"a","type":"tag"},"new":{"name":"b","type":"branch"}})", "refs/heads/b"},
      {R"({"new":null,"old":{"name":"a","type":"tag"}})", "refs/tags/a"},
      {R"({"new":7,"old":{"name":"a","type":"tag"}})", "refs/tags/a"},
      {R"({"old":{"name":"a","type":"tag"}})", "refs/tags/a"},
      {R"({"new":{"name":"b"}})", "refs/heads/b"},
      {R"({"new":{"name":"b","type":null}})", "refs/heads/b"},
      {R"({"new":{"name":"b","type":"named_branch"}})", "refs/heads/b"},
      {R"({"new":{"name":"b","type":"Tag"}})", "refs/heads/b"},
      {R"({"new":{"name":"refs/heads/b","type":"tag"}})", "refs/tags/refs/heads/b"},
      {R"({"new":{"name":"b","type":"tag"},"truncated":true,"commits":[]})", "refs/tags/b"},
      {R"({"closed":true,"new":{"name":"b","type":"tag"}})", "refs/tags/b"},
      {R"({"new":{"name":"\u0062\u00e9\"\\","type":"tag"}})", "refs/tags/bé\"\\"},
  };
  for (const auto& [change, ref] : cases) {
    INFO(change);
    CHECK(push_of(kCloudPush, with_changes("[" + change + "]")).refs == Texts{ref});
  }
}

TEST_CASE("changes that are missing, empty or no list are unknown refs") {
  const std::string changes = GENERATE(
      values<std::string>({"null", "[]", "{}", "true", R"("x")", R"({"0":{"new":{"name":"x"}}})"}));
  INFO(changes);
  CHECK(push_of(kCloudPush, with_changes(changes)).refs.empty());
  CHECK(push_of(kDataCenterPush, R"({"changes":)" + changes + "}").refs.empty());
  CHECK(push_of(kCloudPush, R"({"push":[]})").refs.empty());
  CHECK(push_of(kCloudPush, "{}").refs.empty());
}

TEST_CASE("a change of Data Center is named by its ref's id alone") {
  struct Case {
    std::string change;
    Texts refs;
  };
  const std::vector<Case> cases{
      {R"({"ref":{"id":"refs/heads/a","displayId":"b"},"refId":"refs/heads/c"})", {"refs/heads/a"}},
      {R"({"ref":{"id":"refs/tags/a","type":"BRANCH"},"type":"DELETE"})", {"refs/tags/a"}},
      {R"({"ref":{"displayId":"b"}})", {}},
      {R"({"ref":{"id":"main"}})", {}},
      {R"({"ref":{"id":7}})", {}},
      {R"({"ref":"refs/heads/a"})", {}},
      {R"({"ref":null})", {}},
      {"null", {}},
  };
  for (const auto& [change, refs] : cases) {
    INFO(change);
    CHECK(push_of(kDataCenterPush, R"({"changes":[)" + change + "]}").refs == refs);
  }
}

TEST_CASE("a push of too many refs to list has unknown refs") {
  const std::string change = R"({"ref":{"id":"refs/tags/v"}})";
  const auto body = [&](std::size_t changes, const std::string& limit) {
    return R"({"refLimitExceeded":)" + limit + R"(,"changes":[)" +
           repeat(change + ",", changes - 1) + change + "]}";
  };
  CHECK(push_of(kDataCenterPush, body(kMaxRefs, "false")).refs.size() == kMaxRefs);
  CHECK(push_of(kDataCenterPush, body(kMaxRefs + 1, "false")).refs.empty());
  CHECK(push_of(kDataCenterPush, body(2, "true")).refs.empty());
  CHECK(push_of(kDataCenterPush, body(2, R"("true")")).refs.size() == 2);
}

TEST_CASE("a payload's URLs are bounded in number") {
  const Push push = push_of(
      kDataCenterPush, with_links(R"({"clone":[)" + repeat(R"({"href":"u"},)", 1000) + "{}]}"));
  CHECK(push.repository_urls.size() == kMaxUrls);
}

TEST_CASE("what nobody reads never fails a delivery") {
  const std::string value = GENERATE(values<std::string>({
      "null",
      "1773000000000",
      R"("2026-05-24T14:11:04.000Z")",
      "1e400",
      "-1e-400",
      "1e99999999999999",
      std::string(4000, '9'),
      "0." + std::string(4000, '9'),
      R"("\ud83d")",
      R"("\ude00 \ud83dx \ud83d\u0041")",
      R"("\ud83d\ude00")",
      R"("\u0000")",
      "\"\xFF\xFE\"",
      R"({"":{"":[]}})",
      R"({"changes":[{}],"href":"x"})",
      "[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]",
  }));
  INFO(value.substr(0, 100));
  const Push push =
      push_of(kDataCenterPush,
              R"({"date":)" + value + R"(,"repository":{"id":)" + value + R"(,"links":{"x":)" +
                  value + R"(,"clone":[{"x":)" + value + R"(,"href":"u"}]}},"changes":[{"x":)" +
                  value + R"(,"ref":{"id":"refs/heads/99999-\u0041","x":)" + value + "}}]}");
  CHECK(push.repository_urls == Texts{"u"});
  CHECK(push.refs == Texts{"refs/heads/99999-A"});
}

TEST_CASE("the event is the header's: a payload of another kind has neither URLs nor refs") {
  const Push push = push_of(kCloudPush, read_body("data_center/refs_changed_branch_update.json"));
  CHECK(push.repository_urls.empty());
  CHECK(push.refs.empty());
  CHECK(pull_request_urls(kDataCenterPullRequest, read_body("cloud/pull_request_fulfilled.json"))
            .empty());
}

TEST_CASE("a body that is not a JSON object is an error that says what is wrong") {
  const std::string body = GENERATE(values<std::string>({
      "",
      " ",
      "null",
      "7",
      R"("x")",
      "[]",
      R"([{"changes":[]}])",
      "true",
      "x",
      "{",
      "}",
      "{}{}",
      "{} x",
      R"({"a")",
      R"({"a":})",
      R"({"a":1,})",
      R"({a:1})",
      R"({'a':1})",
      R"({"a":01})",
      R"({"a":1.})",
      R"({"a":+1})",
      R"({"a":NaN})",
      R"({"a":"\x"})",
      R"({"a":"\ud83d)",
      R"({"a":1e400,"b":})",
      "{\"a\":\"\n\"}",
      "{}//",
      "/**/{}",
      "\xEF\xBB\xBF{}",
      "payload=%7B%7D",
      std::string("{}\0", 3),
      std::string("{}\0{}", 5),
      std::string("{\"a\":\"\0\"}", 9),
  }));
  INFO(body);
  for (const EventKind kind :
       {kCloudPush, kDataCenterPush, kCloudPullRequest, kDataCenterPullRequest}) {
    const auto payload = parse_payload(kind, body);
    REQUIRE_FALSE(payload);
    CHECK(payload.error().starts_with("the body is not a JSON object: "));
    CHECK(payload.error().size() < 200);
  }
}

TEST_CASE("a body that nests too deep is an error, however deep it is") {
  const std::size_t levels = GENERATE(100U, 101U, 10'000U, 2U << 20U);
  for (const auto& open : {std::string("["), std::string(R"({"a":)"), std::string(R"([{"":)")}) {
    const auto payload =
        parse_payload(kCloudPush, R"({"a":)" + repeat(open, levels / open.size() + 100));
    REQUIRE_FALSE(payload);
    CHECK(payload.error() == "the body is not a JSON object: it nests deeper than 100 levels");
  }
  CHECK(parse_payload(kCloudPush, R"({"a":)" + repeat("[", 98) + repeat("]", 98) + "}"));
}

TEST_CASE("two megabytes of anything are read, or refused, in little time and memory") {
  constexpr std::size_t kBytes = 2U << 20U;
  const std::vector<std::string> bodies{
      "{" + repeat(R"("k":1,)", kBytes / 6) + R"("k":1})",
      R"({"changes":[)" + repeat("{},", kBytes / 3) + "{}]}",
      R"({"changes":[)" + repeat(R"({"ref":{"id":"refs/heads/x"}},)", kBytes / 30) + "{}]}",
      R"({"a":")" + std::string(kBytes, 'x') + R"("})",
      R"({")" + std::string(kBytes, 'x') + R"(":1})",
      R"({"a":)" + std::string(kBytes, '1') + "}",
      R"({"a":[)" + repeat("1e999,", kBytes / 6) + "1]}",
      R"({"a":")" + repeat(R"(\ud800)", kBytes / 6) + R"("})",
      R"({"a":")" + repeat(R"(\u0000)", kBytes / 6) + R"("})",
      R"({"repository":{"links":{"clone":[)" + repeat(R"({"href":"x"},)", kBytes / 13) + "{}]}}}",
      std::string(kBytes, ' ') + "{}",
  };
  for (const std::string& body : bodies) {
    INFO(body.substr(0, 40));
    const auto payload = parse_payload(kDataCenterPush, body);
    REQUIRE(payload);
    CHECK(std::get<Push>(*payload).refs.empty());
    CHECK(std::get<Push>(*payload).repository_urls.size() <= kMaxUrls);
  }
  CHECK_FALSE(parse_payload(kDataCenterPush, std::string(kBytes, '\0')));
  CHECK_FALSE(parse_payload(kDataCenterPush, std::string(kBytes, '{')));
  CHECK_FALSE(parse_payload(kDataCenterPush, std::string(kBytes, '"')));
}

TEST_CASE("any damage to a body is survived") {
  std::mt19937 random(20261124);  // NOLINT(cert-msc51-cpp): the same cases in every run.
  const std::string alphabet = "{}[]\",:\\u0dD8-+.eEnul \n\x01\xFF";
  for (const auto& [kind, file] :
       {std::pair(kCloudPush, "cloud/push_several_changes.json"),
        std::pair(kDataCenterPush, "data_center/refs_changed_several.json"),
        std::pair(kDataCenterPullRequest, "data_center/pull_request_merged.json")}) {
    const std::string body = read_body(file);
    for (int i = 0; i < 1'000; ++i) {
      std::string damaged = body;
      for (auto times = 1 + random() % 4; times > 0; --times) {
        damaged[random() % damaged.size()] = alphabet[random() % alphabet.size()];
      }
      damaged.resize(random() % 4 == 0 ? random() % damaged.size() : damaged.size());
      const auto payload = parse_payload(kind, damaged);
      REQUIRE((payload || !payload.error().empty()));
    }
  }
}

}  // namespace receiver::bitbucket
