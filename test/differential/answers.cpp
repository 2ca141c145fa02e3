#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "test/differential/bitbucket.h"
#include "text/ascii.h"
#include "text/percent.h"

namespace receiver::test {
namespace {

using bitbucket_rest::ApiAnswer;
using bitbucket_rest::ApiRequest;

ApiAnswer failed(const Bitbucket& bitbucket, unsigned status, std::string_view message,
                 std::string_view exception) {
  const std::string text = json_text(bitbucket, message);
  if (bitbucket.is_cloud()) {
    return {
        status, fmt::format(R"({{"type": "error", "error": {{"message": {}}}}})", text), {}, {}};
  }
  return {status,
          fmt::format(R"({{"errors": [{{"context": null, "message": {}, )"
                      R"("exceptionName": "com.atlassian.bitbucket.{}"}}]}})",
                      text, exception),
          {},
          {}};
}

ApiAnswer refused(const Bitbucket& bitbucket, std::string_view message) {
  return failed(bitbucket, 400, message, "validation.ArgumentValidationException");
}

ApiAnswer unknown_commit(const Bitbucket& bitbucket, std::string_view name) {
  return failed(bitbucket, 404, fmt::format("Commit '{}' does not exist", name),
                "commit.NoSuchCommitException");
}

/// The address of a request, below that of the repository.
struct Address {
  std::string base;  ///< without the query
  std::string path;
  std::map<std::string, std::string> query;
};

std::string repository_url(const Bitbucket& bitbucket) {
  const auto& [product, server, owner, slug] = bitbucket.repository;
  return bitbucket.is_cloud()
             ? fmt::format("{}/2.0/repositories/{}/{}", server, owner, slug)
             : fmt::format("{}/rest/api/latest/projects/{}/repos/{}", server, owner, slug);
}

/// Nothing if it is malformed, or elsewhere.
std::optional<Address> parse_address(const Bitbucket& bitbucket, std::string_view url) {
  const std::string repository = repository_url(bitbucket);
  const std::size_t mark = std::min(url.find('?'), url.size());
  Address address{.base = std::string(url.substr(0, mark)), .path = {}, .query = {}};
  if (!address.base.starts_with(repository)) return std::nullopt;
  address.path = address.base.substr(repository.size());
  std::string_view rest = url.substr(std::min(mark + 1, url.size()));
  while (!rest.empty()) {
    const std::string_view parameter = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(parameter.size() + 1, rest.size()));
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const auto value = text::percent_decode(parameter.substr(equals + 1));
    const std::string name(parameter.substr(0, equals));
    if (!value || !address.query.emplace(name, *value).second) return std::nullopt;
  }
  return address;
}

/// The value of a parameter, which counts as known afterwards; empty if it is absent.
std::string take(Address& address, const std::string& name) {
  const auto found = address.query.find(name);
  if (found == address.query.end()) return {};
  std::string value = found->second;
  address.query.erase(found);
  return value;
}

std::optional<std::size_t> find_commit(const Bitbucket& bitbucket, const std::string& name,
                                       std::size_t push) {
  const History& history = bitbucket.history;
  const HistoryPush& now = history.pushes[push];
  const auto known = std::ranges::find(history.commits, name, &Commit::hash);
  std::size_t number = static_cast<std::size_t>(known - history.commits.begin());
  if (known == history.commits.end()) {
    const auto tag = std::ranges::find(history.tag_objects, name, &TagObject::hash);
    const bool is_known = tag != history.tag_objects.end() && !bitbucket.is_cloud() &&
                          bitbucket.traits.knows_tag_objects;
    if (!is_known) return std::nullopt;
    number = tag->commit;
  }
  if (number >= now.commits_after) return std::nullopt;
  if (bitbucket.traits.forgets_commits) {
    const bool is_reachable = std::ranges::any_of(now.refs_after, [&](const auto& ref) -> bool {
      return ancestors(history, ref.second.commit)[number];
    });
    if (!is_reachable) return std::nullopt;
  }
  return number;
}

// Pages ---------------------------------------------------------------------------------------

struct Lengths {
  std::size_t usual = 0;
  std::size_t longest = 0;
};

ApiAnswer cloud_page(const Bitbucket& bitbucket, Address& address,
                     const std::vector<std::string>& values, Lengths lengths) {
  // Its `next` contains the request's query, and an extra parameter.
  std::string query;
  for (const auto& [name, value] : address.query) {
    if (name != "page" && name != "ctx") query += fmt::format("{}={}&", name, value);
  }
  const std::string asked_text = take(address, "pagelen");
  const std::string place_text = take(address, "page");
  const std::string context = take(address, "ctx");
  const auto asked = text::parse_number<std::size_t>(asked_text.empty() ? "0" : asked_text);
  const auto place = text::parse_number<std::size_t>(place_text.empty() ? "1" : place_text);
  if (!asked || (*asked == 0 && !asked_text.empty()) || *asked > lengths.longest) {
    return refused(bitbucket, "Invalid pagelen");
  }
  if (!place || *place == 0 || (*place > 1) != (context == "b0a7c1d2")) {
    return refused(bitbucket, "Invalid page");
  }
  for (const char* name : {"topic", "renames", "include", "exclude"}) (void)take(address, name);
  if (!address.query.empty()) return refused(bitbucket, "Unknown parameter");
  const std::size_t length =
      std::min(*asked == 0 ? lengths.usual : *asked, bitbucket.traits.page_length);
  const std::size_t begin = std::min((*place - 1) * length, values.size());
  const std::size_t end = std::min(begin + length, values.size());
  std::string next;
  if (end < values.size()) {
    next = fmt::format(R"(, "next": "{}?{}ctx=b0a7c1d2&page={}")", address.base, query, *place + 1);
  }
  return {200,
          fmt::format(R"({{"values": [{}], "pagelen": {}, "page": {}{}}})",
                      fmt::join(values.begin() + static_cast<std::ptrdiff_t>(begin),
                                values.begin() + static_cast<std::ptrdiff_t>(end), ", "),
                      length, *place, next),
          {},
          {}};
}

ApiAnswer data_center_page(const Bitbucket& bitbucket, Address& address,
                           const std::vector<std::string>& values, Lengths lengths,
                           std::size_t most) {
  const std::string asked_text = take(address, "limit");
  const std::string start_text = take(address, "start");
  const auto asked = text::parse_number<std::size_t>(asked_text.empty() ? "25" : asked_text);
  const auto start = text::parse_number<std::size_t>(start_text.empty() ? "0" : start_text);
  for (const char* name : {"since", "until"}) (void)take(address, name);
  if (!asked || *asked == 0 || !start || !address.query.empty()) {
    return refused(bitbucket, "a parameter is unknown, or out of range");
  }
  const std::size_t told = std::min(most, values.size());
  const std::size_t length = std::min({*asked, lengths.longest, bitbucket.traits.page_length});
  const std::size_t begin = std::min(*start, told);
  const std::size_t end = std::min(begin + length, told);
  const bool is_cut = told < values.size() && !bitbucket.traits.ends_at_most_changes;
  const bool last = end == told && !is_cut;
  return {200,
          fmt::format(R"({{"values": [{}], "size": {}, "isLastPage": {}, "start": {}, )"
                      R"("limit": {}, "nextPageStart": {}}})",
                      fmt::join(values.begin() + static_cast<std::ptrdiff_t>(begin),
                                values.begin() + static_cast<std::ptrdiff_t>(end), ", "),
                      end - begin, last, *start, length, last ? "null" : std::to_string(end)),
          {},
          {}};
}

ApiAnswer page(const Bitbucket& bitbucket, Address& address, const std::vector<std::string>& values,
               Lengths lengths, std::size_t most) {
  return bitbucket.is_cloud() ? cloud_page(bitbucket, address, values, lengths)
                              : data_center_page(bitbucket, address, values, lengths, most);
}

// Changed files -------------------------------------------------------------------------------

/// A changed file. Both are there if it was modified, renamed or copied.
struct Change {
  const Tree::value_type* before = nullptr;
  const Tree::value_type* after = nullptr;
  bool is_copy = false;
};

const Tree::value_type* entry_of(const Tree& tree, const std::string& path) {
  const auto found = tree.find(path);
  return found == tree.end() ? nullptr : &*found;
}

/// Renames and copies, if they are detected, have unchanged content.
std::vector<Change> changes_of(const Tree& before, const Tree& after, bool finds_renames,
                               bool finds_copies) {
  std::vector<Change> changes;
  for (const std::string& path : differing_paths(before, after)) {
    changes.push_back({entry_of(before, path), entry_of(after, path)});
  }
  if (!finds_renames) return changes;
  for (Change& added : changes) {
    if (added.before != nullptr || added.after == nullptr) continue;
    for (Change& removed : changes) {
      if (removed.after != nullptr || removed.before == nullptr) continue;
      if (removed.before->second != added.after->second) continue;
      added.before = removed.before;
      removed.before = nullptr;
      break;
    }
    if (added.before != nullptr || !finds_copies) continue;
    const auto source = std::ranges::find(before, added.after->second, &Tree::value_type::second);
    if (source == before.end()) continue;
    added.before = &*source;
    added.is_copy = true;
  }
  std::erase_if(changes, [](const Change& change) {
    return change.before == nullptr && change.after == nullptr;
  });
  return changes;
}

std::string cloud_end(const Bitbucket& bitbucket, const Tree::value_type* file) {
  if (file == nullptr) return "null";
  const auto keeps = [](char character) {
    return text::is_unreserved(character) || character == '/';
  };
  return fmt::format(
      R"({{"path": {}, "type": "commit_file", "escaped_path": "{}", "links": {{}}}})",
      json_text(bitbucket, file->first), text::percent_encode(file->first, keeps));
}

std::string cloud_document(const Bitbucket& bitbucket, const Change& change) {
  const std::string_view status = change.before == nullptr                      ? "added"
                                  : change.after == nullptr                     ? "removed"
                                  : change.before->first == change.after->first ? "modified"
                                                                                : "renamed";
  return fmt::format(R"({{"type": "diffstat", "lines_added": 1, "lines_removed": 0, )"
                     R"("status": "{}", "old": {}, "new": {}}})",
                     status, cloud_end(bitbucket, change.before),
                     cloud_end(bitbucket, change.after));
}

std::string data_center_path(const Bitbucket& bitbucket, const std::string& path) {
  std::vector<std::string> components;
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view component = rest.substr(0, rest.find('/'));
    components.push_back(json_text(bitbucket, component));
    rest.remove_prefix(std::min(component.size() + 1, rest.size()));
  }
  const std::string whole = bitbucket.traits.tells_path_text
                                ? fmt::format(R"(, "toString": {})", json_text(bitbucket, path))
                                : "";
  return fmt::format(R"({{"components": [{}], "name": {}{}}})", fmt::join(components, ", "),
                     components.back(), whole);
}

std::string data_center_document(const Bitbucket& bitbucket, const Change& change) {
  constexpr std::uint32_t kSubmodule = 0160000;
  constexpr std::uint32_t kExecutable = 0100755;
  const auto& named = change.after != nullptr ? *change.after : *change.before;
  const bool has_source = change.before != nullptr && change.before->first != named.first;
  const std::string_view type = change.before == nullptr  ? "ADD"
                                : change.after == nullptr ? "DELETE"
                                : change.is_copy          ? "COPY"
                                : has_source              ? "MOVE"
                                                          : "MODIFY";
  const std::string source =
      has_source
          ? fmt::format(R"("srcPath": {}, )", data_center_path(bitbucket, change.before->first))
          : "";
  return fmt::format(
      R"({{"contentId": "{:040x}", "path": {}, {}"executable": {}, "percentUnchanged": -1, )"
      R"("type": "{}", "nodeType": "{}", "links": {{}}, "properties": {{}}}})",
      named.second.content, data_center_path(bitbucket, named.first), source,
      named.second.mode == kExecutable, type,
      named.second.mode == kSubmodule ? "SUBMODULE" : "FILE");
}

/// The newest common ancestor of both.
std::optional<std::size_t> merge_base(const History& history, std::size_t one, std::size_t other) {
  const auto left = ancestors(history, one);
  const auto right = ancestors(history, other);
  for (std::size_t i = left.size(); i-- > 0;) {
    if (left[i] && right[i]) return i;
  }
  return std::nullopt;
}

ApiAnswer cloud_diffstat(const Bitbucket& bitbucket, Address& address, const std::string& spec,
                         std::size_t push) {
  const History& history = bitbucket.history;
  const std::size_t dots = spec.find("..");
  const std::string changed_name = spec.substr(0, dots);
  const auto changed = find_commit(bitbucket, changed_name, push);
  if (!changed) return unknown_commit(bitbucket, changed_name);
  const Tree& after = *history.commits[*changed].tree;
  const Tree* before = &former_tree(history, history.commits[*changed]);
  if (dots != std::string::npos) {
    const std::string name = spec.substr(dots + 2);
    const auto compared = find_commit(bitbucket, name, push);
    if (!compared) return unknown_commit(bitbucket, name);
    before = history.commits[*compared].tree.get();
    // The default has changed over time.
    if (address.query.contains("topic") ? address.query["topic"] != "false" : true) {
      const auto base = merge_base(history, *changed, *compared);
      if (!base) return refused(bitbucket, "no merge base");
      before = history.commits[*base].tree.get();
    }
  }
  const bool finds_renames =
      !address.query.contains("renames") || address.query["renames"] != "false";
  std::vector<std::string> values;
  for (const Change& change : changes_of(*before, after, finds_renames, false)) {
    values.push_back(cloud_document(bitbucket, change));
  }
  return page(bitbucket, address, values, {500, 5000}, values.size());
}

ApiAnswer data_center_changes(const Bitbucket& bitbucket, Address& address, std::size_t push) {
  const History& history = bitbucket.history;
  const std::string until_name = address.query["until"];
  const auto until = find_commit(bitbucket, until_name, push);
  if (!until) return unknown_commit(bitbucket, until_name);
  const Tree* before = &former_tree(history, history.commits[*until]);
  if (address.query.contains("since")) {
    const auto since = find_commit(bitbucket, address.query["since"], push);
    if (!since) return unknown_commit(bitbucket, address.query["since"]);
    before = history.commits[*since].tree.get();
  }
  std::vector<std::string> values;
  for (const Change& change : changes_of(*before, *history.commits[*until].tree, true, true)) {
    values.push_back(data_center_document(bitbucket, change));
  }
  return page(bitbucket, address, values, {25, 1000}, bitbucket.traits.most_changes);
}

// Commits and branches ------------------------------------------------------------------------

ApiAnswer commits(const Bitbucket& bitbucket, Address& address, std::size_t push) {
  const char* const to = bitbucket.is_cloud() ? "include" : "until";
  const char* const from = bitbucket.is_cloud() ? "exclude" : "since";
  std::vector<std::size_t> wanted;
  std::vector<std::size_t> unwanted;
  for (const auto& [name, commits] : {std::pair{to, &wanted}, std::pair{from, &unwanted}}) {
    const auto given = address.query.find(name);
    if (given == address.query.end()) continue;
    const auto commit = find_commit(bitbucket, given->second, push);
    if (!commit) return unknown_commit(bitbucket, given->second);
    commits->push_back(*commit);
  }
  if (wanted.empty()) {
    for (const auto& [ref, tip] : bitbucket.history.pushes[push].refs_after) {
      wanted.push_back(tip.commit);
    }
  }
  std::vector<std::string> values;
  for (const std::size_t commit : commits_between(bitbucket.history, wanted, unwanted)) {
    values.push_back(commit_document(bitbucket, commit));
  }
  return page(bitbucket, address, values, {bitbucket.is_cloud() ? 30U : 25U, 100}, values.size());
}

ApiAnswer cloud_repository(const Bitbucket& bitbucket) {
  const std::string branch =
      bitbucket.traits.tells_default_branch
          ? fmt::format(R"({{"name": "{}", "type": "branch"}})", bitbucket.history.default_branch)
          : "null";
  return {200,
          fmt::format(R"({{"type": "repository", "full_name": "{}", "mainbranch": {}}})",
                      bitbucket.repository.name(), branch),
          {},
          {}};
}

ApiAnswer data_center_default_branch(const Bitbucket& bitbucket) {
  if (!bitbucket.traits.tells_default_branch) {
    return failed(bitbucket, 404, "There is no default branch",
                  "repository.NoDefaultBranchException");
  }
  return {200,
          fmt::format(R"({{"id": "refs/heads/{0}", "displayId": "{0}", "type": "BRANCH"}})",
                      bitbucket.history.default_branch),
          {},
          {}};
}

}  // namespace

ApiAnswer answer_of(const Bitbucket& bitbucket, const ApiRequest& request, std::size_t push) {
  if (request.method != "GET" || !request.body.empty()) return refused(bitbucket, "not a GET");
  auto address = parse_address(bitbucket, request.url);
  if (!address) return refused(bitbucket, "the address is malformed, or of another repository");
  const bool is_plain = address->query.empty();
  const std::string& path = address->path;
  if (bitbucket.is_cloud()) {
    constexpr std::string_view kDiffstat = "/diffstat/";
    if (path.empty() && is_plain) return cloud_repository(bitbucket);
    if (path == "/commits") return commits(bitbucket, *address, push);
    if (path.starts_with(kDiffstat)) {
      return cloud_diffstat(bitbucket, *address, path.substr(kDiffstat.size()), push);
    }
  } else {
    if (path == "/commits") return commits(bitbucket, *address, push);
    if (path == "/changes") return data_center_changes(bitbucket, *address, push);
    const bool asks_default =
        path ==
        (bitbucket.traits.has_default_branch_path ? "/default-branch" : "/branches/default");
    if (asks_default && is_plain) return data_center_default_branch(bitbucket);
  }
  return failed(bitbucket, 404, "Resource not found", "NoSuchEntityException");
}

}  // namespace receiver::test
