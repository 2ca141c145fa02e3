#include "bitbucket_rest/questions.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "json/reader.h"
#include "text/unicode.h"

namespace receiver::bitbucket_rest {
namespace {

using bitbucket::Commit;
using bitbucket::Source;
using json::Reader;

constexpr int kChangesPerPage = 1000;
constexpr int kCommitsPerPage = 100;  // Cloud's upper bound
constexpr std::string_view kBranchPrefix = "refs/heads/";

bool is_cloud(const Repository& repository) {
  return repository.product == Source::kCloud;
}

ApiRequest changes_request(const Repository& repository, const Commit& commit) {
  const auto& [hash, parent] = commit;
  if (is_cloud(repository)) {
    // The commit with the changes comes first. Both defaults have changed over the years.
    const std::string spec = parent.empty() ? hash : fmt::format("{}..{}", hash, parent);
    return first_page(repository, fmt::format("{}/diffstat/{}", api_url(repository), spec),
                      "topic=false&renames=false", kChangesPerPage);
  }
  return first_page(
      repository, api_url(repository) + "/changes",
      parent.empty() ? "until=" + hash : fmt::format("since={}&until={}", parent, hash),
      kChangesPerPage);
}

ApiRequest commits_request(const Repository& repository, const std::string& new_hash,
                           const std::string& old_hash) {
  const bool of_cloud = is_cloud(repository);
  std::string query = (of_cloud ? "include=" : "until=") + new_hash;
  if (!old_hash.empty()) query += (of_cloud ? "&exclude=" : "&since=") + old_hash;
  return first_page(repository, api_url(repository) + "/commits", query,
                    old_hash.empty() ? 1 : kCommitsPerPage);
}

/// The paths of one change; none is empty.
struct Change {
  std::string before;
  std::string after;
  bool is_told = false;
};

Change read_cloud_change(Reader& in) {
  Change change;
  bool is_odd = false;
  // An end is an object with a path, or null where there is none.
  const auto read_end = [&](std::string& path) {
    path.clear();
    const bool is_there = in.at('{');
    is_odd = is_odd || (!is_there && !in.at('n'));
    in.strings({{"path", path}});
    is_odd = is_odd || (is_there && path.empty());
  };
  in.object([&](std::string_view member) {
    if (member == "old") {
      read_end(change.before);
    } else if (member == "new") {
      read_end(change.after);
    } else {
      in.skip();
    }
  });
  change.is_told = !is_odd && !(change.before.empty() && change.after.empty());
  return change;
}

/// `{"components": […], "toString": …}`; empty if it cannot be read.
std::string read_data_center_path(Reader& in) {
  std::string whole;
  std::string joined;
  in.object([&](std::string_view member) {
    if (member == "toString") {
      whole = in.string();
    } else if (member == "components") {
      joined.clear();
      bool is_odd = false;
      in.array([&] {
        const std::string component = in.string();
        is_odd = is_odd || component.empty();
        if (!joined.empty()) joined += '/';
        joined += component;
      });
      if (is_odd) joined.clear();
    } else {
      in.skip();
    }
  });
  return whole.empty() ? joined : whole;
}

Change read_data_center_change(Reader& in) {
  Change change;
  std::string type;
  in.object([&](std::string_view member) {
    if (member == "type") {
      type = in.string();
    } else if (member == "path") {
      change.after = read_data_center_path(in);
    } else if (member == "srcPath") {
      change.before = read_data_center_path(in);
    } else {
      in.skip();
    }
  });
  const bool has_source = type == "MOVE" || type == "COPY";
  const bool is_known = has_source || type == "ADD" || type == "DELETE" || type == "MODIFY";
  change.is_told = is_known && !change.after.empty() && (!has_source || !change.before.empty());
  return change;
}

}  // namespace

// Changed files -------------------------------------------------------------------------------

ChangedFiles::ChangedFiles(Repository repository, const Commit& commit, unsigned max_requests)
    : Question(std::move(repository), Purpose::kRead, {max_requests, kMaxAnswerBytes}) {
  ask(changes_request(this->repository(), commit));
}

void ChangedFiles::read(const ApiRequest& asked, const std::string& body) {
  const bool of_cloud = is_cloud(repository());
  const std::size_t before = changes_;
  bool all_told = true;
  const auto page = read_list(body, [&](Reader& in) {
    Change change = of_cloud ? read_cloud_change(in) : read_data_center_change(in);
    ++changes_;
    all_told = all_told && change.is_told;
    for (std::string* path : {&change.before, &change.after}) {
      if (!path->empty()) paths_.insert(std::move(*path));
    }
  });
  if (!page || (!of_cloud && !page->is_last)) {
    fail(ApiFailure::kUnexpected, "the list of changed files is not a list");
    return;
  }
  if (!all_told) {
    fail(ApiFailure::kUnknown, "Bitbucket does not list every changed file");
    return;
  }
  if (changes_ >= kMaxChanges) {
    fail(ApiFailure::kUnknown, fmt::format("{} or more files changed", kMaxChanges));
    return;
  }
  auto next = next_page(repository(), asked, *page);
  if (!next) {
    fail(ApiFailure::kUnknown, "the list of changed files " + next.error());
  } else if (*next && changes_ > before) {
    ask(**std::move(next));
  } else if (*next || changes_ == 0) {
    fail(ApiFailure::kUnknown, "Bitbucket lists no changed file");
  } else {
    end({paths_.begin(), paths_.end()});
  }
}

// First parents -------------------------------------------------------------------------------

FirstParents::FirstParents(Repository repository, std::string new_hash, std::string old_hash,
                           unsigned max_requests)
    : Question(std::move(repository), Purpose::kRead, {max_requests, kMaxAnswerBytes}),
      new_hash_(std::move(new_hash)),
      old_hash_(std::move(old_hash)) {
  ask(commits_request(this->repository(), new_hash_, old_hash_));
}

void FirstParents::read(const ApiRequest& asked, const std::string& body) {
  const std::size_t before = known_.size();
  const auto page = read_list(body, [&](Reader& in) {
    auto commit = bitbucket::read_commit(in, repository().product);
    if (commit && known_.size() < std::size_t{kMaxRequests} * kCommitsPerPage) {
      known_.push_back(*std::move(commit));
    }
  });
  if (!page) {
    fail(ApiFailure::kUnexpected, "the list of commits is not a list");
    return;
  }
  if (old_hash_.empty()) {
    if (known_.empty()) {
      fail(ApiFailure::kUnknown, "Bitbucket does not return the commit");
    } else {
      end({known_.front()});
    }
    return;
  }
  auto walk = bitbucket::walk_first_parents(known_, new_hash_, old_hash_);
  if (walk.reached) {
    end(std::move(walk.commits));
    return;
  }
  auto next = next_page(repository(), asked, *page);
  if (!next) {
    fail(ApiFailure::kUnknown, "the list of commits " + next.error());
  } else if (*next && known_.size() > before && walk.commits.size() < bitbucket::kMaxSteps) {
    ask(**std::move(next));
  } else {
    fail(ApiFailure::kUnknown,
         fmt::format("the former commit is not among the last {} on the branch",
                     bitbucket::kMaxSteps));
  }
}

// Default branch ------------------------------------------------------------------------------

DefaultBranch::DefaultBranch(Repository repository, unsigned max_requests)
    : Question(std::move(repository), Purpose::kRead, {max_requests, kMaxAnswerBytes}) {
  const std::string url = api_url(this->repository());
  ask({"GET", is_cloud(this->repository()) ? url : url + "/default-branch", ""});
}

void DefaultBranch::read(const ApiRequest& /*asked*/, const std::string& body) {
  std::string name;
  Reader in(body);
  if (is_cloud(repository())) {
    in.member("mainbranch", [&] {
      name.clear();
      in.strings({{"name", name}});
    });
    if (!name.empty()) name.insert(0, kBranchPrefix);
  } else {
    in.strings({{"id", name}});
  }
  if (!in.finish().empty() || !text::is_utf8(body)) {
    fail(ApiFailure::kUnexpected, "the answer is not a repository");
  } else if (!name.starts_with(kBranchPrefix) || name.size() == kBranchPrefix.size()) {
    fail(ApiFailure::kUnknown, "Bitbucket does not return the default branch");
  } else {
    end(std::move(name));
  }
}

void DefaultBranch::failed(BitbucketError error) {
  // Data Center has known it by this name only for some versions.
  if (error.kind == ApiFailure::kNotFound && !is_cloud(repository()) &&
      !std::exchange(asked_elsewhere_, true)) {
    ask({"GET", api_url(repository()) + "/branches/default", ""});
    return;
  }
  Question::failed(std::move(error));
}

}  // namespace receiver::bitbucket_rest
