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

/// What a decision may get wrong.
enum class Fault {
  kNone,
  kNetDifference,        ///< between the old and the new commit, not one by one
  kWrongOrder,           ///< of the two commits, and Bitbucket's defaults; as Argo CD asks
  kFirstPage,            ///< and no other
  kOtherParent,          ///< merges are compared with what was merged
  kForcedIsNotLookedAt,  ///< and the net difference taken for what changed
  kNotReached,           ///< where the old commit is not on the way, what was seen of it is enough
  kFirstSteps,           ///< of a way of more than five commits
  kNewBranch,            ///< is its newest commit
  kMovedTag,             ///< is a new one
  kNewPathOnly,          ///< of what was renamed
  kPlainSpellingOnly,    ///< of unusual names
  kReplacementIsName,    ///< U+FFFD
  kCutIsAll,             ///< where Data Center tells no more
  kErrorIsNothing,
  kMainIsDefault,  ///< for a subscription without a branch
};

/// The decision, written down once more, as simply as can be: whether a push is to refresh a
/// Warehouse. It asks as often as it likes. With a fault, for a test to find.
class NaiveDecision {
 public:
  using Ask = std::function<bitbucket_rest::ApiAnswer(const bitbucket_rest::ApiRequest&)>;

  NaiveDecision(bitbucket_rest::Repository repository, std::string_view body, Ask ask,
                Fault fault = Fault::kNone);

  [[nodiscard]] bool refreshes(const git::Subscription& subscription);

 private:
  /// Nothing: it is not known.
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
