#include "controllers/derive.h"

#include <algorithm>
#include <map>

#include <catch2/catch.hpp>

#include "crypto/crypto.h"
#include "test/support/vectors.h"

namespace receiver::controllers {

using test::load_vectors;

namespace {

constexpr const char* kValue = "a-secret-of-decent-length";

SecretState present(std::string value) {
  SecretState state;
  state.known = SecretState::Known::kPresent;
  state.secret.value = crypto::SecretString(std::move(value));
  return state;
}

SecretState unavailable(SecretState::Known known, std::string why = {}) {
  SecretState state;
  state.known = known;
  state.why = std::move(why);
  return state;
}

api::ReceiverOwner project_config(std::vector<api::Receiver> receivers) {
  api::ReceiverOwner owner;
  owner.meta.key = {"kargo-demo", "kargo-demo"};
  owner.receivers = std::move(receivers);
  return owner;
}

DerivedReceivers derive(const api::ReceiverOwner& owner,
                        std::map<std::string, SecretState> secrets) {
  return derive_receivers(
      owner,
      [&](std::string_view name) {
        const auto found = secrets.find(std::string(name));
        return found == secrets.end() ? unavailable(SecretState::Known::kMissing) : found->second;
      },
      {"https://hooks.example.com", "/kargo"});
}

std::string bytes_of_hex(std::string_view hex) {
  const auto bytes = crypto::hex_decode(hex);
  REQUIRE(bytes.has_value());
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

}  // namespace

TEST_CASE("vectors/receiver_url.json: paths and URLs are those that Kargo computes") {
  const rapidjson::Document vectors = load_vectors("receiver_url.json");
  for (const auto& vector : vectors.GetArray()) {
    const std::string base_url = vector["baseURL"].GetString();
    INFO(base_url << " " << vector["project"].GetString() << " " << vector["receiver"].GetString());
    const auto base = parse_base_url(base_url);
    REQUIRE(base.has_value());
    const std::string path =
        receiver_path(*base, vector["project"].GetString(), vector["receiver"].GetString(),
                      bytes_of_hex(vector["secretHex"].GetString()));
    CHECK(path == vector["path"].GetString());
    CHECK(base->origin + path == vector["url"].GetString());
  }
}

TEST_CASE("a base URL needs http(s) and a host, and has no query, fragment or user info") {
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"", "begin with http:// or https://"},
      {"hooks.example.com", "begin with http:// or https://"},
      {"ftp://hooks.example.com", "begin with http:// or https://"},
      {"https://", "have a host"},
      {"https:///path", "have a host"},
      {"https://:8080", "have a host"},
      {"https://a.example.com?x=1", "have no query"},
      {"https://a.example.com/p#f", "have no fragment"},
      {"https://user@a.example.com", "have no user info"},
      {"https://a.example.com/a b", "not contain spaces or control characters"},
      {"https://a.example.com/a\x7F", "not contain spaces or control characters"},
  };
  for (const auto& [url, what] : refused) {
    INFO(url);
    const auto base = parse_base_url(url);
    REQUIRE_FALSE(base.has_value());
    CHECK(base.error() ==
          "base URL: must " + what + "; expected something like https://hooks.example.com/kargo");
  }
  CHECK(parse_base_url("https://a.example.com/x/../y//./z/")->path == "/y/z");
  CHECK(parse_base_url("https://a.example.com/")->path.empty());
}

TEST_CASE("every good receiver is published in the order of the spec, whatever the others do") {
  const auto owner = project_config(
      {{"b", true, "good"}, {"x", false, ""}, {"m", true, "missing"}, {"a", true, "good"}});
  const DerivedReceivers derived = derive(owner, {{"good", present(kValue)}});
  REQUIRE(derived.published.size() == 2);
  CHECK(derived.published[0].name == "b");
  CHECK(derived.published[1].name == "a");
  CHECK(derived.published[0].url == "https://hooks.example.com" + derived.published[0].path);
  CHECK(derived.published[0].path ==
        "/kargo/bitbucket/" + crypto::sha256_hex({"kargo-demo", "b", kValue}));
  REQUIRE(derived.failures.size() == 1);
  CHECK(derived.failures[0].receiver == "m");
  CHECK(derived.failures[0].reason == "SecretNotFound");
  REQUIRE(derived.routes.size() == 2);
  CHECK(derived.routes[0].project == "kargo-demo");
  CHECK_FALSE(derived.unread);
}

TEST_CASE("a Secret that cannot be used is a failure of its receiver") {
  SecretState no_key;
  no_key.known = SecretState::Known::kPresent;
  struct Case {
    std::string what;
    SecretState state;
    std::string reason, message;
  };
  const std::vector<Case> cases = {
      {"missing Secret", unavailable(SecretState::Known::kMissing), "SecretNotFound",
       "Secret s not found; create it with a key \"secret\""},
      {"refused source", unavailable(SecretState::Known::kRefused, "no permission"),
       "SecretInvalid", "cannot read Secret s: no permission"},
      {"failing source", unavailable(SecretState::Known::kUnreadable, "storage is broken"),
       "SecretInvalid",
       "cannot read Secret s: storage is broken; it will be retried: check \"kubectl get "
       "secrets\" in its namespace"},
      {"missing key", no_key, "SecretInvalid", "Secret s has no key \"secret\"; add it"},
      {"empty value", present(""), "SecretInvalid",
       "Secret s: the value of key \"secret\" is empty; set one"},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    const DerivedReceivers derived = derive(project_config({{"r", true, "s"}}), {{"s", c.state}});
    CHECK(derived.published.empty());
    CHECK(derived.routes.empty());
    REQUIRE(derived.failures.size() == 1);
    CHECK(derived.failures[0].reason == c.reason);
    CHECK(derived.failures[0].message == c.message);
  }
  for (const char* name : {"My-Secret", "my secret", "a/b", "a%zz", "a?watch=true", "new\nline",
                           "-a", "a-", ".a", "a..b", "a.-b"}) {
    INFO(name);
    // It is not even looked up: such a name must not be used in a request.
    const DerivedReceivers misnamed = derive(project_config({{"r", true, name}}), {});
    CHECK_FALSE(misnamed.unread);
    REQUIRE(misnamed.failures.size() == 1);
    CHECK(misnamed.failures[0].reason == "SecretInvalid");
    CHECK(misnamed.failures[0].message ==
          "bitbucket.secretRef.name is not a valid name of a Secret (lower case letters, digits, "
          "hyphens and dots); correct it");
  }
  const DerivedReceivers unnamed = derive(project_config({{"r", true, ""}}), {});
  REQUIRE(unnamed.failures.size() == 1);
  CHECK(unnamed.failures[0].reason == "SecretInvalid");
  CHECK(unnamed.failures[0].message == "bitbucket.secretRef.name is empty; name a Secret");
}

TEST_CASE("a Secret source that was never read leaves the object undecided") {
  const DerivedReceivers derived = derive(project_config({{"r", true, "s"}}),
                                          {{"s", unavailable(SecretState::Known::kNotRead)}});
  CHECK(derived.unread);
  CHECK(derived.incomplete);
  CHECK(derived.failures.empty());
  CHECK(derived.published.empty());
}

TEST_CASE("a receiver whose Secret was never read does not keep those after it from their routes") {
  const DerivedReceivers derived =
      derive(project_config({{"unread", true, "u"}, {"good", true, "g"}, {"bad", true, "b"}}),
             {{"u", unavailable(SecretState::Known::kNotRead)},
              {"g", present(kValue)},
              {"b", unavailable(SecretState::Known::kMissing)}});
  CHECK(derived.unread);
  REQUIRE(derived.routes.size() == 1);
  CHECK(derived.routes[0].receiver == "good");
  REQUIRE(derived.failures.size() == 1);
  CHECK(derived.failures[0].receiver == "bad");
}

TEST_CASE("a Secret that could never be read fails its receiver alone, whose path may come yet") {
  for (const auto known : {SecretState::Known::kUnreadable, SecretState::Known::kRefused}) {
    const DerivedReceivers derived =
        derive(project_config({{"bad", true, "b"}, {"good", true, "g"}}),
               {{"b", unavailable(known, "why")}, {"g", present(kValue)}});
    CHECK_FALSE(derived.unread);
    CHECK(derived.incomplete == (known == SecretState::Known::kUnreadable));
    REQUIRE(derived.published.size() == 1);
    CHECK(derived.published[0].name == "good");
    REQUIRE(derived.failures.size() == 1);
    CHECK(derived.failures[0].receiver == "bad");
  }
}

TEST_CASE("a Secret that was read by itself works, with advice why its changes are noticed late") {
  SecretState alone = present(kValue);
  alone.watched = false;
  alone.why = "cannot list the Secrets of namespace a: storage is broken";
  const DerivedReceivers derived = derive(project_config({{"r", true, "s"}}), {{"s", alone}});
  CHECK(derived.published.size() == 1);
  REQUIRE(derived.advice.size() == 1);
  CHECK(derived.advice[0].warning);
  CHECK(derived.advice[0].message ==
        "Secret s works, but its changes are noticed only every five minutes, because the Secrets "
        "of its namespace cannot be watched: cannot list the Secrets of namespace a: "
        "storage is broken");
}

TEST_CASE("a short value or one that ends in a newline works, with advice") {
  CHECK(derive(project_config({{"r", true, "s"}}), {{"s", present(kValue)}}).advice.empty());
  for (const std::string& value : {std::string("tiny-key"), std::string(kValue) + "\n"}) {
    const DerivedReceivers derived =
        derive(project_config({{"r", true, "s"}}), {{"s", present(value)}});
    CHECK(derived.published.size() == 1);
    REQUIRE(derived.advice.size() == 1);
    CHECK(derived.advice[0].reason == "WeakSecret");
    CHECK(derived.advice[0].message.find(value) == std::string::npos);
  }
}

TEST_CASE("a value that Bitbucket's form would not hold as it is works, with advice to change it") {
  struct Case {
    std::string what, value, words;
  };
  const std::string value = kValue;
  const auto with_nuls = [&](bool before) {
    std::string text;
    for (const char c : value) text += before ? std::string{'\0', c} : std::string{c, '\0'};
    return text;
  };
  const std::string part_of_key =
      ", which is part of the key that Bitbucket must sign with; store it without ";
  const std::string newline = "ends in a newline" + part_of_key + "one (echo -n, printf %s)";
  const std::string behind = "ends in white space" + part_of_key + "any (echo -n, printf %s)";
  const std::string before = "begins with white space" + part_of_key + "any (printf %s)";
  const std::string mark = "begins with a byte order mark" + part_of_key + "one (printf %s)";
  const std::string letters =
      ", which cannot be entered in Bitbucket; store a value of letters and digits";
  const std::string nul = "contains a NUL byte" + letters;
  const std::string control = "contains control characters or bytes that are not UTF-8" + letters;
  const std::string utf16 =
      "is UTF-16, which cannot be entered in Bitbucket; store it as UTF-8, without a byte order "
      "mark";
  for (const auto& [what, bytes, words] : {
           Case{"newline", value + "\n", newline},
           Case{"Windows newline", value + "\r\n", newline},
           Case{"space behind", value + " ", behind},
           Case{"tab behind", value + "\t", behind},
           Case{"space before", " " + value, before},
           Case{"newline before", "\n" + value, before},
           Case{"byte order mark", "\xEF\xBB\xBF" + value, mark},
           Case{"NUL inside", value + std::string(1, '\0') + "abc", nul},
           Case{"NUL behind", value + std::string(1, '\0'), nul},
           Case{"UTF-16", with_nuls(false), utf16},
           Case{"UTF-16, big end first", with_nuls(true), utf16},
           Case{"UTF-16 with its mark", "\xFF\xFE" + with_nuls(false), utf16},
           Case{"UTF-16 of other scripts",
                "\xFE\xFF\x30\x42\x30\x44\x30\x46\x30\x48\x30\x4A\x30\x42\x30\x44", utf16},
           Case{"Latin 1", value + "\xFC" + value, control},
           Case{"newline inside", value + "\n" + value, control},
           Case{"delete", value + "\x7F" + value, control},
       }) {
    INFO(what);
    const DerivedReceivers derived =
        derive(project_config({{"r", true, "s"}}), {{"s", present(bytes)}});
    CHECK(derived.published.size() == 1);
    CHECK(derived.routes.at(0).key.view() == bytes);
    REQUIRE(derived.advice.size() == 1);
    CHECK(derived.advice[0].reason == "WeakSecret");
    CHECK(derived.advice[0].warning);
    CHECK(derived.advice[0].message == "Secret s: the value of key \"secret\" " + words);
  }
  for (const std::string& fine :
       {value + " " + value, value + "\xC3\xBC", value + "\xE2\x82\xAC"}) {
    CHECK(derive(project_config({{"r", true, "s"}}), {{"s", present(fine)}}).advice.empty());
  }
}

TEST_CASE("all that is weak about a value is said") {
  const DerivedReceivers derived =
      derive(project_config({{"r", true, "s"}}), {{"s", present("\xEF\xBB\xBF short\n")}});
  CHECK(derived.published.size() == 1);
  CHECK(derived.advice.size() == 4);
  CHECK(derive(project_config({{"r", true, "s"}}), {{"s", present("   ")}}).advice.size() == 3);
}

TEST_CASE("two receivers of one name have a URL each, and one may fail alone") {
  const auto owner = project_config({{"r", true, "one"}, {"r", true, "two"}});
  const DerivedReceivers derived =
      derive(owner, {{"one", present(kValue)}, {"two", present("another-secret-of-length")}});
  REQUIRE(derived.published.size() == 2);
  CHECK(derived.published[0].url != derived.published[1].url);
  CHECK(derived.routes.size() == 2);

  const DerivedReceivers half = derive(owner, {{"two", present(kValue)}});
  CHECK(half.published.size() == 1);
  CHECK(half.failures.size() == 1);
}

TEST_CASE("a Secret whose changes are noticed late works, with advice to label it") {
  SecretState unlabelled = present(kValue);
  unlabelled.watched = false;
  const DerivedReceivers derived = derive(project_config({{"r", true, "s"}}), {{"s", unlabelled}});
  CHECK(derived.published.size() == 1);
  REQUIRE(derived.advice.size() == 1);
  CHECK(derived.advice[0].warning);
  CHECK(derived.advice[0].message ==
        "Secret s lacks the label kargo.akuity.io/cred-type: generic; it works, but its changes "
        "are noticed only every five minutes: add the label");
}

TEST_CASE("a missing Secret is told with its namespace where that is not plain") {
  const auto message = [](const std::string& ns) {
    return derive(project_config({{"r", true, "s"}}),
                  {{"s", unavailable(SecretState::Known::kMissing, ns)}})
        .failures.at(0)
        .message;
  };
  CHECK(message("") == "Secret s not found; create it with a key \"secret\"");
  CHECK(message("system") ==
        "Secret s not found in namespace system; create it with a key \"secret\"");
}

TEST_CASE("secret.previous is served beside the current value, or instead of a broken one") {
  SecretState both = present(kValue);
  both.secret.previous = crypto::SecretString("the-one-before-this");
  DerivedReceivers derived = derive(project_config({{"r", true, "s"}}), {{"s", both}});
  REQUIRE(derived.routes.size() == 2);
  CHECK(derived.published.size() == 1);
  CHECK(derived.published[0].path == derived.routes[0].path);
  CHECK(derived.routes[1].previous);
  REQUIRE(derived.advice.size() == 1);
  CHECK(derived.advice[0].reason == "PreviousSecretActive");
  CHECK(derived.advice[0].message ==
        "Secret s: deliveries signed with \"secret.previous\" are still accepted; remove that key "
        "once Bitbucket uses the new URL and secret");
  CHECK_FALSE(derived.advice[0].warning);

  both.secret.value = crypto::SecretString("");
  derived = derive(project_config({{"r", true, "s"}}), {{"s", both}});
  CHECK(derived.failures.size() == 1);
  REQUIRE(derived.routes.size() == 1);
  CHECK(derived.routes[0].previous);

  both = present(kValue);
  both.secret.previous = crypto::SecretString("");
  derived = derive(project_config({{"r", true, "s"}}), {{"s", both}});
  CHECK(derived.routes.size() == 1);
  REQUIRE(derived.advice.size() == 1);
  CHECK(derived.advice[0].reason == "SecretInvalid");
  CHECK(derived.advice[0].message ==
        "Secret s: the value of key \"secret.previous\" is empty and ignored; remove it");
}

TEST_CASE("a receiver whose Secret is unread takes no path from those beside it") {
  const DerivedReceivers derived =
      derive(project_config({{"before", true, "g"}, {"unread", true, "s"}, {"after", true, "g"}}),
             {{"s", unavailable(SecretState::Known::kNotRead)}, {"g", present(kValue)}});
  CHECK(derived.unread);
  CHECK(derived.incomplete);
  REQUIRE(derived.routes.size() == 2);
  CHECK(derived.routes[0].receiver == "before");
  CHECK(derived.routes[1].receiver == "after");
}

TEST_CASE("the routes of a receiver share how its Bitbucket is asked, and no URL depends on it") {
  SecretState with_token = present(kValue);
  with_token.secret.previous = crypto::SecretString("another-secret-of-decent-length");
  const auto owner = project_config({{"r", true, "s"}});
  const BitbucketHosts hosts;
  const auto derive_with = [&](const BitbucketHosts* allowed) {
    return derive_receivers(
        owner, [&](std::string_view) { return with_token; }, {"https://hooks.example.com", ""},
        allowed);
  };
  const DerivedReceivers without = derive_with(&hosts);
  CHECK_FALSE(without.routes.at(0).bitbucket);
  REQUIRE(without.tokens.size() == 1);
  CHECK(without.tokens[0].has_token == false);

  auto keys = std::make_shared<api::BitbucketKeys>();
  keys->token = crypto::SecretString("token");
  with_token.secret.bitbucket = keys;
  const DerivedReceivers with = derive_with(&hosts);
  CHECK(with.published == without.published);
  REQUIRE(with.routes.size() == 2);
  REQUIRE(with.routes[0].bitbucket);
  CHECK(with.routes[0].bitbucket == with.routes[1].bitbucket);
  CHECK(with.tokens.at(0).has_token == true);
  CHECK(with.advice.size() == without.advice.size());
  CHECK_FALSE(derive_with(nullptr).routes[0].bitbucket);

  keys->url = crypto::SecretString("https://evil.example.com");
  const DerivedReceivers refused = derive_with(&hosts);
  CHECK(refused.published == without.published);
  CHECK(refused.failures.empty());
  CHECK_FALSE(refused.routes.at(0).bitbucket);
  REQUIRE(refused.advice.size() == without.advice.size() + 1);
  CHECK(std::ranges::count(refused.advice, "BitbucketHostNotAllowed", &ReceiverAdvice::reason) ==
        1);
  CHECK(refused.cannot_register.empty());

  keys->registers = crypto::SecretString("true");
  CHECK(derive_with(&hosts).cannot_register == std::vector{refused.routes.at(0).receiver});
  keys->url = {};
  CHECK(derive_with(&hosts).cannot_register.empty());
}

}  // namespace receiver::controllers
