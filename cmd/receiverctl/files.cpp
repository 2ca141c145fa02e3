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
  if (in.bad()) return unreachable(fmt::format("{}: cannot be read", name));
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
    return unreachable(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  if (S_ISDIR(about.st_mode)) return unreachable(path + ": is a directory");
  return read_all(file, path);
}

Result<crypto::SecretString> read_secret(Context& context, const std::string& path) {
  auto text = read_input(context, path);
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
