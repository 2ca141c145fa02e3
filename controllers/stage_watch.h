#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "api/stage.h"
#include "kube/reflector.h"
#include "kube/rest.h"
#include "kube/store.h"
#include "log/logger.h"

namespace receiver::controllers {

/// The namespaces of Stages that wait for pull requests, by steps of their own or of tasks.
[[nodiscard]] std::set<std::string> waiting_projects(
    const kube::Store<api::Stage>& stages, const kube::Store<api::PromotionTask>& tasks,
    const kube::Store<api::PromotionTask>& cluster_tasks);

/// Which projects' promotions will wait for pull requests. Nothing is read before begin(): if no
/// receiver registers its webhooks, the operator needs no permission for these kinds. A kind that
/// is not served, or may not be read, has no objects. All members run on the client's thread.
class StageWatch {
 public:
  /// Called after projects() may have changed, with the namespace of the object; empty for an
  /// object without one.
  using Changed = std::function<void(const std::string& ns)>;
  /// Called by begin() for each kind (plural), with objects that live as long as this one.
  using Begun = std::function<void(const std::string& kind, const kube::Reflector& reflector)>;

  /// The client must outlive it.
  StageWatch(kube::RestClient& rest, Changed changed, Begun begun, log::Logger logger);
  ~StageWatch();
  StageWatch(const StageWatch&) = delete;
  StageWatch& operator=(const StageWatch&) = delete;

  /// Starts the watches. Further calls have no effect.
  void begin();
  void stop();

  [[nodiscard]] std::set<std::string> projects() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::controllers
