// Checks that the Bitbucket of a history answers as the vendors document it, where an error of a
// client would show.

#include <initializer_list>
#include <memory>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include "test/differential/bitbucket.h"

namespace receiver::test {
namespace {

using bitbucket::Source;
using bitbucket_rest::ApiAnswer;

std::shared_ptr<const Tree> tree(std::initializer_list<Tree::value_type> files) {
  return std::make_shared<const Tree>(files);
}

/// A line of four commits. The third reverts the second; the last one renames a file.
History small_history() {
  const auto one = tree({{"a", {}}, {"b", {0100644, 1}}});
  const auto two = tree({{"a", {0100644, 2}}, {"b", {0100644, 1}}});
  const auto four = tree({{"a", {}}, {"c/\"d\"", {0100644, 1}}});
  History history{.default_branch = "main",
                  .commits = {{{}, one}, {{0}, two}, {{1}, one}, {{2}, four}},
                  .tag_objects = {{3, std::string(40, 'f')}},
                  .pushes = {}};
  for (std::size_t i = 0; i < history.commits.size(); ++i) {
    history.commits[i].hash = std::string(40, static_cast<char>('a' + i));
  }
  history.pushes.push_back({.updates = {{"refs/heads/main", Tip{0}, Tip{3}}},
                            .refs_before = {{"refs/heads/main", Tip{0}}},
                            .refs_after = {{"refs/heads/main", Tip{3}}},
                            .commits_after = 4});
  return history;
}

/// `{A}` to `{D}` are the hashes of the four, `{T}` is that of the tag.
ApiAnswer answer(Source product, const std::string& path, const BitbucketTraits& traits = {}) {
  const History history = small_history();
  const bool of_cloud = product == Source::kCloud;
  const Bitbucket bitbucket{
      history,
      {product, of_cloud ? "https://api" : "https://git/ctx", of_cloud ? "ws" : "KEY", "repo"},
      traits};
  const std::string url =
      (of_cloud ? "https://api/2.0/repositories/ws/repo"
                : "https://git/ctx/rest/api/latest/projects/KEY/repos/repo") +
      fmt::format(fmt::runtime(path), fmt::arg("A", history.commits[0].hash),
                  fmt::arg("B", history.commits[1].hash), fmt::arg("C", history.commits[2].hash),
                  fmt::arg("D", history.commits[3].hash),
                  fmt::arg("T", history.tag_objects[0].hash));
  return answer_of(bitbucket, {"GET", url, ""}, 0);
}

rapidjson::Document parsed(const ApiAnswer& answer) {
  CHECK(answer.status == 200);
  rapidjson::Document document;
  document.Parse(answer.body.data(), answer.body.size());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

std::size_t values(const ApiAnswer& answer) {
  return parsed(answer)["values"].Size();
}

}  // namespace

TEST_CASE("Cloud compares the first commit with the second") {
  const auto right = [](const std::string& path) { return answer(Source::kCloud, path); };
  const std::string all = "topic=false&renames=false";
  CHECK(values(right("/diffstat/{B}..{A}?" + all)) == 1);
  CHECK(values(right("/diffstat/{C}..{A}?" + all)) == 0);  // reverted
  CHECK(values(right("/diffstat/{D}..{C}?" + all)) == 2);
  CHECK(values(right("/diffstat/{D}?" + all)) == 2);
  CHECK(values(right("/diffstat/{D}..{C}?topic=false")) == 1);  // a rename
  // Their common ancestor is the older one: nothing has changed since.
  CHECK(values(right("/diffstat/{A}..{B}")) == 0);
  CHECK(values(right("/diffstat/{A}..{B}?renames=false")) == 0);
}

TEST_CASE("Data Center tells renames by both paths, and follows a tag to its commit") {
  for (const std::string path :
       {"/changes?since={C}&until={D}", "/changes?until={D}", "/changes?since={C}&until={T}"}) {
    const auto document = parsed(answer(Source::kDataCenter, path));
    REQUIRE(document["values"].Size() == 1);
    const auto& change = document["values"][0];
    CHECK(std::string(change["type"].GetString()) == "MOVE");
    CHECK(std::string(change["path"]["toString"].GetString()) == "c/\"d\"");
    CHECK(std::string(change["srcPath"]["toString"].GetString()) == "b");
  }
}

TEST_CASE("commits are listed newest first, without those of the old commit") {
  const auto of_cloud = parsed(answer(Source::kCloud, "/commits?include={D}&exclude={A}"));
  CHECK(of_cloud["values"].Size() == 3);
  CHECK(of_cloud["values"][0]["hash"].GetString() == std::string(40, 'd'));
  CHECK(values(answer(Source::kCloud, "/commits?include={A}&exclude={D}")) == 0);
  CHECK(values(answer(Source::kDataCenter, "/commits?until={D}&since={A}")) == 3);
}

TEST_CASE("pages go on where the last one ended") {
  BitbucketTraits traits;
  traits.page_length = 2;
  const std::string path = "/commits?pagelen=100&include={D}";
  const auto first = parsed(answer(Source::kCloud, path, traits));
  CHECK(first["values"].Size() == 2);
  const std::string next = first["next"].GetString();
  const auto second = parsed(
      answer(Source::kCloud,
             next.substr(std::string("https://api/2.0/repositories/ws/repo").size()), traits));
  CHECK(second["values"].Size() == 2);
  CHECK_FALSE(second.HasMember("next"));
  // Its continuation has its own parameter.
  CHECK(answer(Source::kCloud, path + "&page=2", traits).status == 400);

  const auto third = parsed(answer(Source::kDataCenter, "/commits?until={D}&start=2", traits));
  CHECK(third["values"].Size() == 2);
  CHECK(third["isLastPage"].GetBool());
}

TEST_CASE("Data Center tells so many changes, and no more") {
  BitbucketTraits traits;
  traits.most_changes = 1;
  const std::string path = "/changes?since={B}&until={D}";
  const auto first = parsed(answer(Source::kDataCenter, path, traits));
  CHECK(first["values"].Size() == 1);
  CHECK_FALSE(first["isLastPage"].GetBool());
  const auto second = parsed(answer(Source::kDataCenter, path + "&start=1", traits));
  CHECK(second["values"].Size() == 0);
  CHECK_FALSE(second["isLastPage"].GetBool());
}

TEST_CASE("what the documents do not have is refused") {
  BitbucketTraits without_tags;
  without_tags.knows_tag_objects = false;
  CHECK(answer(Source::kDataCenter, "/changes?until={T}", without_tags).status == 404);
  CHECK(answer(Source::kCloud, "/diffstat/{T}").status == 404);
  CHECK(answer(Source::kCloud, "/diffstat/{D}..0123?topic=false").status == 404);
  CHECK(answer(Source::kCloud, "/diffstat/{D}?topics=false").status == 400);
  CHECK(answer(Source::kCloud, "/diffstat/{D}?pagelen=5001").status == 400);
  CHECK(answer(Source::kCloud, "/commits?include={D}&pagelen=101").status == 400);
  CHECK(answer(Source::kDataCenter, "/changes?until={D}&until={D}").status == 400);
  CHECK(answer(Source::kDataCenter, "/commits/{D}/changes").status == 404);
  CHECK(answer(Source::kDataCenter, "/diffstat/{D}").status == 404);
}

}  // namespace receiver::test
