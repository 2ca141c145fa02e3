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

/// A function of URLs that is called for the Warehouses one after another. Parsing a URL costs more
/// than everything else that is decided about a Warehouse, and the Warehouses of a monorepo have
/// the same one, so the results for the last few are cached. The URLs must outlive it. For one
/// thread.
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
  std::size_t asked_ = 0;  ///< calls without a cached result
};

/// The repositories of a push.
class PushedRepositories {
 public:
  /// `identities` is from identities_of(). It and all URLs that it is called with must outlive this
  /// object.
  explicit PushedRepositories(std::span<const std::string> identities)
      : named_([identities](const std::string& url) {
          return std::ranges::binary_search(identities, git::identity(url));
        }) {}

  /// Whether the URL names one of them.
  [[nodiscard]] bool have(const std::string& url) const { return named_.of(url); }

 private:
  mutable UrlMemo<bool> named_;
};

}  // namespace receiver::webhook
