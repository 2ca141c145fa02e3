#include "cmd/receiverctl/files.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <istream>
#include <iterator>
#include <ostream>
#include <sys/stat.h>

#include <fmt/format.h>

namespace receiver::ctl {
namespace {

Result<std::string> read_all(std::istream& in, const std::string& name) {
  std::string text(kMaxInputBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return unreachable(fmt::format("cannot read {}", name));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxInputBytes) {
    return unreachable(fmt::format("{}: larger than {} bytes", name, kMaxInputBytes));
  }
  return text;
}

}  // namespace

Result<std::string> read_input(Context& context, const std::string& path) {
  if (path == "-") return read_all(context.in, "standard input");
  struct stat about {};
  std::ifstream file(path, std::ios::binary);
  if (!file || ::stat(path.c_str(), &about) != 0) {
    return unreachable(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  if (S_ISDIR(about.st_mode)) return unreachable(fmt::format("cannot read {}: a directory", path));
  return read_all(file, path);
}

Result<std::string> read_optional(Context& context, const std::string& path) {
  if (path.empty()) return std::string();
  auto text = read_input(context, path);
  if (text && text->empty()) return unreachable(path + " is empty");
  return text;
}

Result<std::string> read_private(Context& context, const std::string& path) {
  constexpr mode_t kOfOthers = S_IRWXG | S_IRWXO;
  struct stat about {};
  const bool is_file = path != "-" && ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
  if (is_file && (about.st_mode & kOfOthers) != 0) {
    context.err << fmt::format("warning: others than its owner can read {}: chmod 600 {}\n", path,
                               path);
  }
  return read_input(context, path);
}

Result<crypto::SecretString> read_secret(Context& context, const std::string& path) {
  auto text = read_private(context, path);
  if (!text) return tl::unexpected(text.error());
  if (text->empty()) return unreachable(path + ": is empty, and so no secret");
  if (text->ends_with('\n')) {
    context.err << fmt::format(
        "warning: {} ends in a newline, which is taken as part of the secret; write it with "
        "`printf %s`\n",
        path == "-" ? "standard input" : path);
  }
  return crypto::SecretString(std::move(*text));
}

}  // namespace receiver::ctl
