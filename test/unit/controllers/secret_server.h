#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "crypto/crypto.h"
#include "test/support/fake_api_server.h"

namespace receiver::controllers {

/// Secrets as in an API server, on the test's own thread. Watches end at once, so only reads and
/// later lists see changes.
class SecretServer {
 public:
  explicit SecretServer(boost::asio::io_context& io)
      : server_(io, [this](const test::ApiRequest& request) { return answer(request); }) {}

  void put(const std::string& ns, const std::string& name, const std::string& value,
           bool labelled = true) {
    objects_[ns][name] = fmt::format(
        R"({{"metadata":{{"namespace":"{}","name":"{}","resourceVersion":"1","labels":{{"kargo.akuity.io/cred-type":"{}"}}}},"data":{{"secret":"{}"}}}})",
        ns, name, labelled ? "generic" : "", crypto::base64_encode(value));
    labelled_[ns + "/" + name] = labelled;
  }
  void put_json(const std::string& ns, const std::string& name, const std::string& json) {
    objects_[ns][name] = json;
    labelled_[ns + "/" + name] = true;
  }
  void forbid(const std::string& ns, bool forbidden) { forbidden_[ns] = forbidden; }

  /// Answers requests that are not for Secrets.
  test::FakeApiServer::Handler others = [](const test::ApiRequest&) {
    return test::refusal(404, "NotFound");
  };

  /// For every list in that namespace, and for every read of that `namespace/name`.
  std::map<std::string, test::ApiAnswer> instead_of_listing{}, instead_of_this_one{};
  /// For the next single reads.
  std::deque<test::ApiAnswer> instead_of_reading{};

  /// Called when a list has been answered, before the client gets it.
  std::function<void()> listed = [] {};

  test::FakeApiServer& server() { return server_; }
  [[nodiscard]] int lists() const { return lists_; }
  [[nodiscard]] int reads() const { return reads_; }

 private:
  test::ApiAnswer answer(const test::ApiRequest& request) {
    const std::string path = request.target.substr(0, request.target.find('?'));
    if (path.find("/secrets") == std::string::npos) return others(request);
    if (request.target.find("watch=true") != std::string::npos) return {200, ""};
    const std::string prefix = "/api/v1/namespaces/";
    const bool all = !path.starts_with(prefix);
    const std::string rest = all ? "" : path.substr(prefix.size());
    const std::string ns = rest.substr(0, rest.find('/'));
    if (forbidden_[ns]) return test::refusal(403, "Forbidden");
    const std::size_t name_at = rest.find("/secrets/");
    if (name_at != std::string::npos) {
      ++reads_;
      if (!instead_of_reading.empty()) {
        test::ApiAnswer foreign = std::move(instead_of_reading.front());
        instead_of_reading.pop_front();
        return foreign;
      }
      const std::string name = rest.substr(name_at + 9);
      if (const auto foreign = instead_of_this_one.find(ns + "/" + name);
          foreign != instead_of_this_one.end()) {
        return foreign->second;
      }
      const auto found = objects_[ns].find(name);
      if (found == objects_[ns].end()) return test::refusal(404, "NotFound");
      return {200, found->second};
    }
    ++lists_;
    if (const auto foreign = instead_of_listing.find(ns); foreign != instead_of_listing.end()) {
      return foreign->second;
    }
    test::ApiAnswer answer{200, list(ns)};
    listed();
    return answer;
  }

  std::string list(const std::string& ns) {
    std::string items;
    for (const auto& [object_ns, objects] : objects_) {
      if (!ns.empty() && object_ns != ns) continue;
      for (const auto& [name, json] : objects) {
        if (ns.empty() && !labelled_[object_ns + "/" + name]) continue;
        items += (items.empty() ? "" : ",") + json;
      }
    }
    return R"({"metadata":{"resourceVersion":"5"},"items":[)" + items + "]}";
  }

  std::map<std::string, std::map<std::string, std::string>> objects_;
  std::map<std::string, bool> labelled_;
  std::map<std::string, bool> forbidden_;
  int lists_ = 0, reads_ = 0;
  test::FakeApiServer server_;
};

}  // namespace receiver::controllers
