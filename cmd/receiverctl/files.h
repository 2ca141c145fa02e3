#pragma once

#include <string>

#include "cmd/receiverctl/context.h"
#include "crypto/crypto.h"

namespace receiver::ctl {

/// More than any payload of Bitbucket's.
inline constexpr std::size_t kMaxInputBytes = 16 * 1024 * 1024;

/// The whole file; standard input if the path is `-`.
[[nodiscard]] Result<std::string> read_input(Context& context, const std::string& path);

/// The same of a file that may be left out: empty if the path is. An empty file is an error.
[[nodiscard]] Result<std::string> read_optional(Context& context, const std::string& path);

/// The same of a token or a secret: a file that others than its owner can read is told of on
/// `context.err`.
[[nodiscard]] Result<std::string> read_private(Context& context, const std::string& path);

/// A secret's value, byte for byte. A newline at its end, which editors and `echo` leave there, is
/// told of on `context.err`: Kubernetes and Bitbucket would have to hold it, too.
[[nodiscard]] Result<crypto::SecretString> read_secret(Context& context, const std::string& path);

}  // namespace receiver::ctl
