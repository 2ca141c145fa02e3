#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "crypto/crypto.h"
#include "test/support/stores.h"
#include "webhook/delivery.h"

namespace receiver::webhook {

using test::Stores;

using namespace std::chrono_literals;
namespace asio = boost::asio;
using clock::Steady;
using crypto::HashAlgorithm;
using Names = std::vector<std::string>;

inline const std::string kPath = "/webhooks/bitbucket/5e8f";
inline const std::string kKey = "a key of sixteen bytes or more";
inline const std::string kRepository = "https://bitbucket.org/orchard/fruit";
inline const std::string kPull = "https://bitbucket.org/orchard/fruit/pull-requests/7";
constexpr std::size_t kLimit = 64 * 1024;

inline const std::string kCloudPush =
    R"({"repository":{"links":{"html":{"href":")" + kRepository +
    R"("}}},"push":{"changes":[{"new":{"type":"branch","name":"main"},"old":null}]}})";
inline const std::string kCenterPush =
    R"({"repository":{"links":{"clone":[{"name":"http","href":")" + kRepository +
    R"(.git"}]}},"changes":[{"ref":{"id":"refs/heads/main"}}]})";
inline const std::string kCloudPull =
    R"({"pullrequest":{"links":{"html":{"href":")" + kPull + R"("}}}})";
inline const std::string kCenterPull =
    R"({"pullRequest":{"links":{"self":[{"href":")" + kPull + R"("}]}}})";

inline std::string signature(std::string_view body, std::string_view key = kKey,
                             HashAlgorithm algorithm = HashAlgorithm::kSha256) {
  crypto::Hmac hmac(algorithm, key);
  hmac.update(body);
  return (algorithm == HashAlgorithm::kSha256 ? "sha256=" : "sha512=") +
         crypto::hex_encode(hmac.digest());
}

inline std::string msg(std::string_view text) {
  return fmt::format(R"({{"msg":"{}"}})", text);
}
inline std::string error(std::string_view text) {
  return fmt::format(R"({{"error":"{}"}})", text);
}

/// A body that arrives in pieces, and records how far it was read.
class FakeBody : public http::BodyReader {
 public:
  FakeBody(std::string_view text, std::size_t piece_bytes) {
    for (; !text.empty(); text.remove_prefix(std::min(piece_bytes, text.size()))) {
      pieces_.emplace_back(text.substr(0, piece_bytes));
    }
  }

  asio::awaitable<tl::expected<std::string_view, http::BodyError>> next() override {
    touched = true;
    if (pieces_.empty() && error) co_return tl::unexpected(*error);
    ended = pieces_.empty();
    // Replaces the last one, so that a view that is kept too long is detected.
    piece_ = ended ? "" : pieces_.front();
    if (!ended) pieces_.pop_front();
    co_return std::string_view(piece_);
  }

  std::optional<http::BodyError> error;  ///< after the pieces, instead of the end
  bool touched = false;
  bool ended = false;

 private:
  std::deque<std::string> pieces_;
  std::string piece_;
};

struct Fixture : Stores {
  asio::io_context io;
  std::vector<std::string> lines;
  log::Logger logger =
      log::Logger::to_callback(log::Level::kDebug, log::Format::kConsole,
                               [this](std::string_view line) { lines.emplace_back(line); });
  controllers::RouteTable routes;
  /// Answers to PATCHes of objects, by name; others succeed.
  std::map<std::string, kube::ApiError> failures;
  std::vector<std::string> hanging;  ///< objects whose PATCH never ends
  Names patched;
  Names authentications;  ///< reported to the observer
  std::vector<std::pair<bitbucket::Source, std::chrono::nanoseconds>> answered;
  std::optional<controllers::Refresher> refresher;
  std::optional<LateTargets> late_targets;
  Inquirer* inquirer = nullptr;
  std::optional<Deliveries> deliveries;

  // Of the request; set before send().
  http::RequestHead head{.method = "POST",
                         .target = kPath,
                         .headers = {},
                         .content_length = {},
                         .has_body = true,
                         .first_byte = Steady::now()};
  std::optional<Steady::time_point> first_byte;  ///< of deliveries; otherwise when they are sent
  std::size_t piece_bytes = 100;
  std::optional<http::BodyError> body_error;

  // Whether the last body was read.
  bool touched = false;
  bool read_to_end = false;

  Fixture() {
    add_route("apples", kKey);
    routes.owners_listed();
    sync(warehouses);
    sync(promotions);
    make_refresher({});
  }

  void make_refresher(controllers::RefresherOptions options) {
    refresher.emplace(
        io.get_executor(),
        [this](controllers::Target target, std::string) { return patch(std::move(target)); },
        options, log::Logger::none());
    if (!late_targets) {
      late_targets.emplace(io.get_executor(), routes, warehouses, promotions, *refresher,
                           logger.named("late-targets"));
    }
    deliveries.emplace(
        routes, warehouses, promotions, *late_targets, *refresher,
        DeliveryOptions{
            .answer_deadline = 8s,
            .limits = {.body_bytes = kLimit},
            .answered = [this](auto source, auto took) { answered.emplace_back(source, took); },
            .authenticated =
                [this](const std::string& project, const std::string& receiver,
                       std::string_view result) {
                  authentications.push_back(project + "/" + receiver + " " + std::string(result));
                },
            .inquirer = inquirer},
        logger);
  }

  /// A route of its own owner.
  void add_route(const std::string& project, const std::string& key, bool previous = false,
                 Inquirer::Access bitbucket = nullptr) {
    routes.replace({project, "owner-of-" + key},
                   {{.path = kPath,
                     .project = project,
                     .receiver = "receiver-of-" + project,
                     .key = crypto::SecretString(std::string(key)),
                     .previous = previous,
                     .bitbucket = std::move(bitbucket)}},
                   false);
  }

  void add_warehouses(const Names& names, const std::string& ns = "apples") {
    for (const std::string& name : names) {
      warehouse({ns, name}, {R"("repoURL":")" + kRepository + R"(","branch":"main")"});
    }
  }

  asio::awaitable<kube::ApiResult<void>> patch(controllers::Target target) {
    patched.push_back(target.key.str());
    if (std::find(hanging.begin(), hanging.end(), target.key.name) != hanging.end()) {
      asio::steady_timer never(co_await asio::this_coro::executor, Steady::time_point::max());
      boost::system::error_code ignored;
      co_await never.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    const auto failure = failures.find(target.key.name);
    if (failure != failures.end()) co_return tl::unexpected(failure->second);
    co_return kube::ApiResult<void>{};
  }

  void fail(const std::string& name, kube::ApiError::Kind kind, unsigned status,
            std::string reason = {}) {
    failures[name] = {kind, status, std::move(reason), "no", std::nullopt};
  }

  /// With the fixture's header unchanged.
  http::Response send(const std::string& text) { return send(head, text); }

  http::Response send(const http::RequestHead& head_sent, const std::string& text) {
    FakeBody body(text, piece_bytes);
    body.error = body_error;
    std::optional<http::Response> response;
    asio::co_spawn(io, deliveries->answer(head_sent, body),
                   [&](const std::exception_ptr& error, http::Response answer) {
                     if (error) std::rethrow_exception(error);
                     response = std::move(answer);
                   });
    io.restart();
    while (!response) REQUIRE(io.run_one() == 1);
    touched = body.touched;
    read_to_end = body.ended;
    return *response;
  }

  /// Signs as Bitbucket does.
  http::Response deliver(const std::string& event, const std::string& text) {
    return deliver(event, text, first_byte.value_or(Steady::now()));
  }
  http::Response deliver(const std::string& event, const std::string& text,
                         Steady::time_point begun) {
    http::RequestHead of_delivery = head;
    of_delivery.first_byte = begun;
    of_delivery.headers.add("X-Event-Key", event);
    of_delivery.headers.add("X-Hub-Signature", signature(text));
    return send(of_delivery, text);
  }

  /// The deadline counts from the first byte: this leaves time only for the first PATCHes.
  http::Response deliver_late(const std::string& event, const std::string& text) {
    return deliver(event, text, Steady::now() - 8s + 400ms);
  }

  /// All log lines of a level.
  [[nodiscard]] std::string log(std::string_view level) const {
    std::string found;
    for (const std::string& line : lines) {
      if (line.find(level) != std::string::npos) found += line + "\n";
    }
    return found;
  }

  [[nodiscard]] Names take_patched() {
    std::sort(patched.begin(), patched.end());
    return std::exchange(patched, {});
  }
};

inline void check(const http::Response& response, unsigned status, const std::string& body) {
  CHECK(response.status == status);
  CHECK(response.body == body + "\n");
}

}  // namespace receiver::webhook
