// Everything between a peer's bytes and the server's answers: the listener and the deliveries
// behind it, in an operator that knows a few objects. Its API server and its Bitbucket answer at
// once; every commit has changed a file of the seeds.
//
// The input is what a peer sends before it closes its side of the connection. In it, @256@ and
// @512@ stand for the hex digits of the HMAC of everything after the first empty line: a fuzzer
// could not find out the receiver's key.

#include "webhook/delivery.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "api/promotion.h"
#include "api/warehouse.h"
#include "bitbucket_rest/operation.h"
#include "bitbucket_rest/repository.h"
#include "controllers/bitbucket_access.h"
#include "controllers/refresher.h"
#include "controllers/routes.h"
#include "crypto/crypto.h"
#include "http/server.h"
#include "json/json.h"
#include "kube/store.h"
#include "test/fuzz/fuzz.h"
#include "webhook/inquirer.h"
#include "webhook/targets.h"

namespace receiver::fuzz {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::string_view kKey = "the-key-of-the-fuzzers";
constexpr std::string_view kProject = "fruit";

http::ServerLimits limits() {
  http::ServerLimits limits;
  limits.header_bytes = 2000;
  limits.header_fields = 20;
  limits.body_bytes = 4000;
  return limits;
}

/// The operator's parts between the listener and the API server.
class World {
 public:
  World() {
    routes_.replace({"", "owner"}, {route("/hook", false), route("/old", true)}, false);
    routes_.owners_listed();
    fill();
    const auto started = server_.start();
    if (!started) throw std::runtime_error(started.error());
    port_ = *started;
  }

  /// All answers of the server to these bytes, of which `first` are sent first.
  std::string exchange(std::string_view bytes, std::size_t first) {
    tcp::socket peer(io_);
    // libFuzzer's alarm would interrupt a blocking call.
    std::optional<boost::system::error_code> connected;
    peer.async_connect({asio::ip::address_v4::loopback(), port_},
                       [&](boost::system::error_code error) { connected = error; });
    while (!connected) io_.run_one();
    require(!*connected, "the server takes connections");
    asio::write(peer, asio::buffer(bytes.substr(0, first)));
    io_.poll();
    asio::write(peer, asio::buffer(bytes.substr(first)));
    peer.shutdown(tcp::socket::shutdown_send);
    std::string received;
    std::optional<boost::system::error_code> ended;
    asio::async_read(peer, asio::dynamic_buffer(received),
                     [&](boost::system::error_code error, std::size_t) { ended = error; });
    while (!ended || server_.counters().connections_current > 0) io_.run_one();
    require(*ended == asio::error::eof, "the server lets its peer read every answer");
    return received;
  }

  [[nodiscard]] const http::ServerCounters& server() const { return server_.counters(); }
  [[nodiscard]] std::set<std::string> take_patched() { return std::exchange(patched_, {}); }

  /// Deliveries whose sender has proved that it has the key.
  [[nodiscard]] std::size_t take_accepted() { return std::exchange(accepted_, 0); }

 private:
  static controllers::Route route(const char* path, bool previous) {
    return {.path = path,
            .project = std::string(kProject),
            .receiver = "receiver",
            .key = crypto::SecretString(std::string(kKey)),
            .previous = previous,
            .bitbucket = cloud()};
  }

  static std::shared_ptr<const controllers::BitbucketAccess> cloud() {
    controllers::BitbucketAccess access;
    access.server = bitbucket_rest::kCloudApi;
    return std::make_shared<const controllers::BitbucketAccess>(std::move(access));
  }

  /// Every commit has changed one file; Bitbucket answers nothing else.
  static asio::awaitable<void> ask(bitbucket_rest::Operation& operation) {
    while (operation.next() != nullptr) {
      bitbucket_rest::ApiAnswer answer{
          .status = 404, .body = {}, .retry_after = {}, .location = {}};
      if (operation.next()->url.find("/diffstat/") != std::string::npos) {
        answer.status = 200;
        answer.body = R"({"values":[{"status":"added","old":null,"new":{"path":"seeds/one"}}]})";
      }
      operation.take(std::move(answer));
    }
    co_return;
  }

  template <typename Object>
  void put(kube::Store<Object>& store, const std::string& name, const std::string& json) {
    const auto object = json::parse(json);
    const kube::ObjectMeta meta{
        .key = {std::string(kProject), name}, .uid = {}, .resource_version = "1"};
    require(object && store.add_listed(meta, *object), "the world's objects can be read");
  }

  void fill() {
    warehouses_.begin_replace();
    const auto subscribed = [](const std::string& repository, const std::string& more) {
      return R"({"spec": {"subscriptions": [{"git": {"branch": "main", "repoURL":)"
             R"("https://bitbucket.org/orchard/)" +
             repository + '"' + more + "}}]}}";
    };
    for (const std::string name : {"apple", "pear", "gone", "refused"}) {
      put(warehouses_, name, subscribed(name, ""));
    }
    put(warehouses_, "plum", subscribed("plum", ""));
    put(warehouses_, "seeds", subscribed("plum", R"(, "includePaths": ["seeds"])"));
    put(warehouses_, "skins", subscribed("plum", R"(, "includePaths": ["skins"])"));
    warehouses_.end_replace();
    promotions_.begin_replace();
    put(promotions_, "harvest",
        R"({"spec": {"steps": [{"uses": "git-wait-for-pr", "as": "wait"}]}, "status":)"
        R"({"phase": "Running", "currentStep": 0, "state": {"wait": {"pr": {"url":)"
        R"("https://bitbucket.org/orchard/apple/pull-requests/1"}}}}})");
    promotions_.end_replace();
  }

  asio::awaitable<kube::ApiResult<void>> patch(controllers::Target target) {
    patched_.insert(target.key.name);
    using Kind = kube::ApiError::Kind;
    kube::ApiError error{
        .kind = Kind::kNotFound, .reason = "NotFound", .message = {}, .retry_after = {}};
    if (target.key.name == "gone") co_return tl::unexpected(error);
    error.kind = Kind::kInvalid;
    if (target.key.name == "refused") co_return tl::unexpected(error);
    co_return kube::ApiResult<void>{};
  }

  asio::io_context io_;
  controllers::RouteTable routes_;
  kube::Store<api::Warehouse> warehouses_{api::decode_warehouse, webhook::warehouse_index_keys};
  kube::Store<api::Promotion> promotions_{api::decode_promotion, webhook::promotion_index_keys};
  std::set<std::string> patched_;
  std::size_t accepted_ = 0;
  controllers::Refresher refresher_{
      io_.get_executor(),
      [this](controllers::Target target, const std::string&) { return patch(std::move(target)); },
      {},
      log::Logger::none()};
  webhook::LateTargets late_targets_{io_.get_executor(), routes_,    warehouses_,
                                     promotions_,        refresher_, log::Logger::none()};
  webhook::Inquirer inquirer_{
      io_.get_executor(),
      [](const webhook::Inquirer::Access&, bitbucket_rest::Operation& operation,
         clock::Steady::time_point) { return ask(operation); },
      {},
      log::Logger::none()};
  webhook::Deliveries deliveries_{
      routes_, warehouses_, promotions_, late_targets_, refresher_,
      webhook::DeliveryOptions{
          .limits = limits(),
          .answered =
              [](bitbucket::Source, std::chrono::nanoseconds took) {
                require(took.count() > 0, "an answer takes its time");
              },
          .authenticated =
              [this](const std::string&, const std::string&, std::string_view result) {
                if (result == "accepted") ++accepted_;
              },
          .inquirer = &inquirer_},
      // Every line is formatted and dropped.
      log::Logger::to_callback(log::Level::kDebug, log::Format::kJson, [](std::string_view) {})};
  http::Server server_{
      io_, http::ServerOptions{.name = "fuzz", .address = "127.0.0.1", .limits = limits()},
      [this](const http::RequestHead& head, http::BodyReader& body) {
        return deliveries_.answer(head, body);
      },
      log::Logger::none()};
  unsigned short port_ = 0;
};

World& world() {
  static World the_world;
  return the_world;
}

void replace_all(std::string& text, std::string_view mark, const std::string& by) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + by.size())) {
    text.replace(at, mark.size(), by);
  }
}

std::string with_signatures(std::string_view input) {
  std::string text(input);
  const std::size_t head_end = input.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return text;
  const std::string_view body = input.substr(head_end + 4);
  for (const auto& [mark, algorithm] : {std::pair("@256@", crypto::HashAlgorithm::kSha256),
                                        std::pair("@512@", crypto::HashAlgorithm::kSha512)}) {
    if (input.find(mark) == std::string_view::npos) continue;
    crypto::Hmac hmac(algorithm, kKey);
    hmac.update(body);
    const std::string digest = crypto::hex_encode(hmac.digest());
    replace_all(text, mark, digest);
  }
  return text;
}

struct Answer {
  unsigned status = 0;
  std::string body;
};

/// Removes and returns the next answer.
Answer take_answer(std::string_view& received) {
  const std::size_t head_end = received.find("\r\n\r\n");
  require(head_end != std::string_view::npos && received.starts_with("HTTP/1.1 "),
          "an answer is HTTP/1.1");
  const std::string_view head = received.substr(0, head_end + 2);
  received.remove_prefix(head_end + 4);
  Answer answer;
  answer.status = static_cast<unsigned>(std::strtoul(head.data() + 9, nullptr, 10));
  if (answer.status == 100) return answer;
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const std::size_t length_at = head.find(kLength);
  require(length_at != std::string_view::npos, "an answer has a length");
  require(head.find("\r\nContent-Type: application/json\r\n") != std::string_view::npos,
          "an answer is JSON by its type");
  const std::size_t length = std::strtoul(head.data() + length_at + kLength.size(), nullptr, 10);
  require(received.size() >= length, "an answer is whole");
  answer.body = received.substr(0, length);
  received.remove_prefix(length);
  return answer;
}

/// The statuses of the contract, without those that time or load cause.
const std::set<unsigned> kStatuses{100, 200, 202, 400, 401, 404, 405, 413, 431, 500, 501};

void check_answer(const Answer& answer) {
  require(kStatuses.contains(answer.status), "an answer is one of the contract's");
  if (answer.status == 100) return;
  require(answer.body.ends_with('\n') && answer.body.find('\n') == answer.body.size() - 1,
          "an answer is one line");
  const auto json = json::parse(answer.body);
  require(json && json->IsObject(), "an answer is a JSON object");
  const auto has = [&](const char* member) { return json->HasMember(member); };
  require(answer.status == 404 || has("msg") || has("error") || has("status"),
          "an answer says what became of the request");
}

/// The objects that these bytes refresh; `first` of them are sent first.
std::set<std::string> examine(World& world, std::string_view sent, std::size_t first) {
  const std::string received = world.exchange(sent, first);
  std::set<std::string> patched = world.take_patched();
  const std::size_t accepted = world.take_accepted();
  require(patched.empty() || accepted > 0, "only who holds the key refreshes");

  const http::ServerCounters& counters = world.server();
  require(counters.requests_current == 0, "no request is left behind");
  require(counters.body_bytes_current == 0, "no body is left behind");
  require(counters.handler_failures == 0, "no request makes the handler fail");

  // The answer to HEAD has a length but no body: a reader that does not know the method cannot
  // continue.
  if (sent.find("HEAD ") != std::string_view::npos) return patched;
  bool told = patched.empty();
  for (std::string_view rest = received; !rest.empty();) {
    const Answer answer = take_answer(rest);
    check_answer(answer);
    told = told || answer.body.find("refresh") != std::string::npos;
  }
  require(told, "what is refreshed is told");
  require(patched.contains("plum") || !(patched.contains("seeds") || patched.contains("skins")),
          "who names no paths is spared nothing");
  return patched;
}

}  // namespace

void fuzz(std::string_view input) {
  const std::string sent = with_signatures(input);
  const auto refreshed = examine(world(), sent, sent.size());
  // A sender that waits for 100 Continue cuts after the header.
  const std::size_t head_end = sent.find("\r\n\r\n");
  const std::size_t head = head_end == std::string::npos ? 0 : head_end + 4;
  for (const std::size_t first : {sent.size() / 2, head}) {
    require(examine(world(), sent, first) == refreshed,
            "what is refreshed does not depend on how the bytes are cut");
  }
}

}  // namespace receiver::fuzz
