#include "text/small_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace receiver::text {
namespace {

/// Read buffer for files that do not know their size, such as pipes and /proc.
constexpr std::size_t kLeastRoom = 4UL * 1024;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<std::string> last_error() {
  return tl::unexpected(std::generic_category().message(errno));
}

}  // namespace

tl::expected<std::string, std::string> read_small_file(const std::string& path,
                                                       std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about {};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0) return last_error();
  // With room for one more byte than the file has, the read finds the end without growing.
  const auto room = std::max(static_cast<std::size_t>(about.st_size), kLeastRoom);
  std::string content(std::min(room, max_bytes) + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    const ssize_t count = ::read(file.get(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    size += static_cast<std::size_t>(count);
    if (size > max_bytes) return tl::unexpected(fmt::format("larger than {} bytes", max_bytes));
    if (count == 0) break;
    if (size == content.size()) content.resize(std::min(2 * size, max_bytes + 1));
  }
  content.resize(size);
  return content;
}

}  // namespace receiver::text
