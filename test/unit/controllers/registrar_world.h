#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "async/sleeper.h"
#include "clock/timer.h"
#include "controllers/registrar.h"
#include "log/end_on_exception.h"
#include "test/bitbucket_server/documents.h"
#include "test/support/simulated_time.h"

namespace receiver::controllers {

using namespace std::chrono_literals;
using bitbucket::Source;
using bitbucket_rest::ApiAnswer;
using bitbucket_rest::ApiRequest;
using test::StoredWebhook;
using Strings = std::vector<std::string>;

inline const std::string kCenter = "https://git.example.com";
inline const BaseUrl kOurBase{"https://hooks.example.com", ""};

/// A Data Center on the test's own thread, of one project.
struct Center {
  std::map<std::string, std::vector<StoredWebhook>> repositories;
  std::vector<StoredWebhook> of_project{};  ///< the token may read them if there are any
  Strings asked{};                          ///< `METHOD SLUG`
  int asked_of_project = 0;                 ///< for its webhooks
  std::vector<clock::Steady::time_point> asked_at{};
  bool is_away = false;       ///< it answers nothing, and does nothing
  bool loses_writes = false;  ///< it does them, and does not answer
  std::optional<ApiAnswer> fails{};
  std::string failed_delivery{};  ///< the answer for each webhook
  std::string date{};             ///< of its clock
  std::function<void()> before_answer = [] {};
  std::chrono::milliseconds takes{0};  ///< until it answers
  int last_id = 0;

  static ApiAnswer listed(const std::vector<StoredWebhook>& webhooks) {
    std::string values;
    for (const StoredWebhook& webhook : webhooks) {
      values += (values.empty() ? "" : ",") + document_of(Source::kDataCenter, webhook);
    }
    return {200, R"({"isLastPage": true, "values": [)" + values + "]}", "", ""};
  }
  ApiAnswer answer(const ApiRequest& request) {
    const std::string path = request.url.substr(0, request.url.find('?'));
    const std::size_t begin = path.find("/repos/");
    if (begin == std::string::npos) {
      ++asked_of_project;
      if (!of_project.empty()) return listed(of_project);
      return {.status = 401, .body = "", .retry_after = "", .location = ""};
    }
    const std::string rest = path.substr(begin + 7);
    const std::string slug = rest.substr(0, rest.find('/'));
    asked.push_back(request.method + " " + slug);
    before_answer();
    if (fails) return *fails;
    std::vector<StoredWebhook>& webhooks = repositories[slug];
    if (path.ends_with("/latest")) {
      asked.back() = "DELIVERIES " + slug;
      const bool of_errors = request.url.ends_with("outcome=ERROR");
      const bool any = of_errors && !failed_delivery.empty();
      ApiAnswer answer{any ? 200U : 204U, any ? failed_delivery : "", "", ""};
      answer.date = date;
      return answer;
    }
    if (request.method == "GET") return listed(webhooks);
    if (request.method == "DELETE") {
      const std::string id = path.substr(path.rfind('/') + 1);
      const bool there = std::erase_if(webhooks, [&](const auto& one) { return one.id == id; }) > 0;
      return {there ? 204U : 404U, "", "", ""};
    }
    auto webhook = test::read_document(Source::kDataCenter, request.body);
    if (!webhook) return {webhook.error().status, webhook.error().body, "", ""};
    if (request.method == "POST") {
      webhook->id = std::to_string(++last_id);
      webhooks.push_back(*webhook);
      return {201, document_of(Source::kDataCenter, *webhook), "", ""};
    }
    webhook->id = webhooks.at(0).id;
    webhooks.at(0) = *webhook;
    return {200, "{}", "", ""};
  }
};

/// A project with one receiver, `demo/bb`, whose Warehouses subscribe to some repositories.
struct RegistrarWorld {
  explicit RegistrarWorld(bool for_deliveries = false) : follows_deliveries(for_deliveries) {
    change_leader();
  }
  ~RegistrarWorld() {
    registrar->stop();
    test::SimulatedTime::settle(io);
  }
  RegistrarWorld(const RegistrarWorld&) = delete;
  RegistrarWorld& operator=(const RegistrarWorld&) = delete;

  /// To a new leader.
  void change_leader() {
    registrar = make();
    registrar->set_leading(true);
    boost::asio::co_spawn(io, registrar->run(),
                          log::EndOnException{log::Logger::none(), "the registrar"});
  }
  std::unique_ptr<Registrar> make() {
    return std::make_unique<Registrar>(
        io.get_executor(),
        [this](const Registrar::Access&, bitbucket_rest::Operation& operation,
               Registrar::Before before) { return ask(operation, std::move(before)); },
        [this](const std::set<std::string>& projects) {
          CHECK(projects == std::set<std::string>{project()});
          ++looks;
          Reached reached{.pull_requests = waits_for_pull_requests};
          for (const std::string& slug : slugs) {
            reached.urls.insert(fmt::format("{}/scm/demo/{}.git", kCenter, slug));
          }
          return std::map<std::string, Reached>{{project(), reached}};
        },
        [this](const api::ReceiverOwner& owner, const Note& note) {
          events.push_back(owner.meta.key.ns + " " + note.reason);
        },
        options(),
        log::Logger::to_callback(log::Level::kInfo, log::Format::kConsole,
                                 [this](auto line) { lines.emplace_back(line); }));
  }

  boost::asio::awaitable<void> ask(bitbucket_rest::Operation& operation, Registrar::Before before) {
    clock::Timer timer(io);
    while (operation.next() != nullptr) {
      auto waiting = before();
      const auto deadline = co_await std::move(waiting);
      if (!deadline) {
        operation.take(tl::unexpected(bitbucket_rest::BitbucketError{
            .kind = bitbucket_rest::ApiFailure::kUnknown, .message = "not sent"}));
        continue;
      }
      const ApiRequest request = *operation.next();
      center.asked_at.push_back(clock::Steady::now());
      CHECK(*deadline - clock::Steady::now() == 20s);
      if (center.takes.count() > 0) {
        co_await async::sleep_until(timer, clock::Steady::now() + center.takes);
      }
      const auto answer = center.is_away ? ApiAnswer{} : center.answer(request);
      if (center.is_away || (center.loses_writes && request.method != "GET")) {
        operation.take(tl::unexpected(bitbucket_rest::BitbucketError{
            .kind = bitbucket_rest::ApiFailure::kTimeout, .message = "no answer"}));
      } else {
        operation.take(answer);
      }
    }
  }

  /// The names of two hundred repositories are numbers.
  void subscribe_to_two_hundred() {
    slugs.clear();
    for (int i = 0; i < 200; ++i) slugs.insert(std::to_string(i));
  }
  [[nodiscard]] bool logged(const std::string& text) const {
    return std::ranges::any_of(
        lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }
  /// Repositories with exactly one webhook.
  [[nodiscard]] std::ptrdiff_t registered() const {
    return std::ranges::count_if(center.repositories,
                                 [](const auto& one) { return one.second.size() == 1; });
  }

  void derive(const std::string& secret, const std::optional<std::string>& previous = {}) {
    api::ReceiverOwner owner;
    owner.kind = of_cluster ? api::OwnerKind::kClusterConfig : api::OwnerKind::kProjectConfig;
    owner.meta.key = {project(), of_cluster ? "cluster" : "demo"};
    owner.meta.uid = "uid-1";
    auto access = std::make_shared<BitbucketAccess>();
    access->secret_version = std::to_string(++version);
    access->authorization = crypto::SecretString(std::string(token));
    access->product = Source::kDataCenter;
    access->server = kCenter;
    access->registers = true;
    if (is_bounded) access->allow = *bitbucket_rest::AllowList::parse("DEMO");
    DerivedReceivers derived;
    derived.cannot_register = cannot_register;
    const auto route = [&](const std::string& key, bool is_previous,
                           const std::string& receiver = "bb") {
      return Route{receiver_path(kOurBase, project(), receiver, key),
                   project(),
                   receiver,
                   crypto::SecretString(std::string(key)),
                   is_previous,
                   access,
                   is_watched};
    };
    if (has_one) derived.routes.push_back(route(secret, false));
    if (previous) derived.routes.push_back(route(*previous, true));
    if (has_another) derived.routes.push_back(route(secret, false, "another"));
    registrar->derived(owner, derived);
  }
  [[nodiscard]] std::string project() const { return of_cluster ? "" : "demo"; }
  void pass(std::chrono::milliseconds duration) { time.run_for(io, duration); }
  Strings asked() { return std::exchange(center.asked, {}); }
  Strings told() { return std::exchange(events, {}); }
  Strings refreshed() { return std::exchange(refreshes, {}); }
  RegistrarOptions options() {
    RegistrarOptions options{.base_url = kOurBase, .leading = [this] { return leads; }};
    if (follows_deliveries) {
      options.refresh = [this](const std::string& project, const BitbucketAccess& access,
                               const bitbucket_rest::Repository& repository) {
        CHECK(access.server == kCenter);
        refreshes.push_back(project + " " + repository.name());
      };
    }
    return options;
  }
  [[nodiscard]] std::string url(const std::string& secret) const {
    return kOurBase.origin + receiver_path(kOurBase, "demo", "bb", secret);
  }
  [[nodiscard]] std::string url_of(const std::string& slug) const {
    const auto found = center.repositories.find(slug);
    if (found == center.repositories.end() || found->second.empty()) return "none";
    return found->second.size() > 1 ? "several" : found->second[0].url;
  }

  test::SimulatedTime time;
  boost::asio::io_context io;
  Center center;
  std::set<std::string> slugs{"app", "web"};
  Strings events;
  Strings lines;  ///< of the log
  Strings refreshes;
  const bool follows_deliveries;
  bool leads = true;
  bool is_watched = true;  ///< the receiver's Secret
  bool of_cluster = false;
  bool has_one = true;       ///< receiver
  bool has_another = false;  ///< receiver
  bool is_bounded = true;    ///< by bitbucket.allow
  bool waits_for_pull_requests = false;
  Strings cannot_register{};  ///< receivers
  std::string token = "token";
  int version = 0;  ///< of the receiver's Secret
  int looks = 0;    ///< at what receivers reach
  std::unique_ptr<Registrar> registrar;
};

}  // namespace receiver::controllers
