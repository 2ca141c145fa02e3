#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kube/error.h"
#include "test/support/json.h"

namespace receiver::test {

/// The API server, for the user of a kubeconfig, one request at a time. Failures that the name does
/// not mention throw.
class Api {
 public:
  explicit Api(const std::string& kubeconfig);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// Nothing if there is no such object.
  [[nodiscard]] std::optional<Json> find(const std::string& path) const;
  [[nodiscard]] Json get(const std::string& path) const;
  /// The answer as text: metrics, watches that end by themselves.
  [[nodiscard]] std::string text(const std::string& path) const;
  Json create(const std::string& collection, std::string_view body) const;
  void replace(const std::string& path, std::string_view body) const;
  void merge_patch(const std::string& path, std::string_view body) const;
  /// No error if it does not exist.
  void remove(const std::string& path) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::test
