#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "git/repository.h"

namespace receiver::webhook {

/// A function of URLs, asked about those of one Warehouse after another. To take a URL apart costs
/// more than all else that is decided about a Warehouse, and those of a monorepo have the same one:
/// what it said of the last few is remembered. The URLs outlive it. One thread.
template <typename Value>
class UrlMemo {
 public:
  using Function = std::function<Value(const std::string& url)>;
  explicit UrlMemo(Function function) : function_(std::move(function)) {}

  [[nodiscard]] const Value& of(const std::string& url) {
    const auto known = std::span(last_).first(std::min(asked_, last_.size()));
    const auto same = std::ranges::find(known, std::string_view(url), &Known::url);
    if (same != known.end()) return same->value;
    Known& oldest = last_.at(asked_++ % last_.size());
    oldest = {url, function_(url)};
    return oldest.value;
  }

 private:
  struct Known {
    std::string_view url{};
    Value value{};
  };

  Function function_;
  std::array<Known, 4> last_{};
  std::size_t asked_ = 0;  ///< for what was not remembered
};

/// The repositories of a push.
class PushedRepositories {
 public:
  /// As identities_of() has them. They outlive it, as all URLs do that it is asked about.
  explicit PushedRepositories(std::span<const std::string> identities)
      : named_([identities](const std::string& url) {
          return std::ranges::binary_search(identities, git::identity(url));
        }) {}

  /// Whether the URL is one of theirs.
  [[nodiscard]] bool have(const std::string& url) const { return named_.of(url); }

 private:
  mutable UrlMemo<bool> named_;
};

}  // namespace receiver::webhook
