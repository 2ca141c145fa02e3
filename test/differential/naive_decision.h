#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

#include "bitbucket_rest/messages.h"
#include "bitbucket_rest/repository.h"
#include "git/ref_selector.h"

namespace receiver::test {

/// Faults that a decision may have.
enum class Fault {
  kNone,
  kNetDifference,  ///< uses the difference between the old and the new commit, not each commit's
                   ///< own
  kWrongOrder,     ///< swaps the two commits and uses Bitbucket's defaults, as Argo CD does
  kFirstPage,      ///< reads only the first page
  kOtherParent,    ///< compares merges with what was merged
  kForcedIsNotLookedAt,  ///< uses the net difference for forced pushes
  kNotReached,           ///< uses what was seen although the old commit was not reached
  kFirstSteps,           ///< uses the first five commits of a longer way
  kNewBranch,            ///< uses only the newest commit
  kMovedTag,             ///< treats it as a new one
  kNewPathOnly,          ///< for renamed files
  kPlainSpellingOnly,    ///< for unusual names
  kReplacementIsName,    ///< U+FFFD counts as a character
  kCutIsAll,             ///< treats a truncated list as complete
  kErrorIsNothing,
  kMainIsDefault,  ///< for a subscription without a branch
};

/// A second, simple implementation of the decision whether a push refreshes a Warehouse. It asks
/// without limits. Optionally with a fault, for a test to find.
class NaiveDecision {
 public:
  using Ask = std::function<bitbucket_rest::ApiAnswer(const bitbucket_rest::ApiRequest&)>;

  NaiveDecision(bitbucket_rest::Repository repository, std::string_view body, Ask ask,
                Fault fault = Fault::kNone);

  [[nodiscard]] bool refreshes(const git::Subscription& subscription);

 private:
  /// Nothing: unknown.
  using Paths = std::optional<std::set<std::string>>;
  struct Update {
    std::string ref;
    std::string before;
    std::string after;
    bool forced = false;
  };
  struct Step {
    std::string commit;
    std::string parent;
  };

  [[nodiscard]] bool is_cloud() const;
  [[nodiscard]] bool has(Fault fault) const { return fault_ == fault; }
  [[nodiscard]] bool concerns(const Update& update, const git::Subscription& subscription);
  [[nodiscard]] bool may_count(const std::string& path,
                               const git::Subscription& subscription) const;
  [[nodiscard]] const Paths& changed(std::size_t update);
  [[nodiscard]] Paths find_changed(const Update& update);
  [[nodiscard]] Paths all_of(const std::vector<Step>& steps);
  [[nodiscard]] Paths difference(const Step& step);
  [[nodiscard]] std::optional<std::string> default_branch();
  /// The values of all pages.
  [[nodiscard]] std::optional<std::vector<rapidjson::Document>> list(const std::string& path,
                                                                     const std::string& query);
  [[nodiscard]] std::optional<rapidjson::Document> get(const std::string& url);
  [[nodiscard]] std::string url_of(const std::string& path) const;

  bitbucket_rest::Repository repository_;
  Ask ask_;
  Fault fault_;
  std::vector<Update> updates_;
  std::map<std::size_t, Paths> changed_;
  std::optional<std::optional<std::string>> default_branch_;
};

}  // namespace receiver::test
