#include "test/bitbucket_server/bitbucket_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <ctime>
#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/server.h"
#include "test/bitbucket_server/breaker.h"
#include "test/support/temporary_directory.h"

namespace receiver::test {
namespace {

using bitbucket::Source;

constexpr std::size_t kMaxPageLength = 100;
constexpr std::string_view kHttpsPort = ":443";

/// A path and its query, in which every parameter is a number.
struct Target {
  std::vector<std::string> segments;
  std::map<std::string, std::size_t> query;
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::optional<Target> parse(std::string_view text) {
  const std::size_t mark = std::min(text.find('?'), text.size());
  Target target{.segments = split(text.substr(0, mark), '/'), .query = {}};
  for (const std::string& parameter : split(text.substr(std::min(mark + 1, text.size())), '&')) {
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    std::size_t value = 0;
    const char* end = parameter.data() + parameter.size();
    const char* begin = parameter.data() + std::min(equals + 1, parameter.size());
    if (std::from_chars(begin, end, value).ptr != end) return std::nullopt;
    target.query[parameter.substr(0, equals)] = value;
  }
  return target;
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm date{};
  gmtime_r(&now, &date);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &date)};
}

}  // namespace

class BitbucketServer::Impl {
 public:
  Impl(Source product, const CertificateSpec& certificate, const std::string& name,
       const ListensAt& place)
      : product_(product) {
    const TestAuthority authority;
    const auto identity = authority.issue(certificate);
    ca_pem_ = authority.pem();
    folder_.write("ca.crt", ca_pem_);
    server_.emplace(
        io_,
        http::ServerOptions{
            .name = "bitbucket",
            .address = place.address,
            .port = place.port,
            .limits = {},
            .tls = http::ServerTls{.certificate_path =
                                       folder_.write("tls.crt", identity.certificate_pem),
                                   .key_path = folder_.write("tls.key", identity.key_pem)}},
        [this](const http::RequestHead& head, http::BodyReader& body) {
          return handle(head, body);
        },
        log::Logger::none());
    const auto port = server_->start();
    if (!port) throw std::runtime_error(port.error());
    port_ = *port;
    const bool is_default_port = name.ends_with(kHttpsPort);
    authority_ = is_default_port ? name.substr(0, name.size() - kHttpsPort.size())
                                 : name + ":" + std::to_string(port_);
    thread_ = std::thread([this] { io_.run(); });
  }

  ~Impl() {
    server_.reset();
    io_.stop();
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  boost::asio::awaitable<http::Response> handle(const http::RequestHead& head,
                                                http::BodyReader& body) {
    std::string text;
    for (;;) {
      const auto piece = co_await body.next();
      if (!piece) co_return http::answer_for(piece.error(), http::ServerLimits{});
      if (piece->empty()) break;
      text += *piece;
    }
    boost::asio::steady_timer timer(io_);
    while (held_) {
      timer.expires_after(std::chrono::milliseconds(5));
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    const Answer answer = answer_to(head, text);
    const auto after = std::max(answer.after, delay_.load());
    if (after.count() > 0) {
      timer.expires_after(after);
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    http::Response response{.status = answer.status, .headers = {}, .body = answer.body};
    response.headers.add("Date", http_date());
    response.headers.add("Content-Type", answer.content_type);
    if (!answer.retry_after.empty()) response.headers.add("Retry-After", answer.retry_after);
    if (!answer.location.empty()) response.headers.add("Location", answer.location);
    if (answer.near_limit) response.headers.add("X-RateLimit-NearLimit", "true");
    co_return response;
  }

  Answer answer_to(const http::RequestHead& head, const std::string& body) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(head.method + " " + head.target);
    if (!answers_.empty()) {
      Answer answer = std::move(answers_.front());
      answers_.pop_front();
      return answer;
    }
    if (head.headers.find("Host") != authority_) return failed(400, "Host is another");
    if (!head.headers.find("User-Agent")) return failed(400, "no User-Agent");
    if (head.headers.find("Accept") != "application/json") return failed(406, "Accept is another");

    const auto grant = grants_.find(std::string(head.headers.find("Authorization").value_or("")));
    if (grant == grants_.end()) {
      return failed(401,
                    of_cloud()
                        ? "Token is invalid, expired, or not supported for this endpoint."
                        : "Authentication failed. Please check your credentials and try again.",
                    "com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException");
    }
    const bool is_of_webhooks = head.path().find("hooks") != std::string_view::npos;
    if (answer_reads_ && head.method == "GET" && !is_of_webhooks) {
      return answer_reads_("https://" + authority_ + head.target);
    }
    if (!of_cloud() && head.path().ends_with("/latest")) return latest(head, grant->second);
    const auto target = parse(head.target);
    if (!target) return failed(400, "the query is malformed");
    if (const auto owner = owner_in(target->segments)) {
      const auto inherited = inherited_.find(*owner);
      if (inherited == inherited_.end() || !grant->second.reads) return not_permitted();
      if (head.method != "GET") return failed(405, "Method Not Allowed");
      return page(head, *target, inherited->second);
    }
    std::string id;
    std::vector<StoredWebhook>* webhooks = find_webhooks(target->segments, id);
    if (webhooks == nullptr) {
      return failed(404,
                    of_cloud()
                        ? "You may not have access to this repository or it no longer exists "
                          "in this workspace."
                        : "The repository does not exist.",
                    "com.atlassian.bitbucket.repository.NoSuchRepositoryException");
    }
    const Grant& may = grant->second;
    const bool is_permitted = head.method == "GET"      ? may.reads
                              : head.method == "DELETE" ? may.deletes
                                                        : may.writes;
    if (!is_permitted) return not_permitted();
    if (head.method == "GET" && id.empty()) return page(head, *target, *webhooks);
    const bool deletes = head.method == "DELETE" && !id.empty();
    if (!deletes && head.method != (id.empty() ? "POST" : "PUT")) {
      return failed(405, "Method Not Allowed");
    }
    if (!target->query.empty()) return failed(400, "a write has no query");
    if (deletes) return deleted(*webhooks, id);
    if (head.headers.find("Content-Type") != "application/json") {
      return failed(415, "Unsupported Media Type");
    }
    return written(*webhooks, id, body);
  }

  const Source product_;
  TemporaryDirectory folder_;
  std::string ca_pem_;
  unsigned short port_ = 0;
  std::string authority_;
  mutable std::mutex mutex_;
  std::map<std::string, Grant> grants_;
  std::map<std::string, std::vector<StoredWebhook>> repositories_;
  std::map<std::string, std::vector<StoredWebhook>> inherited_;  ///< by owner
  std::size_t page_length_ = kMaxPageLength;
  std::deque<Answer> answers_;
  std::function<Answer(const std::string&)> answer_reads_;
  std::function<void(std::vector<StoredWebhook>&)> before_write_;
  std::vector<std::string> requests_;
  std::map<std::string, Breaker> breakers_;  ///< by webhook
  int last_id_ = 0;
  std::atomic<bool> held_{false};
  std::atomic<std::chrono::milliseconds> delay_{std::chrono::milliseconds(0)};

  [[nodiscard]] bool of_cloud() const { return product_ == Source::kCloud; }

  std::string new_id() {
    const std::string number = std::to_string(++last_id_);
    return of_cloud() ? "{00000000-0000-4000-8000-00000000000" + number + "}" : number;
  }

  [[nodiscard]] Answer failed(unsigned status, std::string_view message,
                              std::string_view exception = {}) const {
    return failure(product_, status, message, exception);
  }

  [[nodiscard]] Answer not_permitted() const {
    return of_cloud() ? failed(403, "Your credentials lack one or more required privilege scopes.")
                      : failed(401, "You are not permitted to access this resource",
                               "com.atlassian.bitbucket.AuthorisationException");
  }

  /// The project or workspace whose webhooks the path names, if any.
  [[nodiscard]] std::optional<std::string> owner_in(std::vector<std::string> segments) const {
    const std::vector<std::string> before =
        of_cloud() ? std::vector<std::string>{"", "2.0", "workspaces"}
                   : std::vector<std::string>{"", "git", "rest", "api", "latest", "projects"};
    const bool is_list = segments.size() == before.size() + 2 &&
                         segments.back() == (of_cloud() ? "hooks" : "webhooks") &&
                         std::equal(before.begin(), before.end(), segments.begin());
    return is_list ? std::optional(segments[before.size()]) : std::nullopt;
  }

  /// The webhooks of the repository in the path, and the id of one if the path has it.
  std::vector<StoredWebhook>* find_webhooks(std::vector<std::string> segments, std::string& id) {
    std::vector<std::string> form =
        of_cloud() ? std::vector<std::string>{"", "2.0", "repositories", "*", "*", "hooks"}
                   : std::vector<std::string>{"",         "git", "rest",  "api", "latest",
                                              "projects", "*",   "repos", "*",   "webhooks"};
    if (segments.size() == form.size() + 1) {
      id = segments.back();
      segments.pop_back();
      // Braces must be escaped in a path.
      if (of_cloud() && id.starts_with("%7B") && id.ends_with("%7D")) {
        id = "{" + id.substr(3, id.size() - 6) + "}";
      }
    }
    if (segments.size() != form.size()) return nullptr;
    std::string name;
    for (std::size_t i = 0; i < form.size(); ++i) {
      if (form[i] == "*") {
        name += (name.empty() ? "" : "/") + segments[i];
      } else if (form[i] != segments[i]) {
        return nullptr;
      }
    }
    const auto found = repositories_.find(name);
    return found == repositories_.end() ? nullptr : &found->second;
  }

  /// The newest delivery of a webhook with the requested outcome.
  Answer latest(const http::RequestHead& head, const Grant& grant) {
    std::vector<std::string> segments = split(head.path(), '/');
    segments.pop_back();
    std::string id;
    const std::vector<StoredWebhook>* webhooks = find_webhooks(std::move(segments), id);
    if (webhooks == nullptr || head.method != "GET") return failed(404, "HTTP 404 Not Found");
    if (!grant.reads) return not_permitted();
    if (std::ranges::find(*webhooks, id, &StoredWebhook::id) == webhooks->end()) {
      return no_webhook();
    }
    const std::string query = head.target.substr(head.path().size());
    for (const char* outcome : {"SUCCESS", "FAILURE", "ERROR"}) {
      if (query != std::string("?outcome=") + outcome) continue;
      const auto found = breakers_[id].latest(outcome);
      return found ? Answer{.body = *found} : Answer{.status = 204};
    }
    return failed(400, "outcome is none");
  }

  Answer page(const http::RequestHead& head, const Target& target,
              const std::vector<StoredWebhook>& webhooks) const {
    const std::string length_name = of_cloud() ? "pagelen" : "limit";
    const std::string place_name = of_cloud() ? "page" : "start";
    std::size_t asked = of_cloud() ? 10 : 25;
    std::size_t place = of_cloud() ? 1 : 0;
    for (const auto& [name, value] : target.query) {
      if (name == length_name) {
        asked = value;
      } else if (name == place_name) {
        place = value;
      } else {
        return failed(400, "unknown parameter " + name);
      }
    }
    if (asked == 0 || (of_cloud() && (asked > kMaxPageLength || place == 0))) {
      return failed(400, "Invalid pagelen");
    }
    const std::size_t length = std::min(asked, page_length_);
    const std::size_t begin = std::min(of_cloud() ? (place - 1) * length : place, webhooks.size());
    const std::size_t end = std::min(begin + length, webhooks.size());
    std::string values;
    for (std::size_t i = begin; i < end; ++i) {
      values += (values.empty() ? "" : ",") + document_of(product_, webhooks[i]);
    }
    const bool last = end == webhooks.size();
    std::string rest;
    if (of_cloud()) {
      rest = R"("pagelen": )" + std::to_string(length) + R"(, "page": )" + std::to_string(place) +
             R"(, "size": )" + std::to_string(webhooks.size());
      if (!last) {
        rest += R"(, "next": "https://)" + authority_ + std::string(head.path()) +
                "?pagelen=" + std::to_string(asked) + "&page=" + std::to_string(place + 1) + '"';
      }
    } else {
      rest = R"("size": )" + std::to_string(end - begin) + R"(, "limit": )" +
             std::to_string(length) + R"(, "start": )" + std::to_string(begin) +
             R"(, "isLastPage": )" + (last ? "true" : "false") + R"(, "nextPageStart": )" +
             (last ? "null" : std::to_string(end));
    }
    return {.body = R"({"values": [)" + values + "], " + rest + "}"};
  }

  Answer written(std::vector<StoredWebhook>& webhooks, const std::string& id,
                 const std::string& body) {
    if (before_write_) std::exchange(before_write_, nullptr)(webhooks);
    const auto found = std::ranges::find(webhooks, id, &StoredWebhook::id);
    auto webhook = read_document(product_, body, found == webhooks.end() ? nullptr : &*found);
    if (!webhook) return webhook.error();
    if (id.empty()) {
      // Data Center accepts duplicates.
      const bool taken = of_cloud() && std::ranges::find(webhooks, webhook->url,
                                                         &StoredWebhook::url) != webhooks.end();
      if (taken) return failed(409, "A webhook with this URL exists already");
      webhook->id = new_id();
      webhooks.push_back(*webhook);
      return {.status = 201, .body = document_of(product_, *webhook)};
    }
    if (found == webhooks.end()) return no_webhook();
    webhook->id = id;
    *found = *webhook;
    return {.body = document_of(product_, *webhook)};
  }

  Answer deleted(std::vector<StoredWebhook>& webhooks, const std::string& id) {
    if (before_write_) std::exchange(before_write_, nullptr)(webhooks);
    const bool there = std::erase_if(webhooks, [&](const StoredWebhook& webhook) {
                         return webhook.id == id && !webhook.of_project;
                       }) > 0;
    return there ? Answer{.status = 204} : no_webhook();
  }

  [[nodiscard]] Answer no_webhook() const {
    return failed(404, "Webhook not found", "com.atlassian.webhooks.NoSuchWebhookException");
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::optional<http::Server> server_;
  std::thread thread_;
};

BitbucketServer::BitbucketServer(Source product, const CertificateSpec& certificate,
                                 const std::string& name, const ListensAt& place)
    : impl_(std::make_unique<Impl>(product, certificate, name, place)) {}
BitbucketServer::~BitbucketServer() = default;

std::string BitbucketServer::url() const {
  return "https://" + impl_->authority_ + (impl_->of_cloud() ? "" : "/git");
}

unsigned short BitbucketServer::port() const {
  return impl_->port_;
}

std::string BitbucketServer::ca_pem() const {
  return impl_->ca_pem_;
}

std::string BitbucketServer::ca_file() const {
  return impl_->folder_.path("ca.crt");
}

Source BitbucketServer::product() const {
  return impl_->product_;
}

void BitbucketServer::accept(const std::string& authorization, Grant grant) {
  const std::lock_guard lock(impl_->mutex_);
  impl_->grants_[authorization] = grant;
}

void BitbucketServer::add_repository(const std::string& name, std::vector<StoredWebhook> webhooks) {
  const std::lock_guard lock(impl_->mutex_);
  for (StoredWebhook& webhook : webhooks) webhook.id = impl_->new_id();
  impl_->repositories_[name] = std::move(webhooks);
}

void BitbucketServer::add_inherited(const std::string& owner, std::vector<StoredWebhook> webhooks) {
  const std::lock_guard lock(impl_->mutex_);
  for (StoredWebhook& webhook : webhooks) {
    webhook.id = impl_->new_id();
    webhook.of_project = true;
  }
  impl_->inherited_[owner] = std::move(webhooks);
}

std::vector<StoredWebhook> BitbucketServer::webhooks(const std::string& repository) const {
  const std::lock_guard lock(impl_->mutex_);
  return impl_->repositories_.at(repository);
}

void BitbucketServer::set_page_length(std::size_t length) {
  const std::lock_guard lock(impl_->mutex_);
  impl_->page_length_ = length;
}

void BitbucketServer::answer_next(std::vector<Answer> answers) {
  const std::lock_guard lock(impl_->mutex_);
  for (Answer& answer : answers) impl_->answers_.push_back(std::move(answer));
}

void BitbucketServer::answer_reads(std::function<Answer(const std::string& url)> answer) {
  const std::lock_guard lock(impl_->mutex_);
  impl_->answer_reads_ = std::move(answer);
}

void BitbucketServer::before_next_write(std::function<void(std::vector<StoredWebhook>&)> change) {
  const std::lock_guard lock(impl_->mutex_);
  impl_->before_write_ = std::move(change);
}

void BitbucketServer::deliver(const std::string& repository,
                              const std::function<unsigned(const StoredWebhook&)>& send) {
  for (const StoredWebhook& webhook : webhooks(repository)) {
    if (!webhook.active) continue;
    // Sending may cause requests to this server.
    std::unique_lock lock(impl_->mutex_);
    Breaker breaker = impl_->breakers_[webhook.id];
    lock.unlock();
    breaker.deliver([&] { return send(webhook); });
    lock.lock();
    impl_->breakers_[webhook.id] = std::move(breaker);
  }
}

void BitbucketServer::set_delay(std::chrono::milliseconds delay) {
  impl_->delay_ = delay;
}

void BitbucketServer::hold(bool held) {
  impl_->held_ = held;
}

std::vector<std::string> BitbucketServer::requests() const {
  const std::lock_guard lock(impl_->mutex_);
  return impl_->requests_;
}

std::size_t BitbucketServer::writes() const {
  const std::lock_guard lock(impl_->mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(
      impl_->requests_, [](const std::string& request) { return !request.starts_with("GET "); }));
}

}  // namespace receiver::test
