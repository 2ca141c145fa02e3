#include "cmd/receiverctl/trace.h"

#include <vector>

#include <catch2/catch.hpp>

#include "test/unit/cmd/receiverctl/terminal.h"

namespace receiver::ctl {

using namespace std::chrono_literals;

TEST_CASE("a request is told in one line, without what is secret or long") {
  CHECK(trace_line("GET", "https://h/p?limit=500", 200, 12ms + 900us) ==
        "GET https://h/p?limit=500 200 in 12 ms");
  CHECK(trace_line("GET", "https://h/p", 0, 30s) == "GET https://h/p no answer in 30000 ms");
  struct Row {
    const char* url;
    const char* shown;
  };
  for (const Row& row : std::vector<Row>{
           {"https://me:word@h:1/p", "https://h:1/p"},
           {"https://me@word@h/p", "https://h/p"},
           {"https://h/p@q?u=a@b", "https://h/p@q?u=a@b"},
           {"https://me:word@h", "https://h"},
           {"https://h/p?limit=5&continue=abc&x=y", "https://h/p?limit=5&continue=…&x=y"},
           {"https://h/p?continue=abc", "https://h/p?continue=…"},
           {"/p", "/p"}}) {
    CHECK(trace_line("GET", row.url, 200, 0ms) == std::string("GET ") + row.shown + " 200 in 0 ms");
  }
}

TEST_CASE("requests are told with -v only, those to Bitbucket, too") {
  Terminal terminal;
  const bitbucket_rest::ApiRequest request{"GET", "https://api.bitbucket.org/2.0/x", "body"};
  const bitbucket_rest::Send send = [](const bitbucket_rest::ApiRequest&) {
    return tl::expected<bitbucket_rest::ApiAnswer, bitbucket_rest::BitbucketError>(
        bitbucket_rest::ApiAnswer{.status = 404, .body = {}, .retry_after = {}, .location = {}});
  };
  CHECK_FALSE(trace_of(terminal.context));
  CHECK(traced(terminal.context, send)(request)->status == 404);
  CHECK(terminal.err.str().empty());
  terminal.context.verbose = true;
  CHECK(traced(terminal.context, send)(request)->status == 404);
  CHECK_THAT(terminal.err.str(), Catch::StartsWith("GET https://api.bitbucket.org/2.0/x 404 in ") &&
                                     Catch::EndsWith(" ms\n"));
}

}  // namespace receiver::ctl
