// Which URLs name one repository. The input is one URL or two, one per line.

#include <functional>
#include <string>

#include <fmt/format.h>

#include "git/repository.h"
#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

void check_url(std::string_view url) {
  const std::string normal = git::normalize(url);
  // Kargo's form is not a fixed point: it removes one `.git` and one slash. Each round removes
  // more.
  std::string last = normal;
  for (std::size_t round = 0; round <= normal.size(); ++round) {
    const std::string next = git::normalize(last);
    if (next == last) break;
    require(round < normal.size(), "normalising comes to an end");
    last = next;
  }

  constexpr std::string_view kSecure = "https://";
  if (url.starts_with(kSecure) && normal.starts_with(kSecure)) {  // else it has no host
    const std::string plain = "http://" + std::string(url.substr(kSecure.size()));
    require(git::identity(plain) == git::identity(url) || url.size() >= git::kMaxUrlBytes,
            "http and https are one repository");
  }

  const std::string shown = git::redacted(url);
  require(shown.size() <= 256 + 3, "what is logged of a URL is bounded");
  for (const char character : shown) {
    const auto byte = static_cast<unsigned char>(character);
    require(byte >= 0x20 && byte != 0x7F, "what is logged of a URL holds no control characters");
  }
}

/// A password in a URL must not appear in the log.
void check_redaction(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return;
  // A different one for each input: libFuzzer tries values that it sees in comparisons.
  const std::string password = fmt::format("password-{:016x}", std::hash<std::string_view>{}(url));
  std::string with_password(url);
  with_password.insert(scheme_end + 3, "user:" + password + "@");
  require(git::redacted(with_password).find(password) == std::string::npos,
          "a password in a URL is not logged");
}

}  // namespace

void fuzz(std::string_view input) {
  const std::size_t line = input.find('\n');
  const std::string_view first = input.substr(0, line);
  check_url(first);
  check_redaction(first);
  if (line == std::string_view::npos) return;

  const std::string_view second = input.substr(line + 1);
  check_url(second);
  if (git::normalize(first) == git::normalize(second)) {
    require(git::identity(first) == git::identity(second),
            "URLs that Kargo takes for one repository have one identity");
  }
}

}  // namespace receiver::fuzz
