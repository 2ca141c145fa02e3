#include "text/small_file.h"

#include <array>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace receiver::text {
namespace {

std::string path_of(int descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

/// A file in memory, which ends with this object.
class File {
 public:
  explicit File(std::string_view content) : descriptor_(memfd_create("small", 0)) {
    REQUIRE(::write(descriptor_, content.data(), content.size()) ==
            static_cast<ssize_t>(content.size()));
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] std::string path() const { return path_of(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

TEST_CASE("a file is read whole, up to its bound") {
  for (const std::size_t size : {0UL, 1UL, 4095UL, 4096UL, 4097UL, 100'000UL}) {
    CAPTURE(size);
    const std::string content(size, 'x');
    const File file(content);
    CHECK(read_small_file(file.path(), 100'000) == content);
    if (size > 0) {
      CHECK(read_small_file(file.path(), size) == content);
      CHECK(read_small_file(file.path(), size - 1).error() ==
            "larger than " + std::to_string(size - 1) + " bytes");
    }
  }
  CHECK(read_small_file(File(std::string(kMaxFileBytes, 'x')).path())->size() == kMaxFileBytes);
  CHECK(read_small_file(File(std::string(kMaxFileBytes + 1, 'x')).path()).error() ==
        "larger than 1048576 bytes");
}

TEST_CASE("what has no size is read to its end, too") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const std::string content(20'000, 'x');
  REQUIRE(::write(ends[1], content.data(), content.size()) == 20'000);
  ::close(ends[1]);
  CHECK(read_small_file(path_of(ends[0])) == content);
  ::close(ends[0]);
}

TEST_CASE("the error says why a file cannot be read") {
  CHECK(read_small_file("/nowhere/at/all").error() == "No such file or directory");
  CHECK(read_small_file("/").error() == "Is a directory");
}

}  // namespace receiver::text
