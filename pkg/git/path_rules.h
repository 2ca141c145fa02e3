#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace receiver::git {

/// `includePaths` and `excludePaths` of a subscription, as in the Warehouse. Most subscriptions
/// have neither, and then this is a single pointer. Copies share the texts.
class PathRules {
 public:
  using Texts = std::vector<std::string>;

  PathRules() = default;
  PathRules(Texts include, Texts exclude) {
    if (include.empty() && exclude.empty()) return;
    include.shrink_to_fit();
    exclude.shrink_to_fit();
    lists_ = std::make_shared<const Lists>(Lists{std::move(include), std::move(exclude)});
  }

  /// True if every changed file counts.
  [[nodiscard]] bool empty() const { return lists_ == nullptr; }
  [[nodiscard]] const Texts& include() const { return lists().include; }
  [[nodiscard]] const Texts& exclude() const { return lists().exclude; }

  friend bool operator==(const PathRules& left, const PathRules& right) {
    return left.lists_ == right.lists_ || left.lists() == right.lists();
  }

 private:
  struct Lists {
    Texts include;
    Texts exclude;
    friend bool operator==(const Lists&, const Lists&) = default;
  };

  [[nodiscard]] const Lists& lists() const {
    static const Lists none;
    return lists_ ? *lists_ : none;
  }

  std::shared_ptr<const Lists> lists_;
};

}  // namespace receiver::git
