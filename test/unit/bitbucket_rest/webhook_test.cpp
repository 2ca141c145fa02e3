#include "bitbucket_rest/webhook.h"

#include <catch2/catch.hpp>

namespace receiver::bitbucket_rest {
namespace {

const std::string kDigits(64, 'a');
const std::string kReceiverUrl = "https://hooks.example.com/kargo/bitbucket/" + kDigits;
constexpr const char* kReceiverSecret = "the-secret-of-the-receiver";

}  // namespace

TEST_CASE("names and marks name project and receiver, and fit into a title") {
  CHECK(webhook_name("demo", "bb") == "Kargo demo/bb");
  CHECK(webhook_name("", "bb") == "Kargo bb");
  CHECK(webhook_mark("uid-1", "bb") ==
        "[" + crypto::sha256_hex({"uid-1/bb"}).substr(0, 12) + "/bb]");
  // Another cluster's receiver of the same name, and another receiver of the same owner.
  CHECK(webhook_mark("uid-2", "bb") != webhook_mark("uid-1", "bb"));
  const std::string project(63, 'p');
  const std::string receiver(253, 'r');
  CHECK(webhook_mark("uid-1", receiver + "1") != webhook_mark("uid-1", receiver + "2"));
  CHECK((webhook_name(project, receiver) + " " + webhook_mark("uid-1", receiver)).size() <= 255);
}

TEST_CASE("two URLs lead to one place if nothing but their spelling differs") {
  const std::string place = place_of(kReceiverUrl);
  const std::string path = "/kargo/bitbucket/" + kDigits;
  for (const std::string& same :
       {"HTTPS://HOOKS.example.com" + path, "https://hooks.example.com:443" + path}) {
    INFO(same);
    CHECK(place_of(same) == place);
  }
  for (const std::string& other :
       {"http://hooks.example.com" + path, "https://hooks.example.com:8443" + path,
        "https://hooks2.example.com" + path, "https://hooks.example.com/bitbucket/" + kDigits,
        "https://hooks.example.com/staging/kargo/bitbucket/" + kDigits,
        "https://me@hooks.example.com" + path, kReceiverUrl + "?a=b", kReceiverUrl + "/",
        std::string("no URL: %"), std::string()}) {
    INFO(other);
    CHECK(place_of(other) != place);
  }
  CHECK(place_of("http://a:80/b") == place_of("http://a/b"));
}

TEST_CASE("URLs are shown without what cannot be guessed") {
  CHECK(masked_url(kReceiverUrl) == "https://hooks.example.com/kargo/bitbucket/aaaaaaaa…");
  CHECK(masked_url("https://a:b@ci.example.com:8443/job/token?x=y") ==
        "https://ci.example.com:8443/…");
  CHECK(masked_url("https://ci.example.com/bitbucket/abc") == "https://ci.example.com/…");
  CHECK(masked_url("https://ci%80.example.com/job") == "https://ci�.example.com/…");
  CHECK(masked_url("") == "…");
  CHECK(masked_url("nonsense") == "…");
}

TEST_CASE("a server's text is shown without secrets, control characters and beyond a length") {
  CHECK(masked_text("url " + kReceiverUrl + " is bad", kReceiverSecret) ==
        "url https://hooks.example.com/kargo/bitbucket/aaaaaaaa… is bad");
  CHECK(masked_text("secret the-secret-of-the-receiver is short", kReceiverSecret) ==
        "secret … is short");
  CHECK(masked_text("a\nb\x1b[31mc", "") == R"(a\nb\u001b[31mc)");
  const std::string cut = masked_text(std::string(499, '-') + "ééé", "");
  CHECK(cut == std::string(499, '-') + "é…");
  CHECK(masked_text("a\x80\xc3 é\xc2\x9b"
                    "31m \xed\xa0\x80\xe2\x82",
                    "") == "a\ufffd\ufffd é\\u009b31m \ufffd\ufffd\ufffd\ufffd\ufffd");
  CHECK(masked_text(std::string(1'000'000, '\x80'), "").size() < 600);
}

}  // namespace receiver::bitbucket_rest
