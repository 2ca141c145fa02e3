#pragma once

#include <string>

#include "cmd/receiverctl/context.h"
#include "crypto/crypto.h"

namespace receiver::ctl {

/// More than any payload of Bitbucket.
inline constexpr std::size_t kMaxInputBytes = 16 * 1024 * 1024;

/// The whole file; standard input if the path is `-`.
[[nodiscard]] Result<std::string> read_input(Context& context, const std::string& path);

/// Reads an optional file: empty if the path is empty. An empty file is an error.
[[nodiscard]] Result<std::string> read_optional(Context& context, const std::string& path);

/// Reads a token or a secret: warns on `context.err` if other users can read the file.
[[nodiscard]] Result<std::string> read_private(Context& context, const std::string& path);

/// Reads a secret's value, byte for byte. Warns on `context.err` about a newline at its end, which
/// editors and `echo` add: Kubernetes and Bitbucket would need it too.
[[nodiscard]] Result<crypto::SecretString> read_secret(Context& context, const std::string& path);

}  // namespace receiver::ctl
