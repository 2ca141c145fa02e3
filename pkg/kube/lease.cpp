#include "kube/lease.h"

#include <utility>

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include "json/json.h"

namespace receiver::kube {
namespace {

void set(json::Document& lease, const char* pointer, const std::string& text) {
  rapidjson::Pointer(pointer).Set(lease, text);
}

void set(json::Document& lease, const char* pointer, std::int64_t number) {
  rapidjson::Pointer(pointer).Set(lease, number);
}

void write(json::Document& lease, const LeaseRecord& record) {
  set(lease, "/spec/holderIdentity", record.holder);
  set(lease, "/spec/leaseDurationSeconds", record.duration.count());
  set(lease, "/spec/acquireTime", record.acquire_time);
  set(lease, "/spec/renewTime", record.renew_time);
  set(lease, "/spec/leaseTransitions", record.transitions);
}

}  // namespace

tl::expected<Lease, std::string> parse_lease(std::string json) {
  const auto document = json::parse(json);
  if (!document) return tl::unexpected(document.error());
  if (json::string_at(*document, "/metadata/resourceVersion").empty()) {
    return tl::unexpected(std::string("the answer is not a Lease: it has no resource version"));
  }
  return Lease{
      .record = {.holder = std::string(json::string_at(*document, "/spec/holderIdentity")),
                 .duration = std::chrono::seconds(
                     json::int_at(*document, "/spec/leaseDurationSeconds").value_or(0)),
                 .acquire_time = std::string(json::string_at(*document, "/spec/acquireTime")),
                 .renew_time = std::string(json::string_at(*document, "/spec/renewTime")),
                 .transitions = json::int_at(*document, "/spec/leaseTransitions").value_or(0)},
      .json = std::move(json)};
}

std::string update_body(const Lease& seen, const LeaseRecord& record) {
  auto document = json::parse(seen.json);
  write(document.value(), record);
  return json::to_text(*document);
}

std::string create_body(const ObjectKey& key, const LeaseRecord& record) {
  json::Document lease(rapidjson::kObjectType);
  set(lease, "/apiVersion", "coordination.k8s.io/v1");
  set(lease, "/kind", "Lease");
  set(lease, "/metadata/namespace", key.ns);
  set(lease, "/metadata/name", key.name);
  write(lease, record);
  return json::to_text(lease);
}

Candidate::Candidate(std::string identity, std::chrono::milliseconds duration)
    : identity_(std::move(identity)),
      duration_(std::chrono::ceil<std::chrono::seconds>(duration)) {}

void Candidate::observe(const LeaseRecord& record, Time now) {
  if (observed_ == record) return;
  observed_ = record;
  observed_at_ = now;
}

bool Candidate::named() const {
  return observed_ && observed_->holder == identity_;
}

bool Candidate::valid(Time now) const {
  return observed_ && now - observed_at_ < observed_->duration;
}

bool Candidate::may_claim(Time now) const {
  return !observed_ || observed_->holder.empty() || named() || !valid(now);
}

LeaseRecord Candidate::claim(clock::Wall::time_point now) const {
  const std::string time = clock::format_micros(now);
  LeaseRecord record{.holder = identity_,
                     .duration = duration_,
                     .acquire_time = time,
                     .renew_time = time,
                     .transitions = 0};
  if (named()) {
    record.acquire_time = observed_->acquire_time;
    record.transitions = observed_->transitions;
  } else if (observed_) {
    record.transitions = observed_->transitions + 1;
  }
  return record;
}

LeaseRecord Candidate::release(clock::Wall::time_point now) const {
  const std::string time = clock::format_micros(now);
  return {.holder = {},
          .duration = std::chrono::seconds(1),  // the API rejects 0
          .acquire_time = time,
          .renew_time = time,
          .transitions = observed_ ? observed_->transitions : 0};
}

Acquisition Candidate::found() const {
  // A Lease that was created in advance, and that nobody has held, counts as none.
  if (!observed_ || (observed_->holder.empty() && observed_->renew_time.empty())) return {};
  return {.existed = true,
          .released = observed_->holder.empty(),
          .own = named(),
          .last_renewed = clock::parse_rfc3339(observed_->renew_time)};
}

std::string_view Candidate::holder() const {
  return observed_ ? std::string_view(observed_->holder) : std::string_view();
}

}  // namespace receiver::kube
