#include "controllers/stage_watch.h"

#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "api/receiver_owner.h"
#include "log/end_on_exception.h"

namespace receiver::controllers {

namespace {

/// One kind: its objects, and what keeps them current once it has begun.
template <class T>
class Followed {
 public:
  Followed(const char* plural, const json::Projection& projection,
           typename kube::Store<T>::Decode decode, const StageWatch::Changed& changed)
      : plural_(plural), projection_(projection), store_(std::move(decode)) {
    store_.observe([&changed](const kube::ObjectKey& key, const auto& /*before*/,
                              const auto& /*now*/) { changed(key.ns); });
  }

  void begin(kube::RestClient& rest, const StageWatch::Begun& begun, const log::Logger& logger) {
    reflector_.emplace(rest,
                       kube::ReflectorOptions{.resource = api::kargo_resource(plural_),
                                              .ns = {},
                                              .label_selector = {},
                                              .field_selector = {},
                                              .projection = projection_,
                                              .times = {}},
                       store_, logger.named(plural_));
    begun(plural_, *reflector_);
    boost::asio::co_spawn(rest.executor(), reflector_->run(),
                          log::EndOnException{logger, "the watch of " + plural_});
  }
  void stop() {
    if (reflector_) reflector_->stop();
  }
  [[nodiscard]] const kube::Store<T>& objects() const { return store_; }

 private:
  const std::string plural_;
  const json::Projection& projection_;
  kube::Store<T> store_;
  std::optional<kube::Reflector> reflector_;
};

}  // namespace

class StageWatch::Impl {
 public:
  Impl(kube::RestClient& rest, Changed changed, Begun begun, log::Logger logger)
      : rest_(rest),
        changed_(std::move(changed)),
        begun_(std::move(begun)),
        logger_(std::move(logger)) {}

  void begin() {
    if (std::exchange(has_begun_, true)) return;
    stages_.begin(rest_, begun_, logger_);
    tasks_.begin(rest_, begun_, logger_);
    cluster_tasks_.begin(rest_, begun_, logger_);
  }
  void stop() {
    stages_.stop();
    tasks_.stop();
    cluster_tasks_.stop();
  }
  [[nodiscard]] std::set<std::string> projects() const {
    return waiting_projects(stages_.objects(), tasks_.objects(), cluster_tasks_.objects());
  }

 private:
  kube::RestClient& rest_;
  const Changed changed_;
  const Begun begun_;
  const log::Logger logger_;
  bool has_begun_ = false;
  Followed<api::Stage> stages_{"stages", api::stage_projection(), api::decode_stage, changed_};
  Followed<api::PromotionTask> tasks_{"promotiontasks", api::promotion_task_projection(),
                                      api::decode_promotion_task, changed_};
  Followed<api::PromotionTask> cluster_tasks_{"clusterpromotiontasks",
                                              api::promotion_task_projection(),
                                              api::decode_promotion_task, changed_};
};

std::set<std::string> waiting_projects(const kube::Store<api::Stage>& stages,
                                       const kube::Store<api::PromotionTask>& tasks,
                                       const kube::Store<api::PromotionTask>& cluster_tasks) {
  std::set<std::string> projects;
  const auto task_waits = [&](const kube::ObjectKey& key) {
    const auto task = (key.ns.empty() ? cluster_tasks : tasks).get(key);
    return task && task->waits;
  };
  stages.for_each([&](const kube::ObjectKey& key, const auto& stage) {
    if (!projects.contains(key.ns) && api::waits_for_pull_requests(*stage, task_waits)) {
      projects.insert(key.ns);
    }
  });
  return projects;
}

StageWatch::StageWatch(kube::RestClient& rest, Changed changed, Begun begun, log::Logger logger)
    : impl_(std::make_unique<Impl>(rest, std::move(changed), std::move(begun), std::move(logger))) {
}

StageWatch::~StageWatch() {
  impl_->stop();
}

void StageWatch::begin() {
  impl_->begin();
}

void StageWatch::stop() {
  impl_->stop();
}

std::set<std::string> StageWatch::projects() const {
  return impl_->projects();
}

}  // namespace receiver::controllers
