#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "controllers/derive.h"
#include "kube/reflector.h"
#include "kube/rest.h"
#include "log/logger.h"

namespace receiver::controllers {

enum class SecretAccess {
  kNamespaced,  ///< a watch per namespace with a reference
  kCluster,     ///< one watch of all Secrets labelled kargo.akuity.io/cred-type: generic
};

/// The values of the Secrets that receivers name, and of no others: kept current by watches, wiped
/// when no receiver names them any more. All members run on the client's thread.
class SecretSources {
 public:
  /// Called after what lookup() answers for the namespace may have changed.
  using Changed = std::function<void(const std::string& ns)>;
  /// How often the Secrets are read again that no watch covers: unlabelled ones under kCluster.
  static constexpr std::chrono::milliseconds kRound{300'000};

  SecretSources(kube::RestClient& rest, SecretAccess access, Changed changed, log::Logger logger,
                std::chrono::milliseconds round = kRound);
  ~SecretSources();
  SecretSources(const SecretSources&) = delete;
  SecretSources& operator=(const SecretSources&) = delete;

  /// The names that receivers refer to in `ns`, in place of those before; none ends the watch.
  void reference(const std::string& ns, std::set<std::string> names);
  [[nodiscard]] SecretState lookup(const std::string& ns, std::string_view name) const;
  /// Reads those of `ns` that no watch covers again, before their round.
  void refresh_uncovered(const std::string& ns);
  /// Every source has answered or was refused once.
  [[nodiscard]] bool settled() const;
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
