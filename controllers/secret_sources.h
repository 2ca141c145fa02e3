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
/// single reads, wiped when no receiver names them any more. What is watched and read when is
/// decided by a SecretBook; this does it. All members run on the client's thread.
class SecretSources {
 public:
  /// Called after what lookup() answers for the namespace may have changed.
  using Changed = std::function<void(const std::string& ns)>;

  SecretSources(kube::RestClient& rest, SecretAccess access, Changed changed, log::Logger logger);
  ~SecretSources();
  SecretSources(const SecretSources&) = delete;
  SecretSources& operator=(const SecretSources&) = delete;

  /// The names that receivers refer to in `ns`, in place of those before; none ends the watch.
  void reference(const std::string& ns, std::set<std::string> names);
  /// All owners have been listed, or cannot be: kCluster does not begin before.
  void owners_settled();
  [[nodiscard]] SecretState lookup(const std::string& ns, std::string_view name) const;
  /// Reads those of `ns` that no watch covers again, before their round.
  void refresh_uncovered(const std::string& ns);
  /// Every source has been tried: it has answered, was refused, or has failed three times; and so
  /// has each Secret that is read singly, for which nobody waits longer than SecretBook::kPatience.
  [[nodiscard]] bool settled() const;
  /// For people: what cannot be followed; empty if all can.
  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] std::size_t watches() const;
  /// Of all watches together: what they and former ones have counted, whether all are synced or one
  /// is refused, and when the one that has been silent the longest was heard.
  [[nodiscard]] kube::ReflectorStatus status() const;
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
