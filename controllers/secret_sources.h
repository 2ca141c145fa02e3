#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "controllers/derive.h"
#include "controllers/secret_book.h"
#include "kube/reflector.h"
#include "kube/rest.h"
#include "log/logger.h"

namespace receiver::controllers {

/// The values of the Secrets that receivers name, and of no others: kept current by watches and
/// single reads, wiped when no receiver names them any more. A SecretBook decides what is watched
/// and read and when; this class carries it out. All members run on the client's thread.
class SecretSources {
 public:
  /// Called after the result of lookup() for the namespace may have changed.
  using Changed = std::function<void(const std::string& ns)>;

  SecretSources(kube::RestClient& rest, SecretAccess access, Changed changed, log::Logger logger);
  ~SecretSources();
  SecretSources(const SecretSources&) = delete;
  SecretSources& operator=(const SecretSources&) = delete;

  /// Replaces the names that receivers refer to in `ns`; without names, the watch ends.
  void reference(const std::string& ns, std::set<std::string> names);
  /// Call when all owners have been listed, or cannot be: kCluster does not begin before.
  void owners_settled();
  [[nodiscard]] SecretState lookup(const std::string& ns, std::string_view name) const;
  /// Reads the Secrets of `ns` that no watch covers, before their round.
  void refresh_uncovered(const std::string& ns);
  /// Whether every source has been tried: it has answered, was rejected, or has failed three times;
  /// and so has each Secret that is read singly, for which nothing waits longer than
  /// SecretBook::kPatience.
  [[nodiscard]] bool settled() const;
  /// For people: what cannot be watched; empty if all can.
  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] std::size_t watches() const;
  /// For all watches together: their counts and those of former watches, whether all are synced or
  /// one is rejected, and when the most silent one last received something.
  [[nodiscard]] kube::ReflectorStatus status() const;
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
