#include "cmd/receiverctl/bitbucket.h"

#include <catch2/catch.hpp>

namespace receiver::ctl {

TEST_CASE("a receiver's webhooks are known by its URLs and its mark") {
  const std::string base = "https://h/kargo/bitbucket/";
  ReceiverAccess access{base + crypto::sha256_hex({"demo", "bb", "secret"}),
                        crypto::SecretString("secret")};
  access.owner_uid = "uid-1";
  const auto wanted = webhook_of(access, "demo", "bb");
  CHECK(wanted.name == "Kargo demo/bb");
  CHECK(wanted.mark == bitbucket_rest::webhook_mark("uid-1", "bb"));
  CHECK(wanted.url == access.url);
  CHECK_FALSE(wanted.former_url);
  access.previous.emplace("former");
  CHECK(webhook_of(access, "demo", "bb").former_url ==
        base + crypto::sha256_hex({"demo", "bb", "former"}));
}

}  // namespace receiver::ctl
