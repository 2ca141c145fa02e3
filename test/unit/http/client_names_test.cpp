#include <atomic>
#include <dlfcn.h>
#include <netdb.h>
#include <semaphore>
#include <string_view>

#include <catch2/catch.hpp>

#include "test/unit/http/client_fixture.h"

namespace {

constexpr std::string_view kSilentName = "silent.invalid";
std::atomic<int> lookups_of_silent_name{0};
std::counting_semaphore<> answers_of_silent_name{0};

/// As long as it lives, look-ups of the name wait until an answer is released.
struct Silence {
  Silence() {
    lookups_of_silent_name = 0;
    while (answers_of_silent_name.try_acquire()) continue;  // left by others
  }
  ~Silence() { answers_of_silent_name.release(100); }  // waits for the client's thread
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
};

}  // namespace

/// Replaces the system's function: the name servers of this name stay silent as long as a test
/// wants.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** results) {
  if (node != nullptr && node == kSilentName) {
    ++lookups_of_silent_name;
    answers_of_silent_name.acquire();
    return EAI_FAIL;
  }
  static const auto system =
      reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return system(node, service, hints, results);
}

namespace receiver::http {

TEST_CASE("one lookup of the server's name is under way, however many have given up waiting") {
  ClientFixture test(ClientOptions{.scheme = "http", .host = std::string(kSilentName), .port = 80});
  const Silence silence;
  for (int i = 0; i < 3; ++i) {
    const auto one = test.start_get("/", 20ms);
    const auto another = test.start_get("/", 20ms);
    CHECK(outcome(test.finish(one)) == "timeout");
    CHECK(outcome(test.finish(another)) == "timeout");
  }
  const auto waiting = test.start_get();
  test.run_until([] { return lookups_of_silent_name > 0; });
  answers_of_silent_name.release();
  const auto failed = test.finish(waiting);
  REQUIRE(outcome(failed) == "connect");
  CHECK_THAT(failed.error().message, Catch::Contains("cannot resolve the name"));
  CHECK(lookups_of_silent_name == 1);
  // The next one asks again.
  answers_of_silent_name.release();
  CHECK(outcome(test.get()) == "connect");
  CHECK(lookups_of_silent_name == 2);
}

TEST_CASE("a client that is destroyed while its name is looked up leaves no wait behind") {
  ClientFixture test(ClientOptions{.scheme = "http", .host = std::string(kSilentName), .port = 80});
  const Silence silence;
  const auto waiting = test.start_get();
  test.run_until([] { return lookups_of_silent_name > 0; });
  test.destroy_client();
  CHECK(outcome(test.finish(waiting)) == "closed");
}

}  // namespace receiver::http
