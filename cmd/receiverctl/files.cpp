#include "cmd/receiverctl/files.h"

#include <istream>
#include <ostream>
#include <sys/stat.h>
#include <utility>

#include <fmt/format.h>

#include "text/small_file.h"

namespace receiver::ctl {
namespace {

Result<std::string> read_standard_input(std::istream& in) {
  std::string text(kMaxInputBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return unreachable("cannot read standard input");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxInputBytes) {
    return unreachable(fmt::format("standard input: larger than {} bytes", kMaxInputBytes));
  }
  return text;
}

}  // namespace

Result<std::string> read_input(Context& context, const std::string& path) {
  if (path == "-") return read_standard_input(context.in);
  auto text = text::read_small_file(path, kMaxInputBytes);
  if (!text) return unreachable(fmt::format("cannot read {}: {}", path, text.error()));
  return std::move(*text);
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
    context.err << fmt::format("warning: other users can read {}: chmod 600 {}\n", path, path);
  }
  return read_input(context, path);
}

Result<crypto::SecretString> read_secret(Context& context, const std::string& path) {
  auto text = read_private(context, path);
  if (!text) return tl::unexpected(text.error());
  if (text->empty()) return unreachable(path + ": is empty, which is not a secret");
  if (text->ends_with('\n')) {
    context.err << fmt::format(
        "warning: {} ends in a newline, which is taken as part of the secret; write it with "
        "`printf %s`\n",
        path == "-" ? "standard input" : path);
  }
  return crypto::SecretString(std::move(*text));
}

}  // namespace receiver::ctl
