#include "kube/reflector.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <random>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "async/kept_alive.h"
#include "async/sleeper.h"
#include "clock/timer.h"
#include "kube/list.h"
#include "kube/list_reader.h"
#include "kube/object_meta.h"
#include "kube/reflector_decoder.h"
#include "kube/reflector_request.h"
#include "kube/reflector_state.h"
#include "kube/watch_reader.h"
#include "log/log_throttle.h"

namespace receiver::kube {

namespace asio = boost::asio;
using namespace reflecting;  // NOLINT(google-build-using-namespace): the machine that this is the
                             // the shell around the state machine
using Settled = ReflectorStatus::Settled;
using clock::Steady;

namespace {

/// Any number of watches may buffer this much of an event at the same time.
constexpr std::size_t kSmallEventBytes = 8 * 1024;

/// Replicas that are woken together come back within this time, spread.
constexpr std::chrono::milliseconds kWakeJitter{500};

/// Wipes what passes: even of Secrets, only what the sink keeps may stay in memory.
class WipeAtEnd {
 public:
  explicit WipeAtEnd(json::Document& document) : document_(document) {}
  ~WipeAtEnd() { json::wipe(document_); }
  WipeAtEnd(const WipeAtEnd&) = delete;
  WipeAtEnd& operator=(const WipeAtEnd&) = delete;

 private:
  json::Document& document_;
};

}  // namespace

/// The shell around the state machine: carries out its actions and reports the results.
class Reflector::Impl {
 public:
  Impl(RestClient& rest, ReflectorOptions options, ObjectSink& sink, log::Logger logger)
      : rest_(rest),
        options_(std::move(options)),
        sink_(sink),
        logger_(std::move(logger)),
        name_(options_.resource.name()),
        decoder_(options_.projection, options_.wanted),
        backoff_(options_.times.backoff),
        chance_(std::random_device()()),
        rest_over_(rest.executor()),
        ended_(rest.executor(), Steady::time_point::max()) {}

  asio::awaitable<void> run(async::KeptAlive alive);
  void stop();

  std::function<void(const ReflectorStatus&)> on_settled, on_tried;
  std::function<void(bool)> on_current;
  ReflectorStatus status;

 private:
  asio::awaitable<void> session(async::KeptAlive);
  asio::awaitable<Input> perform(Action action);
  asio::awaitable<Input> read_page(ReadPage page);
  asio::awaitable<Input> watch(OpenWatch watch);
  asio::awaitable<Input> rest_for(std::chrono::milliseconds at_least);
  void cut_rest_short();

  void take_item(const ListReader::Item& item);
  bool take_event(const WatchReader::Event& event);
  void take_object_event(const WatchEvent& event);
  void move_to(std::string_view version);
  void skip_bad(const ObjectKey& key, std::string_view why);

  Action advance(Input input);
  void note(const Input& input);
  void note_answer();
  void note_failure(std::string failure);
  void note_recovery();
  void set_current(bool current);
  void settle();
  void tell_tried();
  [[nodiscard]] std::string refusal_text(const ApiError& error) const;
  double random() { return std::uniform_real_distribution<>()(chance_); }

  RestClient& rest_;
  const ReflectorOptions options_;
  ObjectSink& sink_;
  log::Logger logger_;
  const std::string name_;
  const Decoder decoder_;

  State state_;
  Backoff backoff_;
  std::minstd_rand chance_;
  Steady::time_point rest_until_;
  clock::Timer rest_over_;
  std::optional<Recovery::Waiting> recovery_;  ///< of an API server that could not be reached
  clock::Timer ended_;                         ///< cancelled when run() may end
  bool stopped_ = false;
  bool session_over_ = false;
  std::exception_ptr thrown_;

  bool replacing_ = false;  ///< between the sink's begin_replace() and its end
  std::uint64_t events_before_watch_ = 0;
  std::optional<ApiError> error_event_;
  bool unreachable_ = false;  ///< the last failure: the API server could not be reached
  bool away_ = false;   ///< the API server could not be reached, and nothing has arrived since
  bool tried_ = false;  ///< there is a result that on_tried has not received
  log::LogThrottle bad_object_lines_;
};

asio::awaitable<void> Reflector::Impl::run(async::KeptAlive alive) {
  if (stopped_) co_return;
  // A separate coroutine, so that run() need not wait for an answer in flight.
  asio::co_spawn(rest_.executor(), session(alive), [this, alive](std::exception_ptr thrown) {
    thrown_ = std::move(thrown);
    session_over_ = true;
    ended_.cancel();
  });
  while (!session_over_ && !stopped_) {
    boost::system::error_code ignored;
    co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (thrown_) std::rethrow_exception(thrown_);
}

void Reflector::Impl::stop() {
  if (std::exchange(stopped_, true)) return;
  if (std::exchange(replacing_, false)) sink_.abort_replace();
  recovery_.reset();
  rest_over_.cancel();
  ended_.cancel();
}

asio::awaitable<void> Reflector::Impl::session(async::KeptAlive) {
  Step first = begin();
  state_ = std::move(first.state);
  Action action = std::move(first.action);
  while (!stopped_ && !std::holds_alternative<End>(action)) {
    Input input = co_await perform(std::move(action));
    if (stopped_) co_return;
    action = advance(std::move(input));
  }
}

asio::awaitable<Input> Reflector::Impl::perform(Action action) {
  if (auto* page = std::get_if<ReadPage>(&action)) return read_page(std::move(*page));
  if (auto* open = std::get_if<OpenWatch>(&action)) return watch(std::move(*open));
  if (auto* pause = std::get_if<Rest>(&action)) return rest_for(pause->at_least);
  // watch() handles ReadOn, session() handles End.
  return rest_for({});
}

// Listing -------------------------------------------------------------------------------------

asio::awaitable<Input> Reflector::Impl::read_page(ReadPage page) {
  if (page.continue_token.empty()) {
    ++status.lists;
    replacing_ = true;
    sink_.begin_replace();
  }
  const ListReader::OnItem take = [this](const ListReader::Item& item) { take_item(item); };
  const std::function<bool()> on_heard = [this] {
    if (!stopped_) status.last_heard = Steady::now();
    return !stopped_;
  };
  auto read = co_await reflecting::read_page(rest_, options_, page, take, on_heard);
  if (stopped_) co_return StopAsked{};
  if (!read) co_return Failed{std::move(read.error())};
  if (read->continue_token.empty()) {
    replacing_ = false;
    sink_.end_replace();
  }
  co_return PageRead{std::move(*read)};
}

void Reflector::Impl::take_item(const ListReader::Item& item) {
  if (stopped_) return;
  const auto unreadable = [&](std::string_view why) {
    const ObjectKey key = key_in_beginning(item.json);
    sink_.keep_listed(key);
    skip_bad(key, fmt::format("item {} of a list: {}", item.position, why));
  };
  if (item.too_large) return unreadable("it is too large");
  auto object = decoder_.item(item.json);
  if (!object) return unreadable(object.error());
  if (!*object) return;
  const WipeAtEnd wiped(**object);
  const auto meta = read_meta(**object);
  if (!meta) return unreadable(meta.error());
  if (const auto added = sink_.add_listed(*meta, **object); !added) {
    skip_bad(meta->key, added.error());
  }
}

// Watching ------------------------------------------------------------------------------------

asio::awaitable<Input> Reflector::Impl::watch(OpenWatch watch) {
  ++status.watches;
  auto opened = co_await rest_.open(watch_target(options_, watch, random()), Lane::kWatches,
                                    options_.times.watch_head);
  if (stopped_) co_return StopAsked{};
  if (!opened) co_return Failed{std::move(opened.error())};
  const auto stream = std::move(*opened);
  note_recovery();
  set_current(true);
  tell_tried();
  if (stopped_) co_return StopAsked{};
  const auto begun = Steady::now();
  events_before_watch_ = status.events;
  error_event_.reset();
  unreachable_ = false;
  note_answer();
  WatchReader reader([this](const WatchReader::Event& event) { return take_event(event); });
  std::string ended = "the server ended the watch";
  std::shared_ptr<void> large_event;
  while (true) {
    // Collections of whole kinds are few, and their large events, such as Warehouses, need not wait
    // for one another.
    if (!options_.ns.empty() && reader.held() > kSmallEventBytes && !large_event) {
      large_event = co_await rest_.hold_large_event();
      if (stopped_) co_return StopAsked{};
    }
    // During a large event, for which others wait, silence is not normal.
    const auto silence = large_event ? options_.times.list_silence : options_.times.watch_silence;
    const auto piece = co_await stream->next(silence);
    if (stopped_) co_return StopAsked{};
    if (!piece) {
      if (piece.error().kind == http::ClientError::Kind::kClosed) {
        co_return Failed{broken(piece.error())};
      }
      ended = piece.error().message;
      unreachable_ = true;
      break;
    }
    if (piece->empty()) break;
    status.last_heard = Steady::now();
    if (auto fed = reader.feed(*piece); !fed) co_return Failed{malformed(std::move(fed.error()))};
    if (reader.held() == 0) large_event.reset();
    if (stopped_) co_return StopAsked{};
    if (error_event_) co_return Failed{std::move(*error_event_)};
  }
  const bool lived =
      status.events != events_before_watch_ || Steady::now() - begun >= options_.times.watch_life;
  logger_.debug(
      "a watch ended",
      {{"resource", name_}, {"namespace", options_.ns}, {"reason", ended}, {"lived", lived}});
  co_return StreamEnded{lived};
}

bool Reflector::Impl::take_event(const WatchReader::Event& event) {
  ++status.events;
  if (event.too_large) {
    skip_bad(key_in_event(event.json), "an event of a watch: it is too large");
    return true;
  }
  auto read = decoder_.event(event.json);
  if (!read) {
    skip_bad(key_in_event(event.json), "an event of a watch: " + read.error());
    return true;
  }
  const WipeAtEnd wiped(read->document);
  switch (read->type) {
    case WatchEvent::Type::kError: {
      const auto code = json::int_at(read->object(), "/code").value_or(500);
      error_event_ =
          error_from_answer(code >= 400 && code < 600 ? static_cast<unsigned>(code) : 500, {},
                            json::to_text(read->object()), clock::Wall::now());
      return false;
    }
    case WatchEvent::Type::kBookmark:
      move_to(json::string_at(read->object(), "/metadata/resourceVersion"));
      return true;
    case WatchEvent::Type::kAdded:
    case WatchEvent::Type::kModified:
    case WatchEvent::Type::kDeleted:
      take_object_event(*read);
      break;
  }
  return !stopped_;
}

void Reflector::Impl::take_object_event(const WatchEvent& event) {
  const auto meta = read_meta(event.object());
  if (!meta) return skip_bad({}, "an event of a watch: " + meta.error());
  // Advance first: if the sink throws, the event is not requested again and again.
  move_to(meta->resource_version);
  if (!decoder_.wants(meta->key)) return;
  if (event.type == WatchEvent::Type::kDeleted) {
    sink_.remove(meta->key);
  } else if (const auto changed = sink_.upsert(*meta, event.object()); !changed) {
    skip_bad(meta->key, changed.error());
  }
}

void Reflector::Impl::move_to(std::string_view version) {
  state_ = step(std::move(state_), EventRead{std::string(version)}).state;
}

void Reflector::Impl::skip_bad(const ObjectKey& key, std::string_view why) {
  ++status.bad_objects;
  if (const auto held_back = bad_object_lines_.admit()) {
    logger_.warn("cannot read an object; it is skipped, and an older copy is kept",
                 {{"resource", name_},
                  {"object", key.name.empty() ? "?" : key.str()},
                  {"error", why},
                  {"suppressed", *held_back}});
  }
}

// Between them --------------------------------------------------------------------------------

asio::awaitable<Input> Reflector::Impl::rest_for(std::chrono::milliseconds at_least) {
  const auto now = Steady::now();
  const auto wait = std::max(backoff_.next(now, random()), at_least);
  const auto level = status.failures_in_a_row == 1 ? log::Level::kWarn : log::Level::kDebug;
  logger_.write(level, "cannot list or watch",
                {{"resource", name_},
                 {"namespace", options_.ns},
                 {"error", status.failure},
                 {"retry_in_ms", wait.count()}});
  rest_until_ = now + wait;
  if (unreachable_) recovery_.emplace(rest_.recovery(), [this] { cut_rest_short(); });
  while (!stopped_ && Steady::now() < rest_until_) {
    co_await async::sleep_until(rest_over_, rest_until_);
  }
  recovery_.reset();
  co_return Rested{};
}

/// Another request has succeeded: the API server can be reached again.
void Reflector::Impl::cut_rest_short() {
  const auto now = Steady::now();
  if (!backoff_.wake(now)) return;
  // Collections of whole kinds are few; those of namespaces may be a thousand.
  const auto turn =
      options_.ns.empty() ? std::optional(now) : rest_.recovery().turn(now, rest_until_);
  if (!turn) return;
  const auto jitter = std::chrono::duration_cast<Steady::duration>(kWakeJitter * random());
  rest_until_ = std::min(rest_until_, *turn + jitter);
  rest_over_.cancel();
}

Action Reflector::Impl::advance(Input input) {
  // Not current until the next watch is open. A watch that ended normally is opened again at once;
  // if that fails, it is reported then.
  const auto* ended = std::get_if<StreamEnded>(&input);
  if (ended == nullptr || !ended->lived) set_current(false);
  note(input);
  Step next = step(std::move(state_), std::move(input));
  state_ = std::move(next.state);
  settle();
  tell_tried();
  return std::move(next.action);
}

void Reflector::Impl::note(const Input& input) {
  if (const auto* ended = std::get_if<StreamEnded>(&input); ended != nullptr && !ended->lived) {
    note_failure("the watch ended immediately");
  }
  if (std::holds_alternative<PageRead>(input)) note_recovery();
  const auto* failed = std::get_if<Failed>(&input);
  if (failed == nullptr) return;
  unreachable_ = failed->error.unreachable();
  if (unreachable_) {
    away_ = true;
  } else {
    note_answer();
  }
  note_failure(failed->error.message);
  const auto kind = failed->error.kind;
  if (kind == ApiError::Kind::kForbidden || kind == ApiError::Kind::kNotFound) {
    status.refusal = refusal_text(failed->error);
    status.kind_is_unknown = kind == ApiError::Kind::kNotFound;
  }
}

/// A server that answers again after an outage may reject everything for another moment, or have
/// lost the version. It gets a fast second attempt.
void Reflector::Impl::note_answer() {
  if (std::exchange(away_, false)) backoff_.reset();
}

void Reflector::Impl::note_failure(std::string failure) {
  ++status.failures;
  ++status.failures_in_a_row;
  status.failure = std::move(failure);
  tried_ = true;
}

void Reflector::Impl::note_recovery() {
  status.refusal.clear();
  status.failure.clear();
  if (std::exchange(status.failures_in_a_row, 0) == 0) return;
  tried_ = true;
  logger_.info("list and watch work again", {{"resource", name_}, {"namespace", options_.ns}});
}

void Reflector::Impl::set_current(bool current) {
  if (std::exchange(status.current, current) == current) return;
  if (on_current) on_current(current);
}

void Reflector::Impl::settle() {
  const Settled now = state_.synced     ? Settled::kSynced
                      : refused(state_) ? Settled::kRefused
                                        : Settled::kNotYet;
  if (std::exchange(status.settled, now) == now) return;
  if (now == Settled::kRefused) logger_.warn(status.refusal, {{"resource", name_}});
  if (on_settled) on_settled(status);
}

void Reflector::Impl::tell_tried() {
  if (std::exchange(tried_, false) && !stopped_ && on_tried) on_tried(status);
}

std::string Reflector::Impl::refusal_text(const ApiError& error) const {
  const std::string where = options_.ns.empty() ? "" : " in namespace " + options_.ns;
  if (error.kind == ApiError::Kind::kNotFound) {
    return fmt::format("the API server does not know {} of version {}: is the CRD installed?",
                       name_, options_.resource.version);
  }
  return fmt::format("{} {}{}: {}",
                     error.lacks_permission() ? "forbidden to list and watch"
                                              : "the API server rejects list and watch of",
                     name_, where, error.message);
}

// ---------------------------------------------------------------------------------------------

Reflector::Reflector(RestClient& rest, ReflectorOptions options, ObjectSink& sink,
                     log::Logger logger)
    : impl_(std::make_shared<Impl>(rest, std::move(options), sink, std::move(logger))) {}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer throws by declaration only
Reflector::~Reflector() {
  impl_->stop();
}

void Reflector::on_settled(std::function<void(const ReflectorStatus&)> callback) {
  impl_->on_settled = std::move(callback);
}

void Reflector::on_current(std::function<void(bool)> callback) {
  impl_->on_current = std::move(callback);
}

void Reflector::on_tried(std::function<void(const ReflectorStatus&)> callback) {
  impl_->on_tried = std::move(callback);
}

asio::awaitable<void> Reflector::run() {
  return impl_->run(impl_);
}

void Reflector::stop() {
  impl_->stop();
}

const ReflectorStatus& Reflector::status() const {
  return impl_->status;
}

}  // namespace receiver::kube
