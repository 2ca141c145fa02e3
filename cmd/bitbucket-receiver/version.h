#pragma once

#include <string_view>

namespace receiver {

/// Of the project, such as 1.2.3.
[[nodiscard]] std::string_view version();
/// The commit it was built from, short; "unknown" outside a checkout.
[[nodiscard]] std::string_view commit();

}  // namespace receiver
