#include "controllers/secret_sources.h"

#include <map>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "async/kept_alive.h"
#include "clock/timer.h"
#include "crypto/crypto.h"
#include "kube/reflector.h"
#include "log/end_on_exception.h"

namespace receiver::controllers {

namespace asio = boost::asio;
using clock::Steady;

namespace {

const kube::Resource kSecrets{"", "v1", "secrets"};
constexpr std::string_view kLabelSelector = "kargo.akuity.io/cred-type=generic";
/// For the Secrets of one namespace: three unanswered lists must not take minutes, because
/// readiness waits for them.
constexpr std::chrono::milliseconds kListTimeout{20'000};

void add_counts(kube::ReflectorStatus& sum, const kube::ReflectorStatus& status) {
  sum.lists += status.lists;
  sum.watches += status.watches;
  sum.events += status.events;
  sum.bad_objects += status.bad_objects;
  sum.failures += status.failures;
}

/// The decoded Secret. No copy of the answer stays in memory.
kube::ApiResult<api::Secret> decode(kube::ApiResult<std::string> answer) {
  if (!answer) return tl::unexpected(std::move(answer.error()));
  auto object = json::parse(*answer, api::secret_projection());
  crypto::wipe(*answer);
  auto secret = object.and_then(
      [](const rapidjson::Value& document) { return api::decode_secret({}, document); });
  if (object) json::wipe(*object);
  if (secret) return std::move(*secret);
  return tl::unexpected(
      kube::make_error(kube::ApiError::Kind::kMalformed, std::move(secret.error())));
}

}  // namespace

class SecretSources::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(kube::RestClient& rest, SecretAccess access, Changed changed, log::Logger logger)
      : rest_(rest),
        changed_(std::move(changed)),
        logger_(std::move(logger)),
        book_(access),
        due_(rest.executor()) {}

  [[nodiscard]] SecretBook& book() { return book_; }
  /// Carries out the book's actions.
  void act(SecretBook::Actions actions);
  [[nodiscard]] std::size_t watches() const { return watches_.size(); }
  [[nodiscard]] kube::ReflectorStatus status() const;
  void stop();
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  class Watch;

  void perform(const SecretBook::OpenWatch& open);
  void perform(const SecretBook::CloseWatch& watch);
  void perform(SecretBook::ReadOne& read);
  void perform(const SecretBook::Changed& change);
  void perform(const SecretBook::SourceFails& fails);
  asio::awaitable<void> read_one(async::KeptAlive, SecretBook::ReadOne read);
  void close(const std::string& source);
  void wait_for_due();

  kube::RestClient& rest_;
  const Changed changed_;
  const log::Logger logger_;
  SecretBook book_;
  clock::Timer due_;
  std::optional<Steady::time_point> waits_for_;  ///< the time that due_ is set to
  bool stopped_ = false;
  kube::ReflectorStatus ended_;  ///< the counts of former watches
  std::map<std::string, std::unique_ptr<Watch>> watches_;
};

/// A reflector, and the sink that passes its events to the book. An action of the book may end the
/// watch: each function acts last.
class SecretSources::Impl::Watch final : public kube::ObjectSink {
 public:
  Watch(Impl& owner, const std::string& source)
      : owner_(owner),
        source_(source),
        reflector_(owner.rest_, options(owner, source), *this, owner.logger_) {
    reflector_.on_settled([this](const kube::ReflectorStatus& now) {
      if (now.settled != kube::ReflectorStatus::Settled::kRefused) return;
      owner_.act(owner_.book_.refused(source_, now.refusal, Steady::now()));
    });
    reflector_.on_tried([this](const kube::ReflectorStatus& now) {
      if (now.failures_in_a_row == 0) return owner_.book_.recovered(source_);
      owner_.act(owner_.book_.failed(source_, now.failure, Steady::now()));
    });
    asio::co_spawn(owner_.rest_.executor(), reflector_.run(),
                   log::EndOnException{owner_.logger_, "a watch of Secrets"});
  }

  [[nodiscard]] const kube::ReflectorStatus& status() const { return reflector_.status(); }

  void begin_replace() override { owner_.book_.list_began(source_); }
  tl::expected<void, std::string> add_listed(const kube::ObjectMeta& meta,
                                             const rapidjson::Value& object) override {
    return upsert(meta, object);
  }
  void keep_listed(const kube::ObjectKey& key) override {
    owner_.act(owner_.book_.unreadable(key, "it is no JSON", Steady::now()));
  }
  void end_replace() override { owner_.act(owner_.book_.list_ended(source_, Steady::now())); }
  void abort_replace() override {}
  tl::expected<void, std::string> upsert(const kube::ObjectMeta& meta,
                                         const rapidjson::Value& object) override {
    auto secret = api::decode_secret(meta, object);
    if (secret) {
      owner_.act(owner_.book_.upserted(meta.key, std::move(*secret)));
      return {};
    }
    owner_.act(owner_.book_.unreadable(meta.key, secret.error(), Steady::now()));
    return tl::unexpected(std::move(secret.error()));
  }
  void remove(const kube::ObjectKey& key) override {
    owner_.act(owner_.book_.removed(key, Steady::now()));
  }

 private:
  static kube::ReflectorOptions options(const Impl& owner, const std::string& source) {
    kube::ReflectorTimes times;
    if (!source.empty()) times.list_head = kListTimeout;
    return {
        .resource = kSecrets,
        .ns = source,
        .label_selector = std::string(source.empty() ? kLabelSelector : std::string_view()),
        .field_selector = {},
        .projection = api::secret_projection(),
        .times = times,
        .wanted = [&book = owner.book_](const kube::ObjectKey& key) { return book.names(key); }};
  }

  Impl& owner_;
  const std::string source_;
  kube::Reflector reflector_;
};

void SecretSources::Impl::act(SecretBook::Actions actions) {
  for (SecretBook::Action& action : actions) {
    if (stopped_) return;
    std::visit([this](auto& one) { perform(one); }, action);
  }
  wait_for_due();
}

void SecretSources::Impl::perform(const SecretBook::OpenWatch& open) {
  watches_.emplace(open.source, std::make_unique<Watch>(*this, open.source));
}

void SecretSources::Impl::perform(const SecretBook::CloseWatch& watch) {
  close(watch.source);
}

void SecretSources::Impl::perform(SecretBook::ReadOne& read) {
  std::string part = "a read of Secret " + read.key.str();
  asio::co_spawn(rest_.executor(), read_one(shared_from_this(), std::move(read)),
                 log::EndOnException{logger_, std::move(part)});
}

void SecretSources::Impl::perform(const SecretBook::Changed& change) {
  changed_(change.ns);
}

void SecretSources::Impl::perform(const SecretBook::SourceFails& fails) {
  logger_.warn("cannot watch Secrets; receivers whose Secrets can be read one by one are served",
               {{"namespace", fails.source.empty() ? "all" : fails.source}, {"error", fails.why}});
}

void SecretSources::Impl::close(const std::string& source) {
  const auto closed = watches_.extract(source);
  if (closed.empty()) return;
  add_counts(ended_, closed.mapped()->status());
}

void SecretSources::Impl::wait_for_due() {
  const auto next = stopped_ ? std::nullopt : book_.next_due();
  if (next == waits_for_) return;
  waits_for_ = next;
  due_.cancel();
  if (!next) return;
  due_.expires_at(*next);
  due_.async_wait(
      [this, weak = weak_from_this(), next](const boost::system::error_code& cancelled) {
        const auto alive = weak.lock();
        if (cancelled || !alive || waits_for_ != next) return;
        waits_for_.reset();
        act(book_.due(Steady::now()));
      });
}

asio::awaitable<void> SecretSources::Impl::read_one(async::KeptAlive, SecretBook::ReadOne read) {
  if (stopped_) co_return;
  auto answer = co_await rest_.get(kSecrets.path(read.key), SecretBook::kReadTimeout);
  if (stopped_) co_return;
  act(book_.answered(read.ticket, decode(std::move(answer)), Steady::now()));
}

kube::ReflectorStatus SecretSources::Impl::status() const {
  using Settled = kube::ReflectorStatus::Settled;
  kube::ReflectorStatus all = ended_;
  all.settled = Settled::kSynced;
  for (const auto& [source, watch] : watches_) {
    const kube::ReflectorStatus& one = watch->status();
    add_counts(all, one);
    if (all.settled != Settled::kRefused && one.settled != Settled::kSynced) {
      all.settled = one.settled;
    }
    const bool oldest = all.last_heard == Steady::time_point() || one.last_heard < all.last_heard;
    if (oldest) all.last_heard = one.last_heard;
  }
  return all;
}

void SecretSources::Impl::stop() {
  stopped_ = true;
  due_.cancel();
  while (!watches_.empty()) close(std::string(watches_.begin()->first));
  book_.clear();
}

SecretSources::SecretSources(kube::RestClient& rest, SecretAccess access, Changed changed,
                             log::Logger logger)
    : impl_(std::make_shared<Impl>(rest, access, std::move(changed), std::move(logger))) {}

SecretSources::~SecretSources() {
  impl_->stop();
}

void SecretSources::reference(const std::string& ns, std::set<std::string> names) {
  if (!impl_->stopped()) impl_->act(impl_->book().referenced(ns, names, Steady::now()));
}

void SecretSources::owners_settled() {
  if (!impl_->stopped()) impl_->act(impl_->book().owners_settled());
}

SecretState SecretSources::lookup(const std::string& ns, std::string_view name) const {
  return impl_->book().lookup(ns, name);
}

void SecretSources::refresh_uncovered(const std::string& ns) {
  if (!impl_->stopped()) impl_->act(impl_->book().asked(ns, Steady::now()));
}

bool SecretSources::settled() const {
  return impl_->book().settled(Steady::now());
}

std::string SecretSources::trouble() const {
  return impl_->book().trouble();
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
