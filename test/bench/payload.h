#pragma once

#include <string>
#include <string_view>

namespace receiver::bench {

/// The body of Bitbucket Cloud's `repo:push` for one updated branch, with two commits and all links
/// of a real one: about 8 KB. `repository` is `workspace/slug`.
[[nodiscard]] std::string long_cloud_push(std::string_view repository, std::string_view branch);

/// The body of Data Center's `repo:refs_changed` for a branch `main` with one new commit on top of
/// `parent`, like a real one: about 3 KB.
[[nodiscard]] std::string long_data_center_push(std::string_view clone_url, std::string_view commit,
                                                std::string_view parent);

}  // namespace receiver::bench
