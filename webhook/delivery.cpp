// The steps of one request, from top to bottom in order. A step that ends the request early returns
// the answer.

#include "webhook/delivery.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include <boost/asio/this_coro.hpp>

#include "async/beside.h"
#include "bitbucket/signature.h"
#include "crypto/crypto.h"
#include "git/repository.h"
#include "http/response_text.h"
#include "webhook/answers.h"
#include "webhook/content_encoding.h"

namespace receiver::webhook {

namespace asio = boost::asio;
using controllers::Route;

namespace {

/// Load balancers probe `/` by default.
bool is_health_path(std::string_view path) {
  return path == "/healthz" || path == "/";
}

/// Tells which form of the receiver's path arrives here: people whose Ingress strips the base path
/// see it in `receiverctl check`.
void tell_path(http::Response& response, const http::RequestHead& head,
               const std::vector<Route>& candidates) {
  const bool full = head.path() == candidates.front().path;
  response.headers.add("X-Receiver-Path", full ? "full" : "stripped");
}

/// A field of the request, cut to a length for logs; empty if there is none.
std::string bounded_field(const http::RequestHead& head, std::string_view name) {
  return std::string(head.headers.find(name).value_or("").substr(0, kMaxNameBytes));
}

std::string delivery_id(const http::RequestHead& head) {
  std::string cloud = bounded_field(head, "X-Request-UUID");
  return cloud.empty() ? bounded_field(head, "X-Request-Id") : cloud;
}

std::string joined_names(const std::vector<Route>& routes, std::string Route::*member) {
  std::string names;
  for (const Route& route : routes) {
    if (!names.empty()) names += ',';
    names += (route.*member).empty() ? "*" : route.*member;
  }
  return names;
}

std::string_view event_of(const http::RequestHead& head) {
  return head.headers.find(bitbucket::kEventHeader).value_or("");
}

asio::awaitable<tl::expected<void, http::BodyError>> drop(http::BodyReader& body) {
  for (;;) {
    const auto piece = co_await body.next();
    if (!piece) co_return tl::unexpected(piece.error());
    if (piece->empty()) co_return tl::expected<void, http::BodyError>();
  }
}

/// The HMACs of one body, with the keys of all receivers that share its path.
class Verification {
 public:
  Verification(const bitbucket::Signature& signature, const std::vector<Route>& candidates)
      : signature_(signature), candidates_(candidates) {
    hmacs_.reserve(candidates.size());
    for (const Route& candidate : candidates) {
      hmacs_.emplace_back(signature.algorithm, candidate.key.view());
    }
  }

  void update(std::string_view bytes) {
    for (crypto::Hmac& hmac : hmacs_) hmac.update(bytes);
  }

  /// Call once, last.
  [[nodiscard]] std::vector<Route> verified() {
    std::vector<Route> routes;
    for (std::size_t index = 0; index < hmacs_.size(); ++index) {
      if (bitbucket::matches(signature_, hmacs_[index].digest())) {
        routes.push_back(candidates_[index]);
      }
    }
    return routes;
  }

 private:
  const bitbucket::Signature& signature_;
  const std::vector<Route>& candidates_;
  std::vector<crypto::Hmac> hmacs_;
};

std::string_view why_refused(http::BodyError error) {
  switch (error) {
    case http::BodyError::kTooLarge:
      return "answered 413: the delivery is larger than MAX_BODY_BYTES";
    case http::BodyError::kTooSlow:
      return "answered 408: the delivery did not arrive within BODY_TIMEOUT";
    case http::BodyError::kNoRoom:
      return "answered 503: the bodies of other deliveries fill MAX_BODIES_BYTES";
    case http::BodyError::kMalformed:
      return "answered 400: the delivery's chunks are malformed";
    case http::BodyError::kPeerClosed:
      break;
  }
  return "the sender closed the connection before its delivery was complete";
}

/// Nothing if the body did not arrive.
std::optional<Outcome> outcome_of(http::BodyError error) {
  if (error == http::BodyError::kTooLarge) return Outcome::kTooLarge;
  if (error == http::BodyError::kNoRoom) return Outcome::kOverloaded;
  return std::nullopt;
}

}  // namespace

/// A request whose sender has a receiver's key.
struct Deliveries::Delivery {
  std::vector<Route> receivers;  ///< the receivers with that key; at least one
  std::string id;
  std::string event;
  std::string traceparent;  ///< from W3C Trace Context, as sent
  clock::Steady::time_point first_byte;
  std::string content;     ///< the body, decompressed
  std::string url;         ///< of the repository or pull request, for the log
  std::size_t spared = 0;  ///< Warehouses that the push does not affect, according to Bitbucket
};

Deliveries::Deliveries(const controllers::RouteTable& routes,
                       const kube::Store<api::Warehouse>& warehouses,
                       const kube::Store<api::Promotion>& promotions, LateTargets& late_targets,
                       controllers::Refresher& refresher, DeliveryOptions options,
                       log::Logger logger)
    : routes_(routes),
      warehouses_(warehouses),
      promotions_(promotions),
      late_targets_(late_targets),
      refresher_(refresher),
      options_(std::move(options)),
      logger_(std::move(logger)) {}

asio::awaitable<http::Response> Deliveries::answer(const http::RequestHead& head,
                                                   http::BodyReader& body) {
  if (is_health_path(head.path())) co_return answer_health(head);
  End ended = co_await take(head, body);
  if (ended.outcome) counters_.add(*ended.outcome, event_of(head));
  co_return std::move(ended.answer);
}

asio::awaitable<Deliveries::End> Deliveries::take(const http::RequestHead& head,
                                                  http::BodyReader& body) {
  const auto candidates = find_receivers(head);
  if (!candidates) co_return candidates.error();

  const auto refusal = refuse_head(head, *candidates);
  if (refusal) co_return *refusal;

  if (event_of(head) == bitbucket::kPingEvent) {
    End pong = co_await answer_ping(head, body, *candidates);
    co_return pong;
  }

  auto delivery = co_await authenticate(head, body, *candidates);
  if (!delivery) co_return delivery.error();

  const auto kind = recognise(*delivery);
  if (!kind) co_return kind.error();

  auto payload = parse(*delivery, *kind);
  if (!payload) co_return payload.error();

  late_targets_.remember(delivery->receivers, *payload);  // before the stores are read

  auto targets = find_targets(*delivery, *kind, *payload);
  if (!targets) co_return targets.error();
  *payload = {};  // large data is not kept while waiting
  delivery->content = {};

  const auto deadline = head.first_byte + options_.answer_deadline;
  const asio::any_io_executor strand = co_await asio::this_coro::executor;
  auto refreshing = refresh(strand, std::move(*targets), deadline, *delivery);
  const controllers::RefreshOutcome refreshes = co_await std::move(refreshing);
  co_return report(*delivery, *kind, refreshes);
}

http::Response Deliveries::answer_health(const http::RequestHead& head) const {
  if (head.method != "GET" && head.method != "HEAD") return wrong_method_response("GET, HEAD");
  return health_response(shutting_down_);
}

Deliveries::Step<std::vector<Route>> Deliveries::find_receivers(const http::RequestHead& head) {
  // Read before the look-up: if the table becomes complete between the two, the answer must not be
  // a 404.
  const bool complete = routes_.complete();
  auto receivers = routes_.find(head.path());
  if (!receivers.empty()) return receivers;

  // No path is logged: even a receiver's former one is half a secret.
  if (complete) {
    if (const auto held_back = unknown_paths_.admit()) {
      logger_.debug("unknown path", {{"suppressed", *held_back}});
    }
    return tl::unexpected(End{unknown_path_response(), Outcome::kUnknownPath});
  }
  if (const auto held_back = not_ready_.admit()) {
    logger_.warn("answered 503: not every receiver's Secret has been read yet",
                 {{"suppressed", *held_back}});
  }
  return tl::unexpected(End{try_again_response("receivers are not known yet"), Outcome::kNotReady});
}

std::optional<Deliveries::End> Deliveries::refuse_head(const http::RequestHead& head,
                                                       const std::vector<Route>& candidates) {
  if (head.method != "POST") {
    http::Response refusal = wrong_method_response("POST");
    tell_path(refusal, head, candidates);
    return End{std::move(refusal), Outcome::kWrongMethod};
  }
  if (head.content_length.value_or(0) > options_.limits.body_bytes) {
    return refuse_body(head, candidates, http::BodyError::kTooLarge);
  }
  return std::nullopt;
}

asio::awaitable<Deliveries::End> Deliveries::answer_ping(const http::RequestHead& head,
                                                         http::BodyReader& body,
                                                         const std::vector<Route>& candidates) {
  const auto dropped = co_await drop(body);
  if (!dropped) co_return refuse_body(head, candidates, dropped.error());
  log_unproven(pings_, log::Level::kInfo, "ping", Outcome::kPing, head, candidates);
  http::Response pong = message_response(200, "ping received");
  tell_path(pong, head, candidates);
  co_return End{std::move(pong), Outcome::kPing};
}

asio::awaitable<Deliveries::Step<Deliveries::Delivery>> Deliveries::authenticate(
    const http::RequestHead& head, http::BodyReader& body, const std::vector<Route>& candidates) {
  const auto claim = head.headers.find(bitbucket::kSignatureHeader);
  const auto signature = claim ? bitbucket::parse_signature(*claim) : std::nullopt;
  if (!signature) {
    const auto dropped = co_await drop(body);
    if (!dropped) co_return tl::unexpected(refuse_body(head, candidates, dropped.error()));
    co_return tl::unexpected(refuse_sender(head, candidates));
  }

  Delivery delivery;
  Verification as_sent(*signature, candidates);
  for (;;) {
    const auto piece = co_await body.next();
    if (!piece) co_return tl::unexpected(refuse_body(head, candidates, piece.error()));
    if (piece->empty()) break;
    as_sent.update(*piece);
    delivery.content += *piece;
  }
  delivery.receivers = as_sent.verified();

  if (is_gzip(head.headers.find("Content-Encoding").value_or(""))) {
    auto inflated = inflate_gzip(delivery.content, options_.limits.body_bytes);
    if (inflated) {
      delivery.content = std::move(*inflated);
      // A proxy may have compressed it after it was signed.
      if (delivery.receivers.empty()) {
        Verification as_signed(*signature, candidates);
        as_signed.update(delivery.content);
        delivery.receivers = as_signed.verified();
      }
    } else if (inflated.error() == InflateError::kTooLarge) {
      co_return tl::unexpected(refuse_body(head, candidates, http::BodyError::kTooLarge));
    }
    // Otherwise a proxy has decompressed it and kept the field: the signature decides.
  }
  if (delivery.receivers.empty()) co_return tl::unexpected(refuse_sender(head, candidates));

  observe(delivery.receivers, "accepted");
  delivery.id = delivery_id(head);
  delivery.event = bounded_field(head, bitbucket::kEventHeader);
  delivery.traceparent = bounded_field(head, "traceparent");
  delivery.first_byte = head.first_byte;
  for (const Route& receiver : delivery.receivers) {
    if (!receiver.previous) continue;
    ++counters_.previous_secret;
    break;
  }
  co_return delivery;
}

Deliveries::Step<bitbucket::EventKind> Deliveries::recognise(const Delivery& delivery) {
  const auto kind = bitbucket::event_kind(delivery.event);
  if (kind) return *kind;
  return tl::unexpected(finish(delivery, Outcome::kIgnoredEvent, ignored_response(delivery.event)));
}

Deliveries::Step<bitbucket::Payload> Deliveries::parse(Delivery& delivery,
                                                       bitbucket::EventKind kind) {
  auto payload = bitbucket::parse_payload(kind, delivery.content);
  if (payload) return std::move(*payload);
  logger_.warn("cannot parse a signed delivery",
               {{"delivery", delivery.id}, {"event", delivery.event}, {"error", payload.error()}});
  return tl::unexpected(
      finish(delivery, Outcome::kBadBody, http::error_response(400, "invalid request body")));
}

Deliveries::Step<DeliveryTargets> Deliveries::find_targets(Delivery& delivery,
                                                           bitbucket::EventKind kind,
                                                           const bitbucket::Payload& payload) {
  const bool pushed = kind.action == bitbucket::Action::kRefreshWarehouses;
  if (!(pushed ? warehouses_.synced() : promotions_.synced())) {
    return tl::unexpected(finish(
        delivery, Outcome::kNotReady,
        try_again_response(pushed ? "warehouses are not synced" : "promotions are not synced")));
  }
  const auto& urls = pushed ? std::get<bitbucket::Push>(payload).repository_urls
                            : std::get<bitbucket::PullRequest>(payload).urls;
  if (urls.empty()) {
    logger_.warn(pushed ? "a delivery names no repository; nothing is refreshed"
                        : "a delivery names no pull request; nothing is refreshed",
                 {{"delivery", delivery.id}, {"event", delivery.event}});
  } else {
    delivery.url = git::redacted(urls.front());
  }
  if (!pushed) {
    return targets_for(delivery.receivers, std::get<bitbucket::PullRequest>(payload), promotions_);
  }
  const bool may_ask = options_.inquirer != nullptr;
  return targets_for(delivery.receivers, std::get<bitbucket::Push>(payload),
                     {.source = kind.source, .body = delivery.content, .may_ask = may_ask},
                     warehouses_);
}

asio::awaitable<controllers::RefreshOutcome> Deliveries::refresh(asio::any_io_executor strand,
                                                                 DeliveryTargets targets,
                                                                 clock::Steady::time_point deadline,
                                                                 Delivery& delivery) {
  if (targets.open.empty()) return refresher_.refresh(std::move(targets.certain), deadline);
  return refresh_what_changed(std::move(strand), std::move(targets), deadline, delivery);
}

asio::awaitable<controllers::RefreshOutcome> Deliveries::refresh_what_changed(
    asio::any_io_executor strand, DeliveryTargets targets, clock::Steady::time_point deadline,
    Delivery& delivery) {
  const auto now = clock::Steady::now();
  const auto asked_until = now + std::min<clock::Steady::duration>(options_.inquirer->limits().time,
                                                                   (deadline - now) / 2);
  auto certain_ones = refresher_.refresh(std::move(targets.certain), deadline);
  async::Beside<controllers::RefreshOutcome> certain(strand, std::move(certain_ones));

  Inquirer::Request request = targets.request;
  auto finding = options_.inquirer->find_out(strand, std::move(request), asked_until);
  const Findings findings = co_await std::move(finding);
  std::vector<controllers::Target> affected = targets.take_all_but(Judgement::kSpared, findings);
  delivery.spared = targets.open.size();
  counters_.spared += delivery.spared;

  auto refreshing = refresher_.refresh(std::move(affected), deadline);
  const controllers::RefreshOutcome later = co_await std::move(refreshing);
  auto ending = certain.result();
  controllers::RefreshOutcome all = co_await std::move(ending);
  all.applied += later.applied;
  all.queued += later.queued;
  all.refused += later.refused;
  all.overloaded = all.overloaded || later.overloaded;
  co_return all;
}

Deliveries::End Deliveries::report(const Delivery& delivery, bitbucket::EventKind kind,
                                   const controllers::RefreshOutcome& refreshes) {
  if (options_.answered) options_.answered(kind.source, clock::Steady::now() - delivery.first_byte);
  return finish(delivery, outcome_of(refreshes), refresh_response(kind, refreshes), refreshes);
}

Deliveries::End Deliveries::refuse_body(const http::RequestHead& head,
                                        const std::vector<Route>& candidates,
                                        http::BodyError error) {
  const std::optional<Outcome> outcome = outcome_of(error);
  log_unproven(refused_bodies_, log::Level::kWarn, why_refused(error), outcome, head, candidates);
  return {http::answer_for(error, options_.limits), outcome};
}

Deliveries::End Deliveries::refuse_sender(const http::RequestHead& head,
                                          const std::vector<Route>& candidates) {
  const bool has_signature = head.headers.find(bitbucket::kSignatureHeader).has_value();
  const Outcome outcome = has_signature ? Outcome::kBadSignature : Outcome::kMissingSignature;
  observe(candidates, outcome_name(outcome));
  log_unproven(refused_senders_, log::Level::kWarn,
               has_signature
                   ? "answered 401: the delivery is signed with another secret; set this "
                     "receiver's secret in the webhook in Bitbucket"
                   : "answered 401: the delivery is not signed; set the receiver's secret in the "
                     "webhook in Bitbucket",
               outcome, head, candidates);
  return {http::error_response(401, has_signature ? "unauthorized" : "missing signature"), outcome};
}

void Deliveries::observe(const std::vector<Route>& receivers, std::string_view result) const {
  if (!options_.authenticated) return;
  for (const Route& receiver : receivers) {
    options_.authenticated(receiver.project, receiver.receiver, result);
  }
}

void Deliveries::log_unproven(log::LogThrottle& throttle, log::Level level,
                              std::string_view message, std::optional<Outcome> outcome,
                              const http::RequestHead& head,
                              const std::vector<Route>& candidates) const {
  const auto held_back = throttle.admit();
  if (!held_back) return;
  logger_.write(level, message,
                {{"delivery", delivery_id(head)},
                 {"event", bounded_field(head, bitbucket::kEventHeader)},
                 {"project", joined_names(candidates, &Route::project)},
                 {"receiver", joined_names(candidates, &Route::receiver)},
                 {"outcome", outcome ? outcome_name(*outcome) : ""},
                 {"suppressed", *held_back}});
}

Deliveries::End Deliveries::finish(const Delivery& delivery, Outcome outcome, http::Response answer,
                                   const controllers::RefreshOutcome& refreshes) const {
  End ended{std::move(answer), outcome};
  if (!logger_.enabled(log::Level::kInfo)) return ended;
  const auto kind = bitbucket::event_kind(delivery.event);
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(clock::Steady::now() -
                                                                              delivery.first_byte);
  logger_.info("delivery", {{"delivery", delivery.id},
                            {"traceparent", delivery.traceparent},
                            {"event", delivery.event},
                            {"source", kind ? bitbucket::source_name(kind->source) : "unknown"},
                            {"project", joined_names(delivery.receivers, &Route::project)},
                            {"receiver", joined_names(delivery.receivers, &Route::receiver)},
                            {"url", delivery.url},
                            {"outcome", outcome_name(outcome)},
                            {"applied", refreshes.applied},
                            {"queued", refreshes.queued},
                            {"refused", refreshes.refused},
                            {"spared", delivery.spared},
                            {"duration_ms", duration.count()}});
  return ended;
}

}  // namespace receiver::webhook
