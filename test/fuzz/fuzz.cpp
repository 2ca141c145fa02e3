#include "test/fuzz/fuzz.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace receiver::fuzz {

void require(bool kept, std::string_view promise) {
  if (kept) return;
  std::fprintf(stderr, "BROKEN PROMISE: %.*s\n", static_cast<int>(promise.size()), promise.data());
  std::abort();
}

void require_equal(std::string_view left, std::string_view right, std::string_view promise) {
  if (left == right) return;
  for (const std::string_view text : {left, right}) {
    std::fprintf(stderr, "---\n%.*s\n", static_cast<int>(text.size()), text.data());
  }
  require(false, promise);
}

void for_each_cut(std::string_view input, const std::function<void(const Cut&)>& examine) {
  examine([](std::size_t remaining) { return remaining; });
  examine([](std::size_t) { return std::size_t{1}; });
  std::minstd_rand random(static_cast<unsigned>(std::hash<std::string_view>{}(input)));
  for (const std::size_t largest : {4U, 40U, 400U}) {
    examine([&](std::size_t remaining) {
      return std::min(remaining, std::uniform_int_distribution<std::size_t>(1, largest)(random));
    });
  }
}

}  // namespace receiver::fuzz

/// libFuzzer requires this name.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  receiver::fuzz::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
