#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "test/support/scripted_server.h"
#include "test/support/temporary_file.h"
#include "test/unit/cmd/receiverctl/terminal.h"

namespace receiver::ctl {

/// A scripted API server without TLS, and a kubeconfig for it.
class ScriptedApi {
 public:
  struct Answer {
    int status = 404;
    std::string body = R"({"kind":"Status","code":404,"reason":"NotFound","message":"not found"})";
  };
  /// Called on a thread of each connection, one at a time. The path is without the query.
  using Script = std::function<Answer(const std::string& path, const std::string& query)>;

  /// `ns`: of the kubeconfig's context; empty: it names none.
  explicit ScriptedApi(Script script, const std::string& ns = {})
      : script_(std::move(script)),
        server_([this](test::Peer& peer) { serve(peer); }),
        kubeconfig_(fmt::format(
            "clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{}'}}}}]\n"
            "contexts: [{{name: c, context: {{cluster: c, user: u{}}}}}]\n"
            "users: [{{name: u, user: {{token: the-token-of-the-test}}}}]\ncurrent-context: c\n",
            server_.port(), ns.empty() ? "" : ", namespace: " + ns)) {}

  [[nodiscard]] std::string kubeconfig() const { return kubeconfig_.path(); }
  [[nodiscard]] std::string origin() const {
    return fmt::format("http://127.0.0.1:{}", server_.port());
  }
  /// Method and target of each request so far.
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  static Answer list(const std::string& items) {
    return {200, R"({"kind":"List","metadata":{"resourceVersion":"1"},"items":[)" + items + "]}"};
  }
  static Answer forbidden(const std::string& what) {
    return {403, fmt::format(R"({{"kind":"Status","code":403,"reason":"Forbidden","message":)"
                             R"("{} is forbidden: User \"u\" cannot do that"}})",
                             what)};
  }

 private:
  void serve(test::Peer& peer) {
    while (const auto request = peer.request()) {
      const std::string line = request->substr(0, request->find(" HTTP/"));
      const std::string target = line.substr(line.find(' ') + 1);
      const std::size_t query = std::min(target.find('?'), target.size());
      Answer answer;
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(line);
        answer = script_(target.substr(0, query), target.substr(query));
      }
      if (answer.status == 0) {  // none
        (void)peer.wait_for_close();
        return;
      }
      if (!peer.send(fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\n"
                                 "Content-Length: {}\r\n\r\n{}",
                                 answer.status, answer.body.size(), answer.body))) {
        return;
      }
    }
  }

  Script script_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  test::ScriptedServer server_;
  test::TemporaryFile kubeconfig_;
};

/// The output of a command, and its exit code.
struct Ended {
  int code;
  std::string out;
  std::string err;
};
/// Runs the command there, on a terminal with this width, or without one.
inline Ended run(const ScriptedApi& api, std::vector<const char*> words,
                 std::optional<std::size_t> columns = std::nullopt) {
  Terminal terminal;
  terminal.context.kubeconfig = api.kubeconfig();
  terminal.context.columns = columns;
  terminal.context.look_again = std::chrono::milliseconds(10);
  words.insert(words.begin(), "receiverctl");
  const int code = terminal.run(words);
  return {code, terminal.out.str(), terminal.err.str()};
}

}  // namespace receiver::ctl
