#pragma once

#include <string>
#include <string_view>

namespace receiver::bench {

/// The body of Bitbucket Cloud's `repo:push` for one updated branch, with two commits and all the
/// links that the real thing has: about 8 KB. `repository` is `workspace/slug`.
[[nodiscard]] std::string long_cloud_push(std::string_view repository, std::string_view branch);

}  // namespace receiver::bench
