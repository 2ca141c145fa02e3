#pragma once

#include <string>
#include <string_view>

/// What was built. In a file of their own: a new commit compiles this one anew, not the others.
namespace receiver {

[[nodiscard]] std::string_view version();  ///< of the project: 1.2.3
[[nodiscard]] std::string_view commit();   ///< short; "unknown" outside a checkout
/// `program/version (os/arch) commit`.
[[nodiscard]] std::string user_agent(std::string_view program);

}  // namespace receiver
