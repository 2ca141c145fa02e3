#include "controllers/receiver_controller.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "controllers/daily_notes.h"
#include "controllers/status.h"
#include "controllers/status_conflict.h"
#include "controllers/token_watch.h"
#include "kube/resource.h"

namespace receiver::controllers {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kClusterConfigName = "cluster";
constexpr std::chrono::seconds kLookAtLeaseAgain{2};
/// How often an owner is looked at though nothing is known to have changed.
constexpr std::chrono::minutes kRound{5};

/// What the status of an owner is made of, as far as it is ours: equal texts are the same value.
std::string value_of(const api::ReceiverOwner& owner, const DerivedReceivers& derived,
                     const BaseUrl& base) {
  std::string value =
      fmt::format("{} {}\n{}{}\n", owner.meta.generation, owner.refresh, base.origin, base.path);
  for (const auto& entry : derived.published) value += entry.url + '\n';
  for (const ReceiverFailure& failure : derived.failures) value += failure.message + '\n';
  for (const ReceiverAdvice& advice : derived.advice) value += advice.message + '\n';
  return value;
}

/// For the one who has to settle it.
Note conflict_note(const api::OwnerStatus& theirs, const api::OwnerStatus& ours,
                   const BaseUrl& base) {
  return {kube::EventType::kWarning, "StatusConflict",
          fmt::format(
              "another writer has overwritten this status {} times; this operator stops writing it "
              "until the spec, the refresh annotation, a Secret or its own settings change: {}",
              StatusConflict::kWrites, status_difference(theirs, ours, base))};
}

std::vector<Note> notes_of(const DerivedReceivers& derived) {
  std::vector<Note> notes;
  const auto add = [&](kube::EventType type, const auto& of) {
    notes.push_back({type, of.reason, fmt::format("receiver \"{}\": {}", of.receiver, of.message)});
  };
  for (const ReceiverFailure& failure : derived.failures) add(kube::EventType::kWarning, failure);
  for (const ReceiverAdvice& advice : derived.advice) {
    add(advice.warning ? kube::EventType::kWarning : kube::EventType::kNormal, advice);
  }
  return notes;
}

}  // namespace

class ReceiverController::Impl {
 public:
  Impl(kube::RestClient& rest, OwnerStore& project_configs, OwnerStore& cluster_configs,
       RouteTable& routes, kube::EventRecorder& events, Leading leading,
       ReceiverControllerOptions options, log::Logger logger)
      : rest_(rest),
        project_configs_(project_configs),
        cluster_configs_(cluster_configs),
        routes_(routes),
        events_(events),
        has_lease_(std::move(leading)),
        options_(std::move(options)),
        logger_(logger.named("receivers")),
        secrets_(
            rest, options_.secret_access, [this](const std::string& ns) { secrets_changed(ns); },
            logger.named("secrets")),
        controller_(
            rest.executor(), std::string(kName), options_.workers,
            [this](kube::ObjectKey key) { return reconcile(std::move(key)); },
            logger.named("receivers"), options_.reconciled) {
    const auto observer = [this](const kube::ObjectKey& key, const OwnerStore::Object& /*before*/,
                                 const OwnerStore::Object& now) { owner_changed(key, now); };
    project_configs_.observe(observer);
    cluster_configs_.observe(observer);
  }

  asio::awaitable<void> run() { return controller_.run(); }
  void stop() {
    controller_.stop();
    secrets_.stop();
  }
  void set_leading(bool leading);

  SecretSources& secrets() { return secrets_; }
  kube::Controller& controller() { return controller_; }
  [[nodiscard]] ReceiverCounts receivers() const;
  ReceiverControllerCounters counters;

 private:
  /// What is remembered of an owner between its changes.
  struct Memory {
    ReceiverCounts receivers;
    StatusConflict conflict;
    DailyNotes notes;
    TokenWatch tokens;
    std::vector<Note> once;                    ///< to be said by the next reconcile, while leading
    std::vector<api::PublishedReceiver> told;  ///< what Events have said, while leading
  };

  [[nodiscard]] bool leading() const { return leading_ && has_lease_(); }
  [[nodiscard]] OwnerStore::Object owner(const kube::ObjectKey& key) const {
    return key.ns.empty() ? cluster_configs_.get(key) : project_configs_.get(key);
  }
  [[nodiscard]] std::string secret_namespace(const api::ReceiverOwner& owner) const {
    return owner.kind == api::OwnerKind::kProjectConfig ? owner.meta.key.ns
                                                        : options_.system_namespace;
  }
  /// The one ProjectConfig of a namespace, the one ClusterConfig: others declare nothing.
  [[nodiscard]] static bool counts(const kube::ObjectKey& key) {
    return key.name == (key.ns.empty() ? kClusterConfigName : std::string_view(key.ns));
  }

  void owner_changed(const kube::ObjectKey& key, const OwnerStore::Object& now);
  void secrets_changed(const std::string& ns);
  void reference_secrets(const std::string& ns);
  void collect_references(const OwnerStore::Object& owner, const std::string& ns,
                          std::set<std::string>& names) const;
  [[nodiscard]] DerivedReceivers derive(const api::ReceiverOwner& owner) const;
  void update(const api::ReceiverOwner& owner);

  asio::awaitable<kube::ReconcileResult> reconcile(kube::ObjectKey key);
  /// Nothing if it is written, or nobody is there any more to have it; else why it is to be tried
  /// again.
  asio::awaitable<std::optional<kube::ApiError>> write_status(
      OwnerStore::Object owner, api::OwnerStatus next,
      std::vector<api::PublishedReceiver> published);
  /// Once what is derived stands in the status, whoever wrote it.
  void tell_changes(const api::ReceiverOwner& owner, std::vector<api::PublishedReceiver> published);
  void emit(const api::ReceiverOwner& owner, kube::EventType type, const std::string& reason,
            const std::string& note);

  kube::RestClient& rest_;
  OwnerStore& project_configs_;
  OwnerStore& cluster_configs_;
  RouteTable& routes_;
  kube::EventRecorder& events_;
  const Leading has_lease_;
  const ReceiverControllerOptions options_;
  const log::Logger logger_;
  bool leading_ = false;
  std::unordered_map<kube::ObjectKey, Memory> memory_;
  SecretSources secrets_;
  kube::Controller controller_;
};

void ReceiverController::Impl::owner_changed(const kube::ObjectKey& key,
                                             const OwnerStore::Object& now) {
  if (!counts(key)) return;
  const std::string& secrets_ns = key.ns.empty() ? options_.system_namespace : key.ns;
  reference_secrets(secrets_ns);
  secrets_.refresh_uncovered(secrets_ns);
  if (now) {
    update(*now);
  } else {
    memory_.erase(key);
    routes_.remove(key);
    if (options_.gone) options_.gone(key);
  }
}

void ReceiverController::Impl::collect_references(const OwnerStore::Object& owner,
                                                  const std::string& ns,
                                                  std::set<std::string>& names) const {
  if (!owner || secret_namespace(*owner) != ns) return;
  for (const api::Receiver& receiver : owner->receivers) {
    if (receiver.bitbucket && kube::is_subdomain(receiver.secret_name)) {
      names.insert(receiver.secret_name);
    }
  }
}

void ReceiverController::Impl::reference_secrets(const std::string& ns) {
  if (ns.empty()) return;
  std::set<std::string> names;
  collect_references(owner({ns, ns}), ns, names);
  collect_references(owner({"", std::string(kClusterConfigName)}), ns, names);
  secrets_.reference(ns, std::move(names));
}

void ReceiverController::Impl::secrets_changed(const std::string& ns) {
  if (const auto project = owner({ns, ns})) update(*project);
  if (ns != options_.system_namespace) return;
  if (const auto cluster = owner({"", std::string(kClusterConfigName)})) update(*cluster);
}

DerivedReceivers ReceiverController::Impl::derive(const api::ReceiverOwner& owner) const {
  const std::string ns = secret_namespace(owner);
  return derive_receivers(
      owner,
      [&](std::string_view name) {
        SecretState state;
        if (ns.empty()) {
          state.known = SecretState::Known::kRefused;
          state.why =
              "SYSTEM_RESOURCES_NAMESPACE is not set, so receivers of the ClusterConfig are off";
          return state;
        }
        state = secrets_.lookup(ns, name);
        if (owner.kind == api::OwnerKind::kProjectConfig) return state;
        if (state.known == SecretState::Known::kMissing) state.why = ns;
        if (state.known == SecretState::Known::kRefused) {
          state.why +=
              " (check SYSTEM_RESOURCES_NAMESPACE, and that this account may read Secrets there)";
        }
        return state;
      },
      options_.base_url, &options_.bitbucket_hosts);
}

void ReceiverController::Impl::update(const api::ReceiverOwner& owner) {
  DerivedReceivers derived = derive(owner);
  const auto declared =
      static_cast<std::size_t>(std::ranges::count_if(owner.receivers, &api::Receiver::bitbucket));
  const std::size_t ready = derived.published.size();
  Memory& memory = memory_[owner.meta.key];
  memory.receivers = {.ready = ready, .not_ready = declared - ready};
  for (Note& note : memory.tokens.look(derived.tokens)) {
    if (leading_) memory.once.push_back(std::move(note));
  }
  if (options_.derived) options_.derived(owner, derived);
  routes_.replace(owner.meta.key, std::move(derived.routes), derived.incomplete);
  if (leading_) controller_.enqueue(owner.meta.key);
}

ReceiverCounts ReceiverController::Impl::receivers() const {
  ReceiverCounts sum;
  for (const auto& [owner, memory] : memory_) {
    sum.ready += memory.receivers.ready;
    sum.not_ready += memory.receivers.not_ready;
  }
  return sum;
}

void ReceiverController::Impl::set_leading(bool leading) {
  leading_ = leading;
  if (!leading) {
    events_.clear();
    // Notes that are due when it leads again may have been dropped here, and reported by another
    // replica since.
    for (auto& [key, memory] : memory_) {
      memory.notes = {};
      memory.once.clear();
      memory.told.clear();
    }
    return;
  }
  const auto enqueue = [this](const kube::ObjectKey& key, const auto& /*owner*/) {
    if (counts(key)) controller_.enqueue(key);
  };
  project_configs_.for_each(enqueue);
  cluster_configs_.for_each(enqueue);
}

asio::awaitable<kube::ReconcileResult> ReceiverController::Impl::reconcile(kube::ObjectKey key) {
  const OwnerStore::Object current = owner(key);
  if (!current || current->meta.deleting || !leading_) co_return kube::ReconcileResult{};
  // The Lease may have expired unnoticed. If it is renewed after all, nothing else enqueues this
  // key again.
  if (!leading()) co_return kube::ReconcileResult{.requeue_after = kLookAtLeaseAgain};

  DerivedReceivers derived = derive(*current);
  std::vector<Note> notes = notes_of(derived);
  std::optional<api::OwnerStatus> next = next_status(*current, derived, clock::Wall::now());
  Memory& memory = memory_[key];
  const bool write =
      next && memory.conflict.may_write(value_of(*current, derived, options_.base_url));
  if (next && !write) notes.push_back(conflict_note(current->status, *next, options_.base_url));
  for (const Note& note : memory.notes.due(std::move(notes), clock::Steady::now())) {
    emit(*current, note.type, note.reason, note.text);
  }
  for (const Note& note : std::exchange(memory.once, {})) {
    emit(*current, note.type, note.reason, note.text);
  }
  if (!next && !derived.unread) {
    memory.conflict.agreed(clock::Steady::now());
    tell_changes(*current, std::move(derived.published));
  }
  kube::ReconcileResult result;
  if (!current->receivers.empty()) result.requeue_after = kRound;
  if (!write) co_return result;
  const auto failure = co_await write_status(current, *next, std::move(derived.published));
  if (!failure) co_return result;
  co_return kube::ReconcileResult{.outcome = kube::ReconcileResult::Outcome::kRetry,
                                  .requeue_after = kRound,
                                  .retry_after = failure->retry_after};
}

asio::awaitable<std::optional<kube::ApiError>> ReceiverController::Impl::write_status(
    OwnerStore::Object owner, api::OwnerStatus next,
    std::vector<api::PublishedReceiver> published) {
  using Kind = kube::ApiError::Kind;
  std::string target = api::resource_of(owner->kind).path(owner->meta.key) + "/status";
  std::string patch = api::status_patch(next, owner->meta.resource_version);
  const auto answer = co_await rest_.merge_patch(std::move(target), std::move(patch),
                                                 kube::RestClient::kTimeout, kube::Lane::kStatuses);
  if (answer) {
    ++counters.status_writes;
    if (const auto memory = memory_.find(owner->meta.key); memory != memory_.end()) {
      memory->second.conflict.written(clock::Steady::now());
    }
    logger_.info("status written", {{"resource", api::resource_of(owner->kind).name()},
                                    {"object", owner->meta.key.str()},
                                    {"receivers", next.webhook_receivers.size()},
                                    {"generation", owner->meta.generation}});
    tell_changes(*owner, std::move(published));
    co_return std::nullopt;
  }
  const kube::ApiError& error = answer.error();
  if (error.says_object_is_gone() || error.kind == Kind::kClosed) co_return std::nullopt;
  if (error.kind == Kind::kConflict) {
    ++counters.status_conflicts;
    co_return error;
  }
  ++counters.status_failures;
  logger_.warn("cannot write the status; it will be retried",
               {{"resource", api::resource_of(owner->kind).name()},
                {"object", owner->meta.key.str()},
                {"error", error.message}});
  co_return error;
}

void ReceiverController::Impl::tell_changes(const api::ReceiverOwner& owner,
                                            std::vector<api::PublishedReceiver> published) {
  const auto memory = memory_.find(owner.meta.key);
  if (memory == memory_.end()) return;  // deleted meanwhile
  std::vector<api::PublishedReceiver>& told = memory->second.told;
  const std::string our_base = options_.base_url.origin + options_.base_url.path + "/bitbucket/";
  const auto has = [](const std::vector<api::PublishedReceiver>& entries, auto member,
                      const std::string& value) {
    return std::ranges::find(entries, value, member) != entries.end();
  };
  for (const api::PublishedReceiver& now : published) {
    const auto& before = owner.status.webhook_receivers;
    if (has(told, &api::PublishedReceiver::url, now.url)) continue;
    bool changed = has(told, &api::PublishedReceiver::name, now.name);
    if (!changed) {
      if (has(before, &api::PublishedReceiver::url, now.url)) continue;
      // An entry that another writer with another base URL wrote is not our URL.
      const auto* const entry = find_entry(before, now.name);
      changed = entry != nullptr && entry->url.starts_with(our_base);
    }
    if (changed) {
      emit(owner, kube::EventType::kNormal, "ReceiverURLChanged",
           fmt::format("receiver \"{}\": its URL has changed; register the new one from "
                       "status.webhookReceivers in Bitbucket",
                       now.name));
    } else {
      emit(owner, kube::EventType::kNormal, "ReceiverURLPublished",
           fmt::format("receiver \"{}\": its URL is in status.webhookReceivers", now.name));
    }
  }
  told = std::move(published);
}

void ReceiverController::Impl::emit(const api::ReceiverOwner& owner, kube::EventType type,
                                    const std::string& reason, const std::string& note) {
  if (!leading()) return;
  events_.emit(api::reference_to(owner), type, reason, "Sync", note);
}

ReceiverController::ReceiverController(kube::RestClient& rest, OwnerStore& project_configs,
                                       OwnerStore& cluster_configs, RouteTable& routes,
                                       kube::EventRecorder& events, Leading leading,
                                       ReceiverControllerOptions options, log::Logger logger)
    : impl_(std::make_unique<Impl>(rest, project_configs, cluster_configs, routes, events,
                                   std::move(leading), std::move(options), std::move(logger))) {}

ReceiverController::~ReceiverController() = default;

asio::awaitable<void> ReceiverController::run() {
  return impl_->run();
}

void ReceiverController::stop() {
  impl_->stop();
}

void ReceiverController::set_leading(bool leading) {
  impl_->set_leading(leading);
}

void ReceiverController::owners_settled() {
  impl_->secrets().owners_settled();
}

kube::ReflectorStatus ReceiverController::secrets_status() const {
  return impl_->secrets().status();
}

bool ReceiverController::secrets_settled() const {
  return impl_->secrets().settled();
}

std::string ReceiverController::secrets_trouble() const {
  return impl_->secrets().trouble();
}

std::size_t ReceiverController::secret_watches() const {
  return impl_->secrets().watches();
}

ReceiverCounts ReceiverController::receivers() const {
  return impl_->receivers();
}

const kube::WorkQueue& ReceiverController::queue() const {
  return impl_->controller().queue();
}

const ReceiverControllerCounters& ReceiverController::counters() const {
  return impl_->counters;
}

}  // namespace receiver::controllers
