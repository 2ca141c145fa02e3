#include "controllers/token_watch.h"

#include <catch2/catch.hpp>

namespace receiver::controllers {

TEST_CASE("a token that disappears is told once, to each receiver of its Secret") {
  TokenWatch watch;
  CHECK(watch.look({{"r", "s", false}}).empty());  // it never had one
  CHECK(watch.look({{"r", "s", true}, {"q", "s", true}, {"p", "other", true}}).empty());
  const auto notes = watch.look({{"r", "s", false}, {"q", "s", false}, {"p", "other", true}});
  REQUIRE(notes.size() == 2);
  CHECK(notes[0].type == kube::EventType::kWarning);
  CHECK(notes[0].reason == "BitbucketTokenRemoved");
  CHECK_THAT(notes[0].text, Catch::StartsWith("receiver \"r\": Secret s no longer contains"));
  CHECK_THAT(notes[1].text, Catch::StartsWith("receiver \"q\": Secret s no longer contains"));
  CHECK(watch.look({{"r", "s", false}, {"q", "s", false}}).empty());
}

TEST_CASE("a Secret that is replaced by one without a token has lost it") {
  TokenWatch watch;
  CHECK(watch.look({{"r", "s", true}}).empty());
  CHECK(watch.look({{"r", "s", std::nullopt}}).empty());
  CHECK(watch.look({{"r", "s", false}}).size() == 1);
}

TEST_CASE("a receiver that names another Secret has lost nothing") {
  TokenWatch watch;
  CHECK(watch.look({{"r", "s", true}}).empty());
  CHECK(watch.look({{"r", "t", false}}).empty());
  CHECK(watch.look({{"r", "s", false}}).empty());
}

}  // namespace receiver::controllers
