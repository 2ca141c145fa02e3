#include "controllers/secret_book.h"

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace receiver::controllers {
namespace {

using namespace std::chrono_literals;
using Known = SecretState::Known;
using Kind = kube::ApiError::Kind;

api::Secret secret_of(const std::string& value, bool labelled = true) {
  api::Secret secret;
  secret.value = crypto::SecretString(std::string(value));
  secret.labelled = labelled;
  return secret;
}

tl::unexpected<kube::ApiError> failed_by(Kind kind, const std::string& message) {
  return tl::unexpected(kube::make_error(kind, message));
}
tl::unexpected<kube::ApiError> not_found() {
  auto error = kube::make_error(Kind::kNotFound, "not found");
  error.reason = "NotFound";
  return tl::unexpected(error);
}

/// A book, the time, and its actions as texts.
struct BookScript {
  explicit BookScript(SecretAccess access) : book(access) {}

  /// Records the actions without carrying them out; returns the new ones as texts.
  std::vector<std::string> note(const SecretBook::Actions& actions) {
    std::vector<std::string> texts;
    for (const SecretBook::Action& action : actions) {
      if (const auto* open = std::get_if<SecretBook::OpenWatch>(&action)) {
        texts.push_back("open " + open->source);
      } else if (const auto* close = std::get_if<SecretBook::CloseWatch>(&action)) {
        texts.push_back("close " + close->source);
      } else if (const auto* read = std::get_if<SecretBook::ReadOne>(&action)) {
        texts.push_back("read " + read->key.str());
        reads.push_back(*read);
      } else if (const auto* changed = std::get_if<SecretBook::Changed>(&action)) {
        texts.push_back("changed " + changed->ns);
      } else if (const auto* fails = std::get_if<SecretBook::SourceFails>(&action)) {
        texts.push_back("fails " + fails->source);
      }
    }
    return texts;
  }

  std::vector<std::string> reference(const std::string& ns, const std::set<std::string>& names) {
    return note(book.referenced(ns, names, now));
  }
  /// A list with the values of `secrets`, in which names are values.
  std::vector<std::string> list(const std::string& source,
                                const std::vector<kube::ObjectKey>& secrets) {
    book.list_began(source);
    std::vector<std::string> texts;
    for (const kube::ObjectKey& key : secrets) {
      for (auto& text : note(book.upserted(key, secret_of(key.name)))) texts.push_back(text);
    }
    for (auto& text : note(book.list_ended(source, now))) texts.push_back(text);
    return texts;
  }
  std::vector<std::string> fail(const std::string& source, int times = 1) {
    std::vector<std::string> texts;
    for (int i = 0; i < times; ++i) {
      book.list_began(source);
      for (auto& text : note(book.failed(source, "storage is broken", now))) texts.push_back(text);
    }
    return texts;
  }
  /// Answers the oldest read in flight.
  std::vector<std::string> answer(kube::ApiResult<api::Secret> result) {
    REQUIRE_FALSE(reads.empty());
    const auto ticket = reads.front().ticket;
    reads.erase(reads.begin());
    return note(book.answered(ticket, std::move(result), now));
  }
  std::vector<std::string> pass(SecretBook::Milliseconds time) {
    now += time;
    return note(book.due(now));
  }
  [[nodiscard]] Known known(const std::string& ns, const std::string& name) const {
    return book.lookup(ns, name).known;
  }
  [[nodiscard]] std::string value(const std::string& ns, const std::string& name) const {
    const SecretState state = book.lookup(ns, name);
    return state.secret.value ? std::string(state.secret.value->view()) : "-";
  }

  SecretBook book;
  SecretBook::Time now{1h};
  std::vector<SecretBook::ReadOne> reads;  ///< in flight
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a namespace is watched while receivers name Secrets in it") {
  BookScript s(SecretAccess::kNamespaced);
  CHECK(s.book.settled(s.now));
  CHECK(s.reference("a", {"one"}) == Texts{"open a"});
  CHECK(s.reference("a", {"one", "two"}).empty());
  CHECK(s.reference("b", {"x"}) == Texts{"open b"});
  CHECK(s.reference("a", {}) == Texts{"close a"});
  CHECK(s.reference("never", {}).empty());
  CHECK(s.list("a", {{"a", "one"}}).empty());  // it was in flight
  CHECK(s.known("a", "one") == Known::kNotRead);
}

TEST_CASE("a list tells which of the named Secrets are there, and keeps no other") {
  BookScript s(SecretAccess::kNamespaced);
  (void)s.reference("a", {"one", "absent"});
  s.book.list_began("a");
  CHECK_FALSE(s.book.names({"a", "stranger"}));
  CHECK(s.note(s.book.upserted({"a", "stranger"}, secret_of("x"))).empty());
  CHECK(s.note(s.book.upserted({"a", "one"}, secret_of("v"))) == Texts{"changed a"});
  CHECK(s.known("a", "absent") == Known::kNotRead);
  CHECK_FALSE(s.book.settled(s.now));
  CHECK(s.note(s.book.list_ended("a", s.now)) == Texts{"changed a"});
  CHECK(s.value("a", "one") == "v");
  CHECK(s.known("a", "absent") == Known::kMissing);
  CHECK(s.known("a", "stranger") == Known::kNotRead);
  CHECK(s.book.settled(s.now));
  CHECK_FALSE(s.book.next_due());

  CHECK(s.note(s.book.upserted({"a", "one"}, secret_of("v"))).empty());  // nothing new
  CHECK(s.note(s.book.removed({"a", "one"}, s.now)) == Texts{"changed a"});
  CHECK(s.known("a", "one") == Known::kMissing);
  // A list that ends early says nothing about Secrets that it did not contain.
  (void)s.note(s.book.upserted({"a", "one"}, secret_of("v")));
  s.book.list_began("a");
  CHECK(s.list("a", {{"a", "absent"}}) == Texts{"changed a", "changed a"});
  CHECK(s.known("a", "one") == Known::kMissing);

  (void)s.reference("a", {"absent"});
  CHECK(s.value("a", "one") == "-");
}

TEST_CASE("a name that comes after the list began is read by itself") {
  BookScript s(SecretAccess::kNamespaced);
  (void)s.reference("a", {"one"});
  s.book.list_began("a");
  CHECK(s.reference("a", {"one", "late"}) == Texts{"read a/late"});
  // Not missing: the list may be older. Nor is that read's answer known to be newer than the list.
  CHECK(s.note(s.book.list_ended("a", s.now)) == Texts{"changed a", "read a/late"});
  CHECK(s.known("a", "one") == Known::kMissing);
  CHECK(s.known("a", "late") == Known::kNotRead);
  CHECK(s.answer(secret_of("older")).empty());
  CHECK(s.known("a", "late") == Known::kNotRead);
  SECTION("and then it is watched") {
    CHECK(s.answer(secret_of("v")) == Texts{"changed a"});
    CHECK(s.value("a", "late") == "v");
    CHECK(s.book.lookup("a", "late").watched);
    CHECK_FALSE(s.book.next_due());
  }
  SECTION("unless a watch reports it first: that is newer") {
    (void)s.note(s.book.upserted({"a", "late"}, secret_of("new")));
    CHECK(s.answer(secret_of("old")).empty());
    CHECK(s.value("a", "late") == "new");
    CHECK_FALSE(s.book.next_due());
  }
  SECTION("also where the watch tells that it is gone") {
    (void)s.note(s.book.removed({"a", "late"}, s.now));
    CHECK(s.answer(secret_of("old")).empty());
    CHECK(s.known("a", "late") == Known::kMissing);
  }
  SECTION("unless nobody names it any more") {
    (void)s.reference("a", {"one"});
    CHECK(s.reference("a", {"one", "late"}) == Texts{"read a/late"});
    CHECK(s.answer(secret_of("of the first naming")).empty());
    CHECK(s.answer(secret_of("v")) == Texts{"changed a"});
    CHECK(s.value("a", "late") == "v");
  }
}

TEST_CASE("what a read found out while a list was under way is read again, and stands until then") {
  BookScript s(SecretAccess::kNamespaced);
  SECTION("of a name that came after the list began, and was deleted before the list was made") {
    (void)s.reference("a", {"one"});
    s.book.list_began("a");
    (void)s.reference("a", {"one", "late"});
    CHECK(s.answer(secret_of("v")) == Texts{"changed a"});
  }
  SECTION("of a source that had failed, whose list may come from a cache that lags") {
    (void)s.reference("a", {"late"});
    (void)s.fail("a", 3);
    s.book.list_began("a");
    CHECK(s.answer(secret_of("v")) == Texts{"changed a"});
  }
  SECTION("of one that was refused, and the list has an older value") {
    (void)s.reference("a", {"late"});
    (void)s.note(s.book.refused("a", "no permission", s.now));
    s.book.list_began("a");
    CHECK(s.answer(secret_of("v")) == Texts{"changed a"});
    CHECK(s.note(s.book.upserted({"a", "late"}, secret_of("older"))).empty());
  }
  CHECK(s.note(s.book.list_ended("a", s.now)) == Texts{"changed a", "read a/late"});
  CHECK(s.value("a", "late") == "v");
  CHECK(s.answer(not_found()) == Texts{"changed a"});
  CHECK(s.known("a", "late") == Known::kMissing);
  // From now on the watch has the true state.
  CHECK(s.note(s.book.upserted({"a", "late"}, secret_of("new"))) == Texts{"changed a"});
  CHECK(s.value("a", "late") == "new");
}

TEST_CASE("a read that is owed since a list ended is not spared by a watch that goes well") {
  BookScript s(SecretAccess::kNamespaced);
  (void)s.reference("a", {"late", "x", "y"});
  CHECK(s.fail("a", 3) == Texts{"fails a", "changed a", "read a/late", "read a/x"});
  s.book.list_began("a");
  CHECK(s.answer(secret_of("v")) == Texts{"changed a", "read a/y"});
  CHECK(s.note(s.book.list_ended("a", s.now)) == Texts{"changed a"});  // no place for it
  s.book.recovered("a");
  CHECK(s.answer(secret_of("v")) == Texts{"read a/late"});
  (void)s.answer(secret_of("v"));
  CHECK(s.answer(failed_by(Kind::kServer, "trouble")).empty());
  s.book.recovered("a");
  CHECK(s.pass(SecretBook::kFirstPause) == Texts{"read a/late"});
  CHECK(s.answer(secret_of("v")).empty());
  CHECK_FALSE(s.book.next_due());
}

TEST_CASE("a name that comes while a list that is permitted at last is under way is read as well") {
  BookScript s(SecretAccess::kCluster);
  (void)s.reference("a", {"s"});
  (void)s.note(s.book.owners_settled());
  (void)s.note(s.book.refused("", "no permission to list", s.now));
  s.book.list_began("");
  CHECK(s.reference("b", {"s"}).empty());
  (void)s.note(s.book.upserted({"a", "s"}, secret_of("v")));
  CHECK(s.note(s.book.list_ended("", s.now)) == Texts{"changed a", "changed b", "read b/s"});
  CHECK(s.answer(secret_of("w")) == Texts{"changed b"});
  CHECK_FALSE(s.book.next_due());
}

TEST_CASE("under cluster access one list waits for all owners and brings what they name") {
  BookScript s(SecretAccess::kCluster);
  CHECK(s.note(s.book.owners_settled()).empty());
  BookScript late(SecretAccess::kCluster);
  CHECK(late.reference("a", {"one"}).empty());
  CHECK(late.reference("b", {"one"}).empty());
  CHECK_FALSE(late.book.settled(late.now));
  CHECK(late.note(late.book.owners_settled()) == Texts{"open "});
  CHECK(late.note(late.book.owners_settled()).empty());
  CHECK(late.list("", {{"a", "one"}, {"b", "one"}}) ==
        Texts{"changed a", "changed b", "changed a", "changed b"});
  CHECK(late.reads.empty());
  CHECK(late.book.settled(late.now));

  CHECK(s.reference("a", {"one"}) == Texts{"open "});
}

TEST_CASE("under cluster access names that come later are read one by one, eight at once") {
  BookScript s(SecretAccess::kCluster);
  (void)s.reference("first", {"s"});
  (void)s.note(s.book.owners_settled());
  (void)s.list("", {{"first", "s"}});
  for (int i = 0; i < 200; ++i) {
    (void)s.reference(fmt::format("p{:03}", i), {"s"});
    CHECK(s.reads.size() ==
          std::min<std::size_t>(static_cast<std::size_t>(i) + 1, SecretBook::kReadsAtOnce));
  }
  for (int i = 0; i < 200; ++i) {
    CHECK(s.answer(secret_of("v")).front() == fmt::format("changed p{:03}", i));
    CHECK(s.reads.size() <= SecretBook::kReadsAtOnce);
  }
  CHECK(s.book.settled(s.now));
  CHECK_FALSE(s.book.next_due());
}

TEST_CASE("under cluster access what has no label is read again in rounds, and when asked for") {
  BookScript s(SecretAccess::kCluster);
  (void)s.reference("a", {"plain", "absent"});
  (void)s.note(s.book.owners_settled());
  CHECK(s.list("", {}) == Texts{"changed a", "read a/absent", "read a/plain"});
  CHECK_FALSE(s.book.settled(s.now));
  CHECK(s.answer(not_found()) == Texts{"changed a"});
  CHECK(s.answer(secret_of("v", false)) == Texts{"changed a"});
  CHECK(s.book.settled(s.now));
  CHECK_FALSE(s.book.lookup("a", "plain").watched);
  CHECK(s.book.lookup("a", "plain").why.empty());
  CHECK(s.book.lookup("a", "absent").watched);  // no reason for advice

  CHECK(s.pass(SecretBook::kRound - 1ms).empty());
  CHECK(s.pass(1ms) == Texts{"read a/absent", "read a/plain"});
  CHECK(s.answer(not_found()).empty());
  CHECK(s.answer(secret_of("w", false)) == Texts{"changed a"});
  CHECK(s.note(s.book.asked("a", s.now)) == Texts{"read a/absent", "read a/plain"});
  CHECK(s.answer(secret_of("made")) == Texts{"changed a"});
  CHECK(s.answer(secret_of("x", false)) == Texts{"changed a"});
  // The watch reports a Secret that has the label now.
  CHECK(s.note(s.book.asked("a", s.now)) == Texts{"read a/plain"});
  CHECK(s.note(s.book.upserted({"a", "plain"}, secret_of("y"))) == Texts{"changed a"});
  CHECK(s.answer(secret_of("x", false)).empty());
  CHECK(s.note(s.book.asked("a", s.now)).empty());
  // Without the label again, it still exists.
  CHECK(s.note(s.book.removed({"a", "plain"}, s.now)) == Texts{"read a/plain"});
  CHECK(s.value("a", "plain") == "y");
}

TEST_CASE("a source that has failed three times was tried, and its Secrets are read one by one") {
  BookScript s(SecretAccess::kNamespaced);
  (void)s.reference("a", {"fine", "broken"});
  CHECK(s.fail("a", 2).empty());
  CHECK_FALSE(s.book.settled(s.now));
  CHECK(s.fail("a") == Texts{"fails a", "changed a", "read a/broken", "read a/fine"});
  CHECK_FALSE(s.book.settled(s.now));  // they are being read
  CHECK(s.known("a", "fine") == Known::kNotRead);
  CHECK(s.fail("a", 10).empty());

  CHECK(s.answer(failed_by(Kind::kServer, "this one is")).empty());
  CHECK(s.answer(secret_of("v")) == Texts{"changed a"});
  CHECK(s.value("a", "fine") == "v");
  CHECK_FALSE(s.book.lookup("a", "fine").watched);
  CHECK(s.book.lookup("a", "fine").why ==
        "cannot list the Secrets of namespace a: storage is broken");
  CHECK(s.known("a", "broken") == Known::kNotRead);
  CHECK(s.reference("a", {"fine", "broken", "new"}) == Texts{"read a/new"});
  CHECK(s.known("a", "new") == Known::kNotRead);
  CHECK(s.answer(not_found()) == Texts{"changed a"});

  SECTION("what was read is read again in rounds") {
    CHECK(s.pass(SecretBook::kRound) == Texts{"read a/broken", "read a/fine"});
    CHECK(s.answer(failed_by(Kind::kServer, "still")) == Texts{"read a/new"});
  }
  SECTION("one that has failed three times itself is unreadable, for the source's reason") {
    CHECK(s.pass(500ms) == Texts{"read a/broken"});
    CHECK(s.answer(failed_by(Kind::kServer, "this one is")).empty());
    CHECK(s.known("a", "broken") == Known::kNotRead);
    CHECK_FALSE(s.book.settled(s.now));
    CHECK(s.pass(1s) == Texts{"read a/broken"});
    CHECK(s.answer(failed_by(Kind::kServer, "this one is")) == Texts{"changed a"});
    CHECK(s.known("a", "broken") == Known::kUnreadable);
    CHECK(s.book.lookup("a", "broken").why ==
          "cannot list the Secrets of namespace a: storage is broken");
    CHECK(s.book.settled(s.now));
  }
  SECTION("once the list works, the watch is the truth") {
    CHECK(s.list("a", {{"a", "broken"}}) == Texts{"changed a", "changed a"});
    CHECK(s.value("a", "broken") == "broken");
    CHECK(s.known("a", "fine") == Known::kMissing);
    CHECK_FALSE(s.book.next_due());
  }
}

TEST_CASE("what cannot be followed is told by name") {
  BookScript s(SecretAccess::kNamespaced);
  for (const char* ns : {"a", "b", "c"}) (void)s.reference(ns, {"s"});
  (void)s.list("a", {});
  CHECK(s.book.trouble().empty());
  (void)s.fail("b", 3);
  CHECK(s.book.trouble() == "cannot list the Secrets of namespace b: storage is broken");
  (void)s.note(s.book.refused("c", "no permission", s.now));
  CHECK(s.book.trouble() ==
        "cannot list the Secrets of namespace b: storage is broken (and 1 more)");
  (void)s.list("b", {});
  CHECK(s.book.trouble() == "no permission");
}

TEST_CASE("a source is not tried by fewer failures because a page of it went well in between") {
  BookScript s(SecretAccess::kNamespaced);
  (void)s.reference("a", {"one"});
  (void)s.fail("a", 2);
  s.book.recovered("a");
  CHECK_FALSE(s.book.settled(s.now));
  CHECK(s.fail("a") == Texts{"fails a", "changed a", "read a/one"});
}

TEST_CASE("a read that fails is repeated after pauses that double, up to the round") {
  BookScript s(SecretAccess::kNamespaced);
  (void)s.reference("a", {"one"});
  (void)s.list("a", {});
  CHECK(s.reference("a", {"one", "late"}) == Texts{"read a/late"});
  auto pause = SecretBook::kFirstPause;
  for (int failure = 1; failure <= 12; ++failure) {
    CAPTURE(failure);
    const bool told = s.answer(failed_by(Kind::kServer, fmt::format("failure {}", failure))) ==
                      Texts{"changed a"};
    CHECK(told == (failure == SecretBook::kTries));
    CHECK(s.known("a", "late") ==
          (failure < SecretBook::kTries ? Known::kNotRead : Known::kUnreadable));
    CHECK(s.book.settled(s.now) == (failure >= SecretBook::kTries));
    CHECK(s.book.next_due() == s.now + pause);
    CHECK(s.pass(pause - 1ms).empty());
    CHECK(s.pass(1ms) == Texts{"read a/late"});
    pause = std::min(2 * pause, SecretBook::kRound);
  }
  CHECK(s.book.lookup("a", "late").why == "failure 3");  // not a new status for every failure
  CHECK(s.answer(secret_of("v")) == Texts{"changed a"});
  CHECK_FALSE(s.book.next_due());
}

TEST_CASE("a read is not repeated before the time that the API server has asked for") {
  BookScript s(SecretAccess::kNamespaced);
  (void)s.reference("a", {"one"});
  (void)s.list("a", {});
  (void)s.reference("a", {"one", "late"});
  auto throttled = kube::make_error(Kind::kThrottled, "slow down");
  throttled.retry_after = 30s;
  (void)s.answer(tl::unexpected(throttled));
  CHECK(s.book.next_due() == s.now + 30s);
  (void)s.pass(30s);
  throttled.retry_after = 1h;
  (void)s.answer(tl::unexpected(throttled));
  CHECK(s.book.next_due() == s.now + SecretBook::kRound);
}

TEST_CASE("what was read once is kept, whatever fails later") {
  BookScript s(SecretAccess::kCluster);
  (void)s.reference("a", {"plain"});
  (void)s.note(s.book.owners_settled());
  (void)s.list("", {});
  (void)s.answer(secret_of("v", false));
  (void)s.pass(SecretBook::kRound);
  for (const Kind kind : {Kind::kForbidden, Kind::kServer, Kind::kUnreachable, Kind::kMalformed}) {
    CHECK(s.answer(failed_by(kind, "no")).empty());
    CHECK(s.value("a", "plain") == "v");
    (void)s.pass(SecretBook::kRound);
  }
}

TEST_CASE("a Secret that may not be read is refused, not unread, and asked for again") {
  BookScript s(SecretAccess::kCluster);
  (void)s.reference("a", {"labelled"});
  (void)s.note(s.book.owners_settled());
  (void)s.list("", {{"a", "labelled"}});
  (void)s.reference("b", {"s"});
  for (const auto pause : {500ms, 1'000ms}) {
    CHECK(s.answer(failed_by(Kind::kForbidden, "secrets \"s\" is forbidden")).empty());
    CHECK(s.pass(pause) == Texts{"read b/s"});
  }
  CHECK(s.answer(failed_by(Kind::kForbidden, "secrets \"s\" is forbidden")) == Texts{"changed b"});
  CHECK(s.known("b", "s") == Known::kRefused);
  CHECK(s.book.lookup("b", "s").why == "secrets \"s\" is forbidden");
  CHECK(s.book.settled(s.now));
  CHECK(s.pass(2s) == Texts{"read b/s"});
  CHECK(s.answer(secret_of("v")) == Texts{"changed b"});
}

TEST_CASE("where lists are refused, a namespace's Secrets are read one by one, all labelled not") {
  SECTION("in a namespace") {
    BookScript s(SecretAccess::kNamespaced);
    (void)s.reference("a", {"fine", "forbidden"});
    CHECK(s.note(s.book.refused("a", "no permission to list", s.now)) ==
          Texts{"fails a", "changed a", "read a/fine", "read a/forbidden"});
    // A rejection is not reported for a Secret that may be served at once.
    CHECK(s.known("a", "fine") == Known::kNotRead);
    CHECK_FALSE(s.book.settled(s.now));
    CHECK(s.answer(secret_of("v")) == Texts{"changed a"});
    CHECK(s.known("a", "fine") == Known::kPresent);
    CHECK_FALSE(s.book.lookup("a", "fine").watched);
    for (const auto pause : {500ms, 1'000ms}) {
      CHECK(s.answer(failed_by(Kind::kForbidden, "no permission to get")).empty());
      CHECK(s.known("a", "forbidden") == Known::kNotRead);
      CHECK_FALSE(s.book.settled(s.now));
      CHECK(s.pass(pause) == Texts{"read a/forbidden"});
    }
    CHECK(s.answer(failed_by(Kind::kForbidden, "no permission to get")) == Texts{"changed a"});
    CHECK(s.book.settled(s.now));
    CHECK(s.known("a", "forbidden") == Known::kRefused);
    CHECK(s.book.lookup("a", "forbidden").why == "no permission to list");
    CHECK(s.list("a", {{"a", "fine"}, {"a", "forbidden"}}).size() == 3);
    CHECK(s.book.lookup("a", "fine").watched);
    CHECK(s.value("a", "forbidden") == "forbidden");
    CHECK_FALSE(s.book.next_due());
  }
  SECTION("in all") {
    BookScript s(SecretAccess::kCluster);
    (void)s.reference("a", {"s"});
    (void)s.note(s.book.owners_settled());
    CHECK(s.note(s.book.refused("", "no permission to list", s.now)) ==
          Texts{"fails ", "changed a"});
    CHECK(s.reference("b", {"s"}).empty());
    CHECK(s.known("b", "s") == Known::kRefused);
    CHECK(s.book.settled(s.now));
    CHECK(s.list("", {{"a", "s"}}) == Texts{"changed a", "changed a", "changed b", "read b/s"});
  }
}

TEST_CASE("while a watch that once worked is broken, its Secrets are read in rounds") {
  BookScript s(SecretAccess::kNamespaced);
  (void)s.reference("a", {"one"});
  (void)s.list("a", {{"a", "one"}});
  CHECK(s.fail("a", 3).empty());
  CHECK(s.book.lookup("a", "one").watched);  // unavailable, not wrong
  CHECK(s.book.settled(s.now));
  SECTION("an outage that is over before costs nothing") {
    s.book.recovered("a");
    CHECK_FALSE(s.book.next_due());
    CHECK(s.fail("a", 2).empty());
    CHECK_FALSE(s.book.next_due());
  }
  SECTION("one that lasts") {
    CHECK(s.pass(SecretBook::kRound) == Texts{"read a/one"});
    CHECK(s.answer(secret_of("rotated")) == Texts{"changed a"});
    CHECK(s.pass(SecretBook::kRound) == Texts{"read a/one"});
    CHECK(s.reference("a", {"one", "late"}) == Texts{"read a/late"});
    s.book.recovered("a");
    CHECK(s.answer(secret_of("rotated")).empty());
    CHECK(s.answer(secret_of("v")) == Texts{"changed a"});
    CHECK_FALSE(s.book.next_due());
  }
}

TEST_CASE("a namespace whose Secrets do not answer takes two places of eight") {
  BookScript s(SecretAccess::kNamespaced);
  std::set<std::string> many;
  for (int i = 0; i < 50; ++i) many.insert(fmt::format("s{:02}", i));
  (void)s.reference("hangs", many);
  (void)s.reference("fine", {"one"});
  (void)s.list("fine", {{"fine", "one"}});
  (void)s.fail("hangs", 3);
  CHECK(s.reads.size() == SecretBook::kReadsOfANamespace);
  CHECK_FALSE(s.book.next_due());  // until one of the two has answered
  CHECK(s.reference("fine", {"one", "late"}) == Texts{"read fine/late"});
  CHECK(s.answer(failed_by(Kind::kUnreachable, "timed out")) == Texts{"read hangs/s02"});
  // Nor does it delay readiness until all have had their three attempts.
  CHECK(s.answer(secret_of("of hangs/s01")) == Texts{"changed hangs", "read hangs/s03"});
  CHECK(s.answer(secret_of("of fine/late")) == Texts{"changed fine"});
  CHECK_FALSE(s.book.settled(s.now + SecretBook::kPatience - 1ms));
  CHECK(s.book.settled(s.now + SecretBook::kPatience));
  CHECK(s.known("hangs", "s49") == Known::kNotRead);
}

TEST_CASE("a Secret's own reason is told where it fails in another manner than its source") {
  BookScript s(SecretAccess::kNamespaced);
  const auto three_times = [&](Kind kind) {
    for (int i = 0; i < SecretBook::kTries; ++i) {
      (void)s.answer(failed_by(kind, "its own"));
      (void)s.pass(5s);
    }
    const SecretState state = s.book.lookup("a", "s");
    return std::pair(state.known, state.why);
  };
  (void)s.reference("a", {"s"});
  SECTION("refused where lists fail") {
    (void)s.fail("a", 3);
    CHECK(three_times(Kind::kForbidden) == std::pair(Known::kRefused, std::string("its own")));
  }
  SECTION("failing where lists are refused") {
    (void)s.note(s.book.refused("a", "no permission to list", s.now));
    CHECK(three_times(Kind::kServer) == std::pair(Known::kUnreadable, std::string("its own")));
  }
}

TEST_CASE("what a list or watch cannot read of a named Secret fails that one alone") {
  BookScript s(SecretAccess::kNamespaced);
  (void)s.reference("a", {"bad", "fine"});
  s.book.list_began("a");
  (void)s.note(s.book.upserted({"a", "fine"}, secret_of("v")));
  CHECK(s.note(s.book.unreadable({"a", "bad"}, "data.secret is not base64", s.now)).empty());
  CHECK(s.note(s.book.unreadable({"a", "stranger"}, "data.secret is not base64", s.now)).empty());
  (void)s.note(s.book.list_ended("a", s.now));
  CHECK(s.known("a", "bad") == Known::kNotRead);
  for (const auto pause : {500ms, 1'000ms}) {
    CHECK(s.pass(pause) == Texts{"read a/bad"});
    (void)s.answer(failed_by(Kind::kMalformed, "data.secret is not base64"));
  }
  CHECK(s.known("a", "bad") == Known::kUnreadable);
  CHECK(s.book.settled(s.now));
  CHECK(s.value("a", "fine") == "v");
  // An older copy is better than none.
  (void)s.note(s.book.unreadable({"a", "fine"}, "data.secret is not base64", s.now));
  CHECK(s.value("a", "fine") == "v");
  // And a newer one is read, though the watch continues as if it had reported it.
  (void)s.fail("a", 3);
  s.book.recovered("a");
  CHECK(s.pass(500ms) == Texts{"read a/fine"});
}

}  // namespace receiver::controllers
