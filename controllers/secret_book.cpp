#include "controllers/secret_book.h"

#include <algorithm>

#include <fmt/format.h>

namespace receiver::controllers {

namespace {

/// Something was read, even if a later read failed.
bool was_read(SecretState::Known known) {
  return known == SecretState::Known::kPresent || known == SecretState::Known::kMissing;
}

/// The server understood the request and rejected it.
bool is_refusal(const kube::ApiError& error) {
  using Kind = kube::ApiError::Kind;
  return error.kind == Kind::kForbidden || error.kind == Kind::kNotFound ||
         error.kind == Kind::kInvalid;
}

}  // namespace

// What has happened -------------------------------------------------------------------------------

SecretBook::Actions SecretBook::referenced(const std::string& ns,
                                           const std::set<std::string>& names, Time now) {
  Actions actions;
  Entries& entries = entries_[ns];
  for (auto at = entries.begin(); at != entries.end();) {
    const auto here = at++;
    if (names.contains(here->first)) continue;
    unschedule({ns, here->first}, here->second);
    entries.erase(here);
  }
  const std::string name_of_source = source_name(ns);
  if (names.empty()) {
    entries_.erase(ns);
    if (access_ == SecretAccess::kNamespaced && sources_.erase(ns) > 0) {
      actions.emplace_back(CloseWatch{ns});
    }
    return actions;
  }
  const bool may_open = access_ == SecretAccess::kNamespaced || owners_settled_;
  if (may_open && sources_.try_emplace(name_of_source).second) {
    actions.emplace_back(OpenWatch{name_of_source});
  }
  const Source* source = source_of(ns);
  for (const std::string& name : names) {
    const auto [entry, is_new] = entries.try_emplace(name);
    if (!is_new) continue;
    entry->second.own = ++stamp_;
    // A list that has begun may have missed it; one that has not begun will contain it.
    if (source != nullptr && source->list_began > 0 && reads_singly(source)) {
      schedule({ns, name}, entry->second, now);
    }
  }
  start_reads(actions, now);
  return actions;
}

SecretBook::Actions SecretBook::owners_settled() {
  owners_settled_ = true;
  const bool waited = access_ == SecretAccess::kCluster && !entries_.empty();
  if (!waited || !sources_.try_emplace("").second) return {};
  return {OpenWatch{""}};
}

SecretBook::Actions SecretBook::asked(const std::string& ns, Time now) {
  Actions actions;
  const auto of_namespace = entries_.find(ns);
  const Source* source = source_of(ns);
  const bool tried = source != nullptr && source->phase != Source::Phase::kUntried;
  if (of_namespace == entries_.end() || !tried || !reads_singly(source)) return actions;
  for (auto& [name, entry] : of_namespace->second) {
    if (entry.ticket == 0 && !covered(source, entry)) schedule({ns, name}, entry, now);
  }
  start_reads(actions, now);
  return actions;
}

void SecretBook::list_began(const std::string& source) {
  const auto found = sources_.find(source);
  if (found == sources_.end()) return;
  found->second.list_began = ++stamp_;
  found->second.listing = true;
}

SecretBook::Actions SecretBook::list_ended(const std::string& source, Time now) {
  Actions actions;
  const auto found = sources_.find(source);
  if (found == sources_.end()) return actions;
  const bool first =
      std::exchange(found->second.phase, Source::Phase::kFollowed) != Source::Phase::kFollowed;
  found->second.why.clear();
  found->second.failures = 0;
  found->second.listing = false;
  for_each_of(source, [&](const std::string& ns, Entries& entries) {
    bool changed = first;
    for (auto& [name, entry] : entries) {
      if (entry.told > found->second.list_began) continue;
      if (!newer_than_list(found->second, entry)) {
        changed = absent({ns, name}, entry, now) || changed;
        continue;
      }
      // It is unknown whether the list or a read since it began is newer, and the watch would not
      // tell. A read that begins now is newer than both.
      entry.ticket = 0;
      entry.in_watch = false;
      schedule({ns, name}, entry, now);
    }
    if (changed) actions.emplace_back(Changed{ns});
  });
  start_reads(actions, now);
  return actions;
}

SecretBook::Actions SecretBook::upserted(const kube::ObjectKey& key, api::Secret secret) {
  Entry* entry = find(key);
  if (entry == nullptr) return {};
  const Source* source = source_of(key.ns);
  const bool by_list = source != nullptr && source->listing;
  // list_ended() starts another read.
  if (by_list && was_read(entry->known) && newer_than_list(*source, *entry)) return {};
  spoken_of(key, *entry);
  entry->failures = 0;
  entry->in_watch = true;
  if (!set(*entry, Known::kPresent, "", std::move(secret))) return {};
  return {Changed{key.ns}};
}

SecretBook::Actions SecretBook::removed(const kube::ObjectKey& key, Time now) {
  Actions actions;
  Entry* entry = find(key);
  if (entry == nullptr) return actions;
  if (absent(key, *entry, now)) actions.emplace_back(Changed{key.ns});
  start_reads(actions, now);
  return actions;
}

SecretBook::Actions SecretBook::unreadable(const kube::ObjectKey& key, std::string why, Time now) {
  Entry* entry = find(key);
  if (entry == nullptr) return {};
  spoken_of(key, *entry);
  const auto error = kube::make_error(kube::ApiError::Kind::kMalformed, std::move(why));
  if (!take_failure(key, *entry, error, now)) return {};
  return {Changed{key.ns}};
}

SecretBook::Actions SecretBook::failed(const std::string& source, std::string why, Time now) {
  const auto found = sources_.find(source);
  if (found == sources_.end()) return {};
  found->second.listing = false;
  if (++found->second.failures != kTries) return {};
  switch (found->second.phase) {
    case Source::Phase::kUntried:
      return fall_back(source, Source::Phase::kFailing,
                       fmt::format("cannot list the {}: {}",
                                   source.empty() ? "labelled Secrets of all namespaces"
                                                  : "Secrets of namespace " + source,
                                   why),
                       now);
    case Source::Phase::kFollowed:
      // The known values are still served. Most outages end before the next round.
      for_each_of(source, [&](const std::string& ns, Entries& entries) {
        for (auto& [name, entry] : entries) {
          if (entry.ticket == 0 && !entry.due) schedule({ns, name}, entry, now + kRound);
        }
      });
      return {};
    case Source::Phase::kFailing:
    case Source::Phase::kRefused:
      return {};
  }
  return {};
}

SecretBook::Actions SecretBook::refused(const std::string& source, std::string why, Time now) {
  const auto found = sources_.find(source);
  if (found == sources_.end()) return {};
  const auto phase = found->second.phase;
  if (phase == Source::Phase::kFollowed || phase == Source::Phase::kRefused) return {};
  return fall_back(source, Source::Phase::kRefused, std::move(why), now);
}

void SecretBook::recovered(const std::string& source) {
  const auto found = sources_.find(source);
  if (found == sources_.end() || found->second.phase != Source::Phase::kFollowed) return;
  found->second.failures = 0;
  // The watch continues where it was, and delivers all missed events. A failed read must be
  // repeated.
  for_each_of(source, [&](const std::string& ns, Entries& entries) {
    for (auto& [name, entry] : entries) {
      const bool told = was_read(entry.known) && covered(&found->second, entry);
      if (told && entry.failures == 0) unschedule({ns, name}, entry);
    }
  });
}

SecretBook::Actions SecretBook::answered(Ticket ticket, kube::ApiResult<api::Secret> answer,
                                         Time now) {
  Actions actions;
  const auto read = reading_.extract(ticket);
  if (read.empty()) return actions;
  const kube::ObjectKey& key = read.mapped();
  Entry* entry = find(key);
  // It may have been forgotten meanwhile, or a watch may have reported it.
  if (entry != nullptr && entry->ticket == ticket) {
    entry->ticket = 0;
    if (take(key, *entry, std::move(answer), now)) actions.emplace_back(Changed{key.ns});
  }
  start_reads(actions, now);
  return actions;
}

SecretBook::Actions SecretBook::due(Time now) {
  Actions actions;
  start_reads(actions, now);
  return actions;
}

void SecretBook::clear() {
  queue_.clear();
  entries_.clear();
  sources_.clear();
}

// What is known -----------------------------------------------------------------------------------

SecretState SecretBook::lookup(const std::string& ns, std::string_view name) const {
  const auto of_namespace = entries_.find(ns);
  if (of_namespace == entries_.end()) return {};
  const auto found = of_namespace->second.find(name);
  if (found == of_namespace->second.end()) return {};
  const Entry& entry = found->second;
  const Source* source = source_of(ns);
  const auto phase = source == nullptr ? Source::Phase::kUntried : source->phase;
  SecretState state{entry.known, entry.why, entry.secret};
  if (entry.known == Known::kPresent) {
    // A short outage of a source is no reason for advice: nobody can do anything about it.
    const bool fallen_back = phase == Source::Phase::kFailing || phase == Source::Phase::kRefused;
    const bool watched = access_ == SecretAccess::kNamespaced || entry.secret.labelled;
    state.watched = watched && !fallen_back;
    if (fallen_back) state.why = source->why;
  } else if (entry.known == Known::kMissing) {
    return state;
  } else if (source != nullptr && !reads_singly(source)) {
    state = {Known::kRefused, source->why, {}};
  } else if ((phase == Source::Phase::kRefused && entry.known == Known::kRefused) ||
             (phase == Source::Phase::kFailing && entry.known == Known::kUnreadable)) {
    // The error of the whole source is more useful. A Secret that has yet to be read singly is
    // still kNotRead, because it may be served at once.
    state.why = source->why;
  }
  return state;
}

bool SecretBook::settled(Time now) const {
  const auto waits = [now](const auto& entry) {
    const auto& from = entry.second.waits_from;
    return entry.second.known == Known::kNotRead && (!from || now < *from + kPatience);
  };
  return std::ranges::all_of(entries_, [&](const auto& of_namespace) {
    const auto& [ns, entries] = of_namespace;
    const Source* source = source_of(ns);
    if (source == nullptr || source->phase == Source::Phase::kUntried) return false;
    return !reads_singly(source) || std::ranges::none_of(entries, waits);
  });
}

std::string SecretBook::trouble() const {
  std::string first;
  int others = -1;
  for (const auto& [name, source] : sources_) {
    if (source.why.empty()) continue;
    if (++others == 0) first = source.why;
  }
  return others > 0 ? fmt::format("{} (and {} more)", first, others) : first;
}

std::optional<SecretBook::Time> SecretBook::next_due() const {
  if (reading_.size() >= kReadsAtOnce) return std::nullopt;
  const auto next = std::ranges::find_if(
      queue_, [this](const auto& waiting) { return may_read(waiting.second.ns); });
  if (next == queue_.end()) return std::nullopt;
  return next->first;
}

// -------------------------------------------------------------------------------------------------

const SecretBook::Source* SecretBook::source_of(const std::string& ns) const {
  const auto found = sources_.find(source_name(ns));
  return found == sources_.end() ? nullptr : &found->second;
}

bool SecretBook::covered(const Source* source, const Entry& entry) const {
  return source != nullptr && source->speaks() && entry.in_watch;
}

bool SecretBook::reads_singly(const Source* source) const {
  return access_ == SecretAccess::kNamespaced || source->phase != Source::Phase::kRefused;
}

bool SecretBook::names(const kube::ObjectKey& key) const {
  const auto of_namespace = entries_.find(key.ns);
  return of_namespace != entries_.end() && of_namespace->second.contains(key.name);
}

SecretBook::Entry* SecretBook::find(const kube::ObjectKey& key) {
  const auto of_namespace = entries_.find(key.ns);
  if (of_namespace == entries_.end()) return nullptr;
  const auto entry = of_namespace->second.find(key.name);
  return entry == of_namespace->second.end() ? nullptr : &entry->second;
}

template <typename Visit>
void SecretBook::for_each_of(const std::string& source, Visit visit) {
  const bool all = access_ == SecretAccess::kCluster;
  const auto first = all ? entries_.begin() : entries_.find(source);
  const auto last = all || first == entries_.end() ? entries_.end() : std::next(first);
  for (auto at = first; at != last; ++at) visit(at->first, at->second);
}

void SecretBook::spoken_of(const kube::ObjectKey& key, Entry& entry) {
  entry.told = ++stamp_;
  entry.ticket = 0;
  unschedule(key, entry);
}

bool SecretBook::absent(const kube::ObjectKey& key, Entry& entry, Time now) {
  spoken_of(key, entry);
  entry.failures = 0;
  entry.in_watch = access_ == SecretAccess::kNamespaced;
  if (entry.in_watch) return set(entry, Known::kMissing, "", {});
  schedule(key, entry, now);  // it may exist without the label
  return false;
}

bool SecretBook::set(Entry& entry, Known known, std::string why, api::Secret secret) {
  const bool same = entry.known == known && entry.why == why && entry.secret == secret;
  if (same) return false;
  entry.known = known;
  entry.why = std::move(why);
  entry.secret = std::move(secret);
  return true;
}

bool SecretBook::take(const kube::ObjectKey& key, Entry& entry, kube::ApiResult<api::Secret> answer,
                      Time now) {
  if (!answer && !answer.error().says_object_is_gone()) {
    return take_failure(key, entry, answer.error(), now);
  }
  entry.own = ++stamp_;
  entry.failures = 0;
  entry.in_watch = access_ == SecretAccess::kNamespaced || (answer && answer->labelled);
  const bool changed = answer ? set(entry, Known::kPresent, "", std::move(*answer))
                              : set(entry, Known::kMissing, "", {});
  if (!covered(source_of(key.ns), entry)) schedule(key, entry, now + kRound);
  return changed;
}

bool SecretBook::take_failure(const kube::ObjectKey& key, Entry& entry, const kube::ApiError& error,
                              Time now) {
  ++entry.failures;
  const auto asked_for = std::min(error.retry_after.value_or(Milliseconds(0)), kRound);
  schedule(key, entry, now + std::max(pause_after(entry.failures), asked_for));
  const auto known = is_refusal(error) ? Known::kRefused : Known::kUnreadable;
  // The first text is kept: another text in each answer would be a new status each time.
  if (was_read(entry.known) || entry.known == known || entry.failures < kTries) return false;
  return set(entry, known, error.message, {});
}

SecretBook::Actions SecretBook::fall_back(const std::string& source, Source::Phase phase,
                                          std::string why, Time now) {
  Actions actions;
  Source& failing = sources_.at(source);
  failing.phase = phase;
  failing.why = why;
  actions.emplace_back(SourceFails{source, std::move(why)});
  for_each_of(source, [&](const std::string& ns, Entries& entries) {
    actions.emplace_back(Changed{ns});
    if (!reads_singly(&failing)) return;
    for (auto& [name, entry] : entries) {
      if (entry.ticket == 0 && !entry.due) schedule({ns, name}, entry, now);
    }
  });
  start_reads(actions, now);
  return actions;
}

void SecretBook::schedule(const kube::ObjectKey& key, Entry& entry, Time due) {
  unschedule(key, entry);
  if (!entry.waits_from) entry.waits_from = due;
  entry.due = due;
  queue_.emplace(due, key);
}

void SecretBook::unschedule(const kube::ObjectKey& key, Entry& entry) {
  if (entry.due) queue_.erase({*entry.due, key});
  entry.due.reset();
}

bool SecretBook::may_read(const std::string& ns) const {
  const auto of_namespace =
      std::ranges::count_if(reading_, [&](const auto& read) { return read.second.ns == ns; });
  return static_cast<std::size_t>(of_namespace) < kReadsOfANamespace;
}

void SecretBook::start_reads(Actions& actions, Time now) {
  for (auto at = queue_.begin(); at != queue_.end() && at->first <= now;) {
    if (reading_.size() >= kReadsAtOnce) return;
    if (!may_read(at->second.ns)) {
      ++at;
      continue;
    }
    const kube::ObjectKey key = std::move(queue_.extract(at++).value().second);
    Entry& entry = *find(key);
    entry.due.reset();
    entry.ticket = ++last_ticket_;
    reading_.emplace(entry.ticket, key);
    actions.emplace_back(ReadOne{key, entry.ticket});
  }
}

SecretBook::Milliseconds SecretBook::pause_after(int failures) const {
  Milliseconds pause = kFirstPause;
  for (int i = 1; i < failures && pause < kRound; ++i) pause *= 2;
  return std::min(pause, kRound);
}

}  // namespace receiver::controllers
