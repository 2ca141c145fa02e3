#include "controllers/secret_sources.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "kube/list.h"
#include "kube/reflector.h"

namespace receiver::controllers {

namespace asio = boost::asio;

namespace {

const kube::Resource kSecrets{"", "v1", "secrets"};
constexpr std::string_view kLabelSelector = "kargo.akuity.io/cred-type=generic";
constexpr std::chrono::seconds kReadRetry{2};
/// Secrets that are read one by one at a time; the others wait.
constexpr std::size_t kReadsAtOnce = 8;
/// So many that wait are read by one list of all that are labelled.
constexpr std::size_t kWorthAList = 32;

kube::ReflectorOptions collection_of(const std::string& ns) {
  return {.resource = kSecrets,
          .ns = ns,
          .label_selector = std::string(ns.empty() ? kLabelSelector : std::string_view()),
          .field_selector = {},
          .projection = api::secret_projection(),
          .times = {}};
}

void add_counts(kube::ReflectorStatus& sum, const kube::ReflectorStatus& status) {
  sum.lists += status.lists;
  sum.watches += status.watches;
  sum.events += status.events;
  sum.bad_objects += status.bad_objects;
  sum.failures += status.failures;
}

bool same_secret(const api::Secret& left, const api::Secret& right) {
  return left.value == right.value && left.previous == right.previous &&
         left.labelled == right.labelled;
}

}  // namespace

class SecretSources::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(kube::RestClient& rest, SecretAccess access, Changed changed, log::Logger logger,
       std::chrono::milliseconds round)
      : rest_(rest),
        access_(access),
        changed_(std::move(changed)),
        logger_(std::move(logger)),
        round_(round),
        round_over_(rest.executor()) {}

  void start();
  void reference(const std::string& ns, std::set<std::string> names);
  SecretState lookup(const std::string& ns, std::string_view name) const;
  void refresh_uncovered(const std::string& ns);
  bool settled() const;
  std::size_t watches() const { return watches_.size(); }
  kube::ReflectorStatus status() const;
  void stop();

 private:
  /// What is known of one referenced Secret.
  struct Entry {
    SecretState state;
    std::uint64_t seen;  ///< when a watch last spoke of it: a read begun before is stale
    bool reading = false;
  };
  class Watch;

  /// The key of the watch that covers a namespace: the namespace, or "" for the one of all.
  [[nodiscard]] std::string watch_key(const std::string& ns) const {
    return access_ == SecretAccess::kNamespaced ? ns : std::string();
  }
  [[nodiscard]] const Watch* watch_of(const std::string& ns) const;
  /// The same if the API server refuses it, else null.
  [[nodiscard]] const Watch* refusing_watch(const std::string& ns) const;
  /// The watch of that key, begun if there is none.
  Watch& watch(const std::string& key);
  Entry* find(const kube::ObjectKey& key);
  void set(const kube::ObjectKey& key, Entry& entry, SecretState state);
  /// A watch has no such object (any more).
  void absent(const kube::ObjectKey& key);
  void read(const kube::ObjectKey& key) { read_from(unread_, key); }
  /// One that is named for the first time: like read(), or with many others by one list.
  void read_new(const kube::ObjectKey& key) {
    read_from(access_ == SecretAccess::kCluster ? new_ : unread_, key);
  }
  void read_from(std::set<kube::ObjectKey>& queue, const kube::ObjectKey& key);
  /// Begins the reads that may begin.
  void read_on();
  static asio::awaitable<void> read_uncovered_in_rounds(std::shared_ptr<Impl> self);
  static asio::awaitable<void> read_one(std::shared_ptr<Impl> self, kube::ObjectKey key);
  static asio::awaitable<void> list_new(std::shared_ptr<Impl> self);
  /// Takes the answer to a read that began at `seen`; false if it has to be repeated.
  bool take(const kube::ObjectKey& key, std::uint64_t seen,
            const kube::ApiResult<std::string>& answer);
  bool take(const kube::ObjectKey& key, std::uint64_t seen, api::Secret secret);

  kube::RestClient& rest_;
  const SecretAccess access_;
  const Changed changed_;
  const log::Logger logger_;
  const std::chrono::milliseconds round_;
  asio::steady_timer round_over_;
  bool stopped_ = false;
  std::uint64_t said_ = 0;            ///< by watches
  std::set<kube::ObjectKey> unread_;  ///< to be read one by one
  std::set<kube::ObjectKey> new_;     ///< to be read one by one, or by a list
  std::size_t reads_ = 0;             ///< of one, under way
  bool listing_ = false;
  std::map<std::string, std::map<std::string, Entry, std::less<>>> entries_;  ///< by namespace
  kube::ReflectorStatus ended_;  ///< the counts of watches that there were
  std::map<std::string, std::unique_ptr<Watch>> watches_;
};

/// A reflector and the sink that keeps the referenced ones of what it brings.
class SecretSources::Impl::Watch final : public kube::ObjectSink {
 public:
  Watch(Impl& owner, std::string ns)
      : owner_(owner),
        ns_(std::move(ns)),
        reflector_(owner.rest_, collection_of(ns_), *this, owner.logger_) {
    reflector_.on_settled([this](const kube::ReflectorStatus&) { settled(); });
    asio::co_spawn(owner_.rest_.executor(), reflector_.run(), asio::detached);
  }
  ~Watch() override {
    reflector_.stop();
    add_counts(owner_.ended_, status());
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  [[nodiscard]] const kube::ReflectorStatus& status() const { return reflector_.status(); }
  [[nodiscard]] bool synced() const {
    return status().settled == kube::ReflectorStatus::Settled::kSynced;
  }
  [[nodiscard]] bool refused() const {
    return status().settled == kube::ReflectorStatus::Settled::kRefused;
  }

  void begin_replace() override {
    listing_ = true;
    listed_.clear();
    late_.clear();
  }
  tl::expected<void, std::string> add_listed(const kube::ObjectMeta& meta,
                                             const rapidjson::Value& object) override {
    if (owner_.find(meta.key) == nullptr) return {};
    listed_.insert(meta.key);
    return upsert(meta, object);
  }
  void keep_listed(const kube::ObjectKey& key) override { listed_.insert(key); }
  void end_replace() override {
    listed_once_ = true;
    listing_ = false;
    std::vector<kube::ObjectKey> unlisted;
    for (const auto& [ns, names] : owner_.entries_) {
      if (owner_.watch_key(ns) != ns_) continue;
      for (const auto& [name, entry] : names) {
        if (!listed_.contains({ns, name})) unlisted.push_back({ns, name});
      }
    }
    listed_.clear();
    for (const kube::ObjectKey& key : unlisted) {
      late_.contains(key) ? owner_.read(key) : owner_.absent(key);
    }
  }
  void abort_replace() override {
    listing_ = false;
    listed_.clear();
  }
  tl::expected<void, std::string> upsert(const kube::ObjectMeta& meta,
                                         const rapidjson::Value& object) override {
    Entry* entry = owner_.find(meta.key);
    if (entry == nullptr) return {};
    auto secret = api::decode_secret(meta, object);
    if (!secret) return tl::unexpected(secret.error());
    entry->seen = ++owner_.said_;
    owner_.set(meta.key, *entry, {SecretState::Known::kPresent, "", std::move(*secret)});
    return {};
  }
  void remove(const kube::ObjectKey& key) override { owner_.absent(key); }

  /// The name is referenced from now on: a list before, or the one under way, passed it over.
  void referenced(const kube::ObjectKey& key) {
    if (listing_) late_.insert(key);
    if (listed_once_) owner_.read_new(key);
  }

 private:
  void settled() {
    if (refused()) {
      owner_.logger_.warn("Secrets cannot be read; the receivers that name them are not published",
                          {{"namespace", ns_.empty() ? "all" : ns_}, {"error", status().refusal}});
    }
    std::vector<std::string> namespaces;
    for (const auto& [ns, names] : owner_.entries_) {
      if (owner_.watch_key(ns) == ns_) namespaces.push_back(ns);
    }
    for (const std::string& ns : namespaces) owner_.changed_(ns);
  }

  Impl& owner_;
  const std::string ns_;
  std::set<kube::ObjectKey> listed_;
  std::set<kube::ObjectKey> late_;  ///< referenced while the list was under way
  bool listing_ = false;
  bool listed_once_ = false;
  kube::Reflector reflector_;
};

const SecretSources::Impl::Watch* SecretSources::Impl::watch_of(const std::string& ns) const {
  const auto found = watches_.find(watch_key(ns));
  return found == watches_.end() ? nullptr : found->second.get();
}

const SecretSources::Impl::Watch* SecretSources::Impl::refusing_watch(const std::string& ns) const {
  const Watch* watch = watch_of(ns);
  return watch != nullptr && watch->refused() ? watch : nullptr;
}

SecretSources::Impl::Watch& SecretSources::Impl::watch(const std::string& key) {
  auto& watch = watches_[key];
  if (!watch) watch = std::make_unique<Watch>(*this, key);
  return *watch;
}

void SecretSources::Impl::start() {
  if (access_ == SecretAccess::kNamespaced) return;
  asio::co_spawn(rest_.executor(), read_uncovered_in_rounds(shared_from_this()), asio::detached);
}

asio::awaitable<void> SecretSources::Impl::read_uncovered_in_rounds(std::shared_ptr<Impl> self) {
  while (!self->stopped_) {
    self->round_over_.expires_after(self->round_);
    boost::system::error_code ignored;
    co_await self->round_over_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (self->stopped_) co_return;
    for (const auto& [ns, entries] : self->entries_) self->refresh_uncovered(ns);
  }
}

void SecretSources::Impl::reference(const std::string& ns, std::set<std::string> names) {
  if (stopped_) return;
  auto& entries = entries_[ns];
  std::erase_if(entries, [&](const auto& entry) { return !names.contains(entry.first); });
  if (names.empty()) {
    entries_.erase(ns);
    if (access_ == SecretAccess::kNamespaced) watches_.erase(ns);
    return;
  }
  Watch& source = watch(watch_key(ns));
  for (const std::string& name : names) {
    if (entries.try_emplace(name, Entry{{}, ++said_}).second) source.referenced({ns, name});
  }
}

SecretState SecretSources::Impl::lookup(const std::string& ns, std::string_view name) const {
  const auto entries = entries_.find(ns);
  if (entries == entries_.end()) return {};
  const auto entry = entries->second.find(name);
  if (entry == entries->second.end()) return {};
  if (entry->second.state.known != SecretState::Known::kNotRead) {
    SecretState state = entry->second.state;
    state.watched = access_ == SecretAccess::kNamespaced || state.secret.labelled;
    return state;
  }
  if (const Watch* watch = refusing_watch(ns)) {
    return {SecretState::Known::kRefused, watch->status().refusal, {}};
  }
  return {};
}

void SecretSources::Impl::refresh_uncovered(const std::string& ns) {
  if (access_ == SecretAccess::kNamespaced) return;
  const auto entries = entries_.find(ns);
  const Watch* watch = watch_of(ns);
  if (entries == entries_.end() || watch == nullptr || !watch->synced()) return;
  for (const auto& [name, entry] : entries->second) {
    if (!entry.state.secret.labelled) read({ns, name});
  }
}

bool SecretSources::Impl::settled() const {
  return std::ranges::all_of(entries_, [this](const auto& of_namespace) {
    const auto& [ns, entries] = of_namespace;
    const bool all_read = std::ranges::none_of(entries, [](const auto& entry) {
      return entry.second.state.known == SecretState::Known::kNotRead;
    });
    return all_read || refusing_watch(ns) != nullptr;
  });
}

kube::ReflectorStatus SecretSources::Impl::status() const {
  using Settled = kube::ReflectorStatus::Settled;
  kube::ReflectorStatus all = ended_;
  all.settled = Settled::kSynced;
  for (const auto& [key, watch] : watches_) {
    const kube::ReflectorStatus& one = watch->status();
    add_counts(all, one);
    if (all.settled != Settled::kRefused && one.settled != Settled::kSynced) {
      all.settled = one.settled;
    }
    const bool oldest =
        all.last_heard == clock::Steady::time_point() || one.last_heard < all.last_heard;
    if (oldest) all.last_heard = one.last_heard;
  }
  return all;
}

void SecretSources::Impl::stop() {
  stopped_ = true;
  round_over_.cancel();
  watches_.clear();
  entries_.clear();
}

SecretSources::Impl::Entry* SecretSources::Impl::find(const kube::ObjectKey& key) {
  const auto entries = entries_.find(key.ns);
  if (entries == entries_.end()) return nullptr;
  const auto entry = entries->second.find(key.name);
  return entry == entries->second.end() ? nullptr : &entry->second;
}

void SecretSources::Impl::set(const kube::ObjectKey& key, Entry& entry, SecretState state) {
  const bool same = entry.state.known == state.known && entry.state.why == state.why &&
                    same_secret(entry.state.secret, state.secret);
  if (same) return;
  entry.state = std::move(state);
  changed_(key.ns);
}

void SecretSources::Impl::absent(const kube::ObjectKey& key) {
  Entry* entry = find(key);
  if (entry == nullptr) return;
  entry->seen = ++said_;
  if (access_ == SecretAccess::kCluster) {
    read(key);  // it may be there without the label
  } else {
    set(key, *entry, {SecretState::Known::kMissing, "", {}});
  }
}

void SecretSources::Impl::read_from(std::set<kube::ObjectKey>& queue, const kube::ObjectKey& key) {
  Entry* entry = find(key);
  if (entry == nullptr || std::exchange(entry->reading, true)) return;
  queue.insert(key);
  read_on();
}

void SecretSources::Impl::read_on() {
  if (stopped_) return;
  if (!listing_ && new_.size() >= kWorthAList) {
    listing_ = true;
    asio::co_spawn(rest_.executor(), list_new(shared_from_this()), asio::detached);
  }
  while (reads_ < kReadsAtOnce) {
    auto& queue = unread_.empty() && !listing_ ? new_ : unread_;
    if (queue.empty()) return;
    ++reads_;
    asio::co_spawn(rest_.executor(),
                   read_one(shared_from_this(), queue.extract(queue.begin()).value()),
                   asio::detached);
  }
}

asio::awaitable<void> SecretSources::Impl::read_one(std::shared_ptr<Impl> self,
                                                    kube::ObjectKey key) {
  const Entry* entry = self->find(key);
  bool known = entry == nullptr;
  if (!known) {
    const std::uint64_t seen = entry->seen;
    const auto answer = co_await self->rest_.get(kSecrets.path(key));
    known = self->stopped_ || self->take(key, seen, answer);
  }
  --self->reads_;
  self->read_on();
  if (known) co_return;
  asio::steady_timer retry(self->rest_.executor(), kReadRetry);
  boost::system::error_code ignored;
  co_await retry.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  self->unread_.insert(std::move(key));
  self->read_on();
}

asio::awaitable<void> SecretSources::Impl::list_new(std::shared_ptr<Impl> self) {
  std::map<kube::ObjectKey, std::uint64_t> wanted;
  for (const kube::ObjectKey& key : std::exchange(self->new_, {})) {
    if (const Entry* entry = self->find(key)) wanted.emplace(key, entry->seen);
  }
  std::function<void(const kube::ObjectMeta&, const rapidjson::Value&)> take =
      [&](const kube::ObjectMeta& meta, const rapidjson::Value& object) {
        const auto found = wanted.find(meta.key);
        if (found == wanted.end()) return;
        auto secret = api::decode_secret(meta, object);
        if (secret && self->take(meta.key, found->second, std::move(*secret))) wanted.erase(found);
      };
  auto list = kube::read_list(self->rest_, collection_of(""), std::move(take));
  (void)co_await std::move(list);  // what it has not brought is read one by one
  self->listing_ = false;
  for (const auto& [key, seen] : wanted) self->unread_.insert(key);
  self->read_on();
}

bool SecretSources::Impl::take(const kube::ObjectKey& key, std::uint64_t seen, api::Secret secret) {
  Entry* entry = find(key);
  if (entry == nullptr) return true;
  if (entry->seen != seen) return false;
  entry->reading = false;
  set(key, *entry, {SecretState::Known::kPresent, "", std::move(secret)});
  return true;
}

bool SecretSources::Impl::take(const kube::ObjectKey& key, std::uint64_t seen,
                               const kube::ApiResult<std::string>& answer) {
  using Kind = kube::ApiError::Kind;
  Entry* entry = find(key);
  if (entry == nullptr) return true;
  const bool stale = entry->seen != seen;
  if (stale && access_ == SecretAccess::kNamespaced) {
    entry->reading = false;
    return true;  // the watch knows better, and goes on to
  }
  if (stale) return false;
  if (answer) {
    const auto object = kube::parse_json(*answer, api::secret_projection());
    if (!object) return false;
    auto secret = api::decode_secret({}, *object);
    return secret && take(key, seen, std::move(*secret));
  }
  const kube::ApiError& error = answer.error();
  if (error.kind == Kind::kClosed) return true;
  if (error.says_object_is_gone()) {
    entry->reading = false;
    set(key, *entry, {SecretState::Known::kMissing, "", {}});
    return true;
  }
  if (error.kind == Kind::kForbidden || error.kind == Kind::kInvalid) {
    set(key, *entry, {SecretState::Known::kRefused, error.message, {}});
  }
  return false;
}

SecretSources::SecretSources(kube::RestClient& rest, SecretAccess access, Changed changed,
                             log::Logger logger, std::chrono::milliseconds round)
    : impl_(std::make_shared<Impl>(rest, access, std::move(changed), std::move(logger), round)) {
  impl_->start();
}

SecretSources::~SecretSources() {
  impl_->stop();
}

void SecretSources::reference(const std::string& ns, std::set<std::string> names) {
  impl_->reference(ns, std::move(names));
}

SecretState SecretSources::lookup(const std::string& ns, std::string_view name) const {
  return impl_->lookup(ns, name);
}

void SecretSources::refresh_uncovered(const std::string& ns) {
  impl_->refresh_uncovered(ns);
}

bool SecretSources::settled() const {
  return impl_->settled();
}

std::size_t SecretSources::watches() const {
  return impl_->watches();
}

kube::ReflectorStatus SecretSources::status() const {
  return impl_->status();
}

void SecretSources::stop() {
  impl_->stop();
}

}  // namespace receiver::controllers
