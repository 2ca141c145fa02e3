#include "bitbucket_rest/questions.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/unit/bitbucket_rest/repositories.h"

namespace receiver::bitbucket_rest {
namespace {

using bitbucket::Commit;
using Catch::Contains;
using Texts = std::vector<std::string>;

const std::string kCloudRepository = "https://api.bitbucket.org/2.0/repositories/team/shop";
const std::string kDataCenterRepository =
    "https://example.com/git/rest/api/latest/projects/~someone/repos/web";

/// A hash of one digit.
std::string hash(char digit) {
  return std::string(40, digit);
}

const Commit kCommit{hash('b'), hash('a')};

ApiAnswer ok(std::string body) {
  return {200, std::move(body), "", ""};
}

/// The result of a question with these answers in order. A missing answer means no answer.
template <class Asked>
struct Outcome {
  Texts urls;  ///< of the requests, all of which are GET
  std::optional<typename Asked::Value> value;
  BitbucketError error{.kind = ApiFailure::kConflict};  ///< with a value: one that no test expects
};

template <class Asked>
Outcome<Asked> ask(Asked question, const std::vector<ApiAnswer>& answers) {
  Outcome<Asked> outcome;
  run(question, [&](const ApiRequest& request) -> tl::expected<ApiAnswer, BitbucketError> {
    CHECK(request.method == "GET");
    CHECK(request.body.empty());
    outcome.urls.push_back(request.url);
    if (outcome.urls.size() > answers.size()) {
      return tl::unexpected(
          BitbucketError{.kind = ApiFailure::kUnreachable, .message = "nobody answers"});
    }
    return answers[outcome.urls.size() - 1];
  });
  CHECK(question.requests() == outcome.urls.size());
  if (question.result()) {
    outcome.value = *question.result();
  } else {
    outcome.error = question.result().error();
    CHECK_FALSE(outcome.error.message.empty());
  }
  return outcome;
}

auto changed(const Repository& repository, const std::vector<ApiAnswer>& answers) {
  return ask(ChangedFiles(repository, kCommit), answers);
}

/// A page of Data Center's: these values, and what follows.
std::string page(const std::string& values, const std::string& rest = R"("isLastPage":true)") {
  return R"({"values":[)" + values + "]," + rest + "}";
}

std::string data_center_change(const std::string& path) {
  return R"({"type":"MODIFY","path":{"toString":")" + path + R"("}})";
}

std::string cloud_commit(char of, char parent) {
  return fmt::format(R"({{"hash":"{}","parents":[{{"hash":"{}"}}]}})", hash(of), hash(parent));
}

}  // namespace

TEST_CASE("Cloud is asked for a commit's changes in its own order, and for both paths of each") {
  const auto [urls, files, error] = changed(kCloud, {ok(R"({"pagelen":1000,"values":[
      {"status":"modified","old":{"path":"b"},"new":{"path":"b"}},
      {"status":"added","old":null,"new":{"path":"a/new","escaped_path":"x"}},
      {"status":"removed","old":{"path":"gone"},"new":null},
      {"status":"renamed","old":{"path":"from"},"new":{"path":"to"}},
      {"status":"removed","old":{"path":"only"}}]})")});
  CHECK(urls == Texts{kCloudRepository + "/diffstat/" + hash('b') + ".." + hash('a') +
                      "?pagelen=1000&topic=false&renames=false"});
  CHECK(files == Texts{"a/new", "b", "from", "gone", "only", "to"});
}

TEST_CASE("Data Center is asked for a commit's changes since its parent") {
  const auto [urls, files, error] = changed(kDataCenter, {ok(page(R"(
      {"type":"MODIFY","path":{"toString":"b","components":["ignored"]}},
      {"type":"ADD","path":{"components":["a","new"]}},
      {"type":"DELETE","path":{"toString":"gone"}},
      {"type":"MOVE","path":{"toString":"to"},"srcPath":{"toString":"from"}},
      {"type":"COPY","path":{"toString":"copy"},"srcPath":{"components":["x","y"]}})"))});
  CHECK(urls == Texts{kDataCenterRepository + "/changes?start=0&limit=1000&since=" + hash('a') +
                      "&until=" + hash('b')});
  CHECK(files == Texts{"a/new", "b", "copy", "from", "gone", "to", "x/y"});
}

TEST_CASE("a commit without a parent is asked for alone") {
  CHECK(ask(ChangedFiles(kCloud, {hash('b'), ""}), {}).urls[0] ==
        kCloudRepository + "/diffstat/" + hash('b') + "?pagelen=1000&topic=false&renames=false");
  CHECK(ask(ChangedFiles(kDataCenter, {hash('b'), ""}), {}).urls[0] ==
        kDataCenterRepository + "/changes?start=0&limit=1000&until=" + hash('b'));
}

TEST_CASE("further pages of changes are asked for as the product says") {
  const std::string url =
      kCloudRepository + "/diffstat/" + hash('b') + ".." + hash('a') + "?page=2&x=y";
  const auto of_cloud =
      changed(kCloud, {ok(R"({"values":[{"new":{"path":"a"}}],"next":")" + url + R"("})"),
                       ok(R"({"values":[{"new":{"path":"b"}}]})")});
  CHECK(of_cloud.urls[1] == url);
  CHECK(of_cloud.value == Texts{"a", "b"});

  const auto of_data_center = changed(
      kDataCenter,
      {ok(page(data_center_change("a"), R"("isLastPage":false,"start":0,"nextPageStart":25)")),
       ok(page(data_center_change("b"), R"("isLastPage":false,"start":25,"nextPageStart":60)")),
       ok(page(data_center_change("a")))});
  CHECK(of_data_center.urls[1] == kDataCenterRepository + "/changes?start=25&limit=1000&since=" +
                                      hash('a') + "&until=" + hash('b'));
  CHECK(of_data_center.urls[2] == kDataCenterRepository + "/changes?start=60&limit=1000&since=" +
                                      hash('a') + "&until=" + hash('b'));
  CHECK(of_data_center.value == Texts{"a", "b"});
}

TEST_CASE("a next page elsewhere is not asked for") {
  const std::string spec = "/diffstat/" + hash('b') + ".." + hash('a');
  const std::string next = GENERATE_COPY(
      as<std::string>(), "https://evil.example.com/2.0/repositories/team/shop" + spec + "?page=2",
      "http://api.bitbucket.org/2.0/repositories/team/shop" + spec + "?page=2",
      "https://api.bitbucket.org:8443/2.0/repositories/team/shop" + spec + "?page=2",
      "https://me@api.bitbucket.org/2.0/repositories/team/shop" + spec + "?page=2",
      "https://api.bitbucket.org.evil.example.com/2.0/repositories/team/shop" + spec + "?page=2",
      "https://api.bitbucket.org/2.0/repositories/team/other" + spec + "?page=2",
      "https://api.bitbucket.org/2.0/user?page=2", kCloudRepository + spec + "/../x?page=2",
      "//evil.example.com/x", "/2.0/x", "x", "https://api.bitbucket.org/ b",
      kCloudRepository + spec + "?pagelen=1000&topic=false&renames=false");
  INFO(next);
  const auto asked =
      changed(kCloud, {ok(R"({"values":[{"new":{"path":"a"}}],"next":")" + next + R"("})")});
  CHECK(asked.urls.size() == 1);
  CHECK(asked.error.kind == ApiFailure::kUnknown);
}

TEST_CASE("a list of changes that is not whole is unknown") {
  struct Row {
    const char* why;
    Repository repository;
    std::vector<std::string> bodies;
  };
  const std::string more = R"("isLastPage":false,"start":0,"nextPageStart":25)";
  std::string thousand = data_center_change("a");
  for (int i = 1; i < 1000; ++i) thousand += "," + data_center_change("a");
  const std::string next =
      R"("next":")" + kCloudRepository + "/diffstat/" + hash('b') + ".." + hash('a') + "?page=";
  const auto endless = [&](int i) {
    return R"({"values":[{"new":{"path":"a"}}],)" + next + std::to_string(i) + R"("})";
  };
  const std::string file = data_center_change("a");
  const std::vector<Row> rows{
      {"nothing changed", kCloud, {R"({"values":[]})"}},
      {"nothing changed", kDataCenter, {page("")}},
      {"an empty page that is not the last", kDataCenter, {page("", more)}},
      {"an empty page that is not the last", kCloud, {R"({"values":[],)" + next + R"(2"})"}},
      {"an empty page at the second place",
       kDataCenter,
       {page(file, more), page("", R"("isLastPage":false,"start":25,"nextPageStart":50)")}},
      {"no progress",
       kDataCenter,
       {page(file, R"("isLastPage":false,"start":0,"nextPageStart":0)")}},
      {"no next page", kDataCenter, {page(file, R"("isLastPage":false)")}},
      {"no next page", kDataCenter, {page(file, R"("isLastPage":false,"nextPageStart":null)")}},
      {"back again",
       kDataCenter,
       {page(file, more), page(file, R"("isLastPage":false,"start":25,"nextPageStart":3)")}},
      {"the cap of a thousand", kDataCenter, {page(thousand)}},
      {"the cap of a thousand, not said to be the last", kDataCenter, {page(thousand, more)}},
      {"more pages than the bound", kCloud, {endless(2), endless(3), endless(4), endless(5)}},
      {"an unknown kind of change",
       kDataCenter,
       {page(file + R"(,{"type":"UNKNOWN","path":{"toString":"b"}})")}},
      {"a move from nowhere", kDataCenter, {page(R"({"type":"MOVE","path":{"toString":"b"}})")}},
      {"a change without a path", kDataCenter, {page(file + R"(,{"type":"MODIFY"})")}},
      {"a path of another type", kDataCenter, {page(R"({"type":"MODIFY","path":"a"})")}},
      {"a part of another type",
       kDataCenter,
       {page(R"({"type":"MODIFY","path":{"components":["a",7]}})")}},
      {"a change of another type", kDataCenter, {page(file + ",null")}},
      {"a change of another type", kCloud, {R"({"values":[{"new":{"path":"a"}},"b"]})"}},
      {"no paths", kCloud, {R"({"values":[{"old":null,"new":null}]})"}},
      {"an end without a path", kCloud, {R"({"values":[{"old":{},"new":{"path":"a"}}]})"}},
      {"a path of another type", kCloud, {R"({"values":[{"old":{"path":7},"new":{"path":"a"}}]})"}},
      {"an end of another type", kCloud, {R"({"values":[{"old":"b","new":{"path":"a"}}]})"}},
  };
  for (const Row& row : rows) {
    INFO(row.why);
    std::vector<ApiAnswer> answers;
    for (const std::string& body : row.bodies) answers.push_back(ok(body));
    const auto asked = changed(row.repository, answers);
    CHECK(asked.error.kind == ApiFailure::kUnknown);
    CHECK(asked.urls.size() == row.bodies.size());
  }
}

TEST_CASE("what is no list is not taken for one") {
  const std::string body = GENERATE(
      as<std::string>(), "", "{", "[]", "null", "<html>", R"({"values":{}})",
      R"({"values":[{"new":{"path":"a"}}]} x)", R"({"values":[{"new":{"path":"a"}})",
      R"({"values":[{"new":{"path":"a"}}],"values":[{"new":{"path":"b"}}],"isLastPage":true})",
      "{\"values\":[{\"new\":{\"path\":\"\xFF\"}}]}", std::string(1'000'000, '['));
  INFO(body.substr(0, 60));
  CHECK(changed(kCloud, {ok(body)}).error.kind == ApiFailure::kUnexpected);
  CHECK(changed(kDataCenter, {ok(body)}).error.kind == ApiFailure::kUnexpected);
  CHECK(ask(FirstParents(kCloud, hash('b'), hash('a')), {ok(body)}).error.kind ==
        ApiFailure::kUnexpected);
  CHECK(ask(DefaultBranch(kDataCenter), {ok(body)}).value == std::nullopt);
}

TEST_CASE("Data Center says that a page is the last, or it is no page") {
  for (const std::string rest :
       {R"("start":0)", R"("isLastPage":null)", R"("isLastPage":"true")"}) {
    INFO(rest);
    CHECK(changed(kDataCenter, {ok(page(data_center_change("a"), rest))}).error.kind ==
          ApiFailure::kUnexpected);
  }
}

TEST_CASE("paths are given as they were told, however odd") {
  const std::string longest(65'536, 'x');
  const auto asked = changed(kCloud, {ok(R"({"values":[{"new":{"path":")" + longest +
                                         R"("}},{"new":{"path":"caf\u00e9\"\\\ud800\u0000"}}]})")});
  CHECK(asked.value == Texts{std::string("caf\u00e9\"\\\xEF\xBF\xBD\0", 11), longest});
}

TEST_CASE("answers are bounded, all pages together") {
  const std::string pad(kMaxAnswerBytes / 2, ' ');
  const auto part = [&](int at) {
    return ok(pad +
              page(data_center_change("a"),
                   fmt::format(R"("isLastPage":false,"start":{},"nextPageStart":{})", at, at + 1)));
  };
  const auto asked = changed(kDataCenter, {part(0), part(1), part(2)});
  CHECK(asked.urls.size() == 2);
  CHECK(asked.error.kind == ApiFailure::kUnknown);
  CHECK_THAT(asked.error.message, Contains("longer than 2097152 bytes"));
}

TEST_CASE("a question may be given fewer requests") {
  const std::string next = R"("isLastPage":false,"start":0,"nextPageStart":25)";
  const auto asked =
      ask(ChangedFiles(kDataCenter, kCommit, 1), {ok(page(data_center_change("a"), next))});
  CHECK(asked.urls.size() == 1);
  CHECK(asked.error.kind == ApiFailure::kUnknown);
  CHECK(asked.error.message == "Bitbucket needs more than 1 requests");

  ChangedFiles none(kDataCenter, kCommit, 0);
  CHECK(none.next() == nullptr);
  CHECK(none.result().error().kind == ApiFailure::kUnknown);
}

TEST_CASE("each failure is told apart, with what to do") {
  struct Row {
    Repository repository;
    ApiAnswer answer;
    ApiFailure kind;
    const char* message;
  };
  const std::string not_permitted =
      R"({"errors":[{"message":"no","exceptionName":"com.atlassian.bitbucket.AuthorisationException"}]})";
  const std::vector<Row> rows{
      {kCloud,
       {401, "", "", ""},
       ApiFailure::kUnauthorized,
       "e-mail address in bitbucket.username"},
      {kDataCenter, {401, "", "", ""}, ApiFailure::kUnauthorized, "\"Repository read\""},
      {kDataCenter, {401, not_permitted, "", ""}, ApiFailure::kForbidden, "\"Repository read\""},
      {kCloud, {403, "", "", ""}, ApiFailure::kForbidden, "read:repository:bitbucket"},
      {kCloud,
       {404, "", "", ""},
       ApiFailure::kNotFound,
       "no repository team/shop, or no such commit"},
      {kCloud, {410, "", "", ""}, ApiFailure::kRefused, "answered 410"},
      {kCloud, {429, "slow down", "77", ""}, ApiFailure::kRateLimited, "try again in 77 s"},
      {kCloud, {500, "<html>", "", ""}, ApiFailure::kServer, "answered 500: try again later"},
      {kCloud, {503, "", "9", ""}, ApiFailure::kServer, "answered 503"},
      {kCloud, {555, "", "", ""}, ApiFailure::kServer, "answered 555"},
      {kCloud,
       {302, "", "", "https://sso.example.com/login"},
       ApiFailure::kUnexpected,
       "the right address with bitbucket.url (this one leads to https://sso.example.com)"},
      {kCloud,
       {301, "", "", "/2.0/repositories/team/new"},
       ApiFailure::kUnexpected,
       "has moved to team/new"},
      {kCloud, {101, "", "", ""}, ApiFailure::kUnexpected, "answered 101"},
  };
  for (const Row& row : rows) {
    INFO(row.answer.status);
    const auto [urls, files, error] = changed(row.repository, {row.answer});
    CHECK(urls.size() == 1);
    CHECK(error.kind == row.kind);
    CHECK(error.status == row.answer.status);
    CHECK_THAT(error.message, Contains(row.message) && !Contains("--"));
    using namespace std::chrono_literals;
    CHECK(error.retry_after == (row.answer.retry_after.empty()
                                    ? std::nullopt
                                    : std::optional(row.answer.retry_after == "9" ? 9s : 77s)));
  }
  const auto unanswered = changed(kCloud, {});
  CHECK(unanswered.error.kind == ApiFailure::kUnreachable);
  CHECK(unanswered.error.status == 0);
  CHECK(unanswered.error.message == "nobody answers");
}

TEST_CASE("first parents are listed from the new commit back to the old one") {
  const auto of_cloud =
      ask(FirstParents(kCloud, hash('c'), hash('a')),
          {ok("{\"values\":[" + cloud_commit('c', 'b') + "," + cloud_commit('b', 'a') + "]}")});
  CHECK(of_cloud.urls == Texts{kCloudRepository + "/commits?pagelen=100&include=" + hash('c') +
                               "&exclude=" + hash('a')});
  CHECK(of_cloud.value == std::vector<Commit>{{hash('c'), hash('b')}, {hash('b'), hash('a')}});

  const auto of_data_center =
      ask(FirstParents(kDataCenter, hash('b'), hash('a')),
          {ok(page(fmt::format(R"({{"id":"{}","parents":[{{"id":"{}"}},{{"id":"{}"}}]}})",
                               hash('b'), hash('a'), hash('9'))))});
  CHECK(of_data_center.urls == Texts{kDataCenterRepository + "/commits?start=0&limit=100&until=" +
                                     hash('b') + "&since=" + hash('a')});
  CHECK(of_data_center.value == std::vector<Commit>{{hash('b'), hash('a')}});
}

TEST_CASE("first parents are looked for on a second page, and no further") {
  const auto with_next = [](const std::string& commits, int number) {
    return ok("{\"values\":[" + commits + "],\"next\":\"" + kCloudRepository +
              "/commits?page=" + std::to_string(number) + "\"}");
  };
  const FirstParents question(kCloud, hash('c'), hash('a'));
  // The merged commits come first.
  const std::string merge = cloud_commit('c', 'b') + "," + cloud_commit('9', '8');
  const auto found = ask(question, {with_next(merge, 2), with_next(cloud_commit('b', 'a'), 3)});
  CHECK(found.urls.size() == 2);
  CHECK(found.value->size() == 2);

  const auto lost = ask(question, {with_next(merge, 2), with_next(cloud_commit('7', '6'), 3)});
  CHECK(lost.urls.size() == 2);
  CHECK(lost.error.kind == ApiFailure::kUnknown);

  // Nothing more is asked once the history is known to be too long.
  std::string line;
  for (char of = 'f'; of > 'a'; --of) {
    line += cloud_commit(of, static_cast<char>(of - 1)) + (of > 'b' ? "," : "");
  }
  const auto too_far = ask(FirstParents(kCloud, hash('f'), hash('1')), {with_next(line, 2)});
  CHECK(too_far.urls.size() == 1);
  CHECK(too_far.error.kind == ApiFailure::kUnknown);
}

TEST_CASE("a way that does not lead to the old commit is unknown") {
  const std::string values = GENERATE_COPY(
      as<std::string>(), "", cloud_commit('b', '9'), cloud_commit('9', 'a'), "null", "7",
      R"({"hash":"abc","parents":[]})", fmt::format(R"({{"hash":"{}","parents":[]}})", hash('b')),
      fmt::format(R"({{"hash":"{}"}})", hash('b')));
  INFO(values);
  const auto asked =
      ask(FirstParents(kCloud, hash('b'), hash('a')), {ok("{\"values\":[" + values + "]}")});
  CHECK(asked.error.kind == ApiFailure::kUnknown);
}

TEST_CASE("without an old commit the new one alone is asked for, whatever names it") {
  const auto asked =
      ask(FirstParents(kDataCenter, hash('e'), ""),  // an annotated tag's own hash
          {ok(page(fmt::format(R"({{"id":"{}","parents":[{{"id":"{}"}}]}})", hash('b'), hash('a')),
                   R"("isLastPage":false,"start":0,"nextPageStart":1)"))});
  CHECK(asked.urls == Texts{kDataCenterRepository + "/commits?start=0&limit=1&until=" + hash('e')});
  CHECK(asked.value == std::vector<Commit>{{hash('b'), hash('a')}});
  CHECK(ask(FirstParents(kCloud, hash('b'), ""), {ok(R"({"values":[]})")}).error.kind ==
        ApiFailure::kUnknown);
}

TEST_CASE("the default branch is told by either product, under its full name") {
  const auto of_cloud = ask(DefaultBranch(kCloud), {ok(R"({"mainbranch":{"name":"a/b"}})")});
  CHECK(of_cloud.urls == Texts{kCloudRepository});
  CHECK(of_cloud.value == "refs/heads/a/b");

  const auto of_data_center =
      ask(DefaultBranch(kDataCenter), {ok(R"({"id":"refs/heads/main","displayId":"x"})")});
  CHECK(of_data_center.urls == Texts{kDataCenterRepository + "/default-branch"});
  CHECK(of_data_center.value == "refs/heads/main");

  const auto of_older =
      ask(DefaultBranch(kDataCenter), {{404, "", "", ""}, ok(R"({"id":"refs/heads/main"})")});
  CHECK(of_older.urls == Texts{kDataCenterRepository + "/default-branch",
                               kDataCenterRepository + "/branches/default"});
  CHECK(of_older.value == "refs/heads/main");
}

TEST_CASE("a default branch that is not told is unknown") {
  for (const std::string body :
       {R"({"mainbranch":null})", "{}", R"({"mainbranch":{"name":""}})", R"({"mainbranch":"main"})",
        R"({"mainbranch":{"name":7}})", R"({"mainbranch":{"name":"a"},"mainbranch":null})"}) {
    INFO(body);
    CHECK(ask(DefaultBranch(kCloud), {ok(body)}).error.kind == ApiFailure::kUnknown);
  }
  for (const std::string body : {"{}", R"({"id":"main"})", R"({"id":7})", R"({"id":"refs/heads/"})",
                                 R"({"id":"refs/tags/main"})"}) {
    INFO(body);
    CHECK(ask(DefaultBranch(kDataCenter), {ok(body)}).error.kind == ApiFailure::kUnknown);
  }
  for (const ApiAnswer& answer :
       {ApiAnswer{204, "", "", ""}, ok("{\"id\":\"refs/heads/\xFF\"}"), ok("<html>")}) {
    CHECK(ask(DefaultBranch(kDataCenter), {answer}).error.kind == ApiFailure::kUnexpected);
  }
}

TEST_CASE("a repository that is missing has no default branch, under either address") {
  const ApiAnswer missing{404, "", "", ""};
  const auto of_data_center = ask(DefaultBranch(kDataCenter), {missing, missing});
  CHECK(of_data_center.urls.size() == 2);
  CHECK(of_data_center.error.kind == ApiFailure::kNotFound);
  CHECK(ask(DefaultBranch(kCloud), {missing}).error.kind == ApiFailure::kNotFound);
  CHECK(ask(DefaultBranch(kDataCenter), {{401, "", "", ""}}).urls.size() == 1);
}

TEST_CASE("a limit that is near is told, whatever the answer") {
  DefaultBranch question(kCloud);
  CHECK_FALSE(question.near_limit());
  ApiAnswer answer = ok(R"({"mainbranch":{"name":"main"}})");
  answer.near_limit = true;
  question.take(answer);
  CHECK(question.near_limit());
}

}  // namespace receiver::bitbucket_rest
