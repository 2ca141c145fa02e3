#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "test/bitbucket_server/bitbucket_server.h"
#include "test/bitbucket_server/connect_proxy.h"
#include "test/chaos/invariant.h"
#include "test/support/process.h"
#include "test/support/scripted_server.h"
#include "test/support/test_certificates.h"

namespace receiver::chaos {

/// A server that no receiver's Secret names, on localhost. It records what it receives.
class Stranger {
 public:
  explicit Stranger(const test::TestIdentity& identity);

  [[nodiscard]] unsigned short port() const { return server_.port(); }
  [[nodiscard]] std::string host() const;
  [[nodiscard]] int connections() const { return server_.accepted(); }
  /// What arrived through TLS.
  [[nodiscard]] std::string received() const;

 private:
  mutable std::mutex mutex_;
  std::string received_;
  test::ScriptedServer server_;
};

/// A fault of the Bitbucket of one project.
struct BitbucketFault {
  enum class At {
    kCloud,       ///< behind the proxy
    kDataCenter,  ///< reached directly
    kStranger,    ///< a Data Center; meanwhile the proxy leads to a server with a certificate of an
                  ///< unknown CA
    kMisnamed,    ///< the same with a known CA and another name
    kUnlisted,    ///< BITBUCKET_HOSTS does not list it, for the whole test
    kNobody,      ///< the project has no token, and there is no fault
  };
  std::string what;
  At at = At::kDataCenter;
  /// The faulty answer for the URL.
  std::function<test::Answer(const std::string& url)> answer{};
  bool pauses = false;   ///< the operator then asks nothing for a minute
  bool in_doubt = true;  ///< the answers are not known in time
};

/// The Bitbuckets of several projects, one fault for each, all at the same time. Every commit
/// changes `apps/web/main.go`, and every default branch is `trunk`.
class Bitbuckets {
 public:
  Bitbuckets();

  /// The operator's settings to reach them.
  [[nodiscard]] test::Environment settings() const;
  /// A server that no request may reach, whoever names it; its certificate is valid.
  [[nodiscard]] std::string elsewhere() const { return "https://" + elsewhere_.host(); }

  /// Adds a project with that fault; returns the keys of its Secret for Bitbucket. Call before
  /// begin().
  [[nodiscard]] std::map<std::string, std::string> add(const std::string& project,
                                                       BitbucketFault fault);
  [[nodiscard]] std::string repository(const std::string& project, const std::string& slug) const;

  void begin();
  void end();

  /// Number of the project's questions that met its fault; for a stranger, of connections.
  [[nodiscard]] std::size_t met(const std::string& project) const;
  /// Times of correct answers to the project's questions.
  [[nodiscard]] std::vector<Time> answered(const std::string& project) const;

  /// Tokens, plain and as sent, which only the Bitbuckets may see.
  [[nodiscard]] std::vector<std::string> tokens() const;
  /// Everything that arrived at the proxy, which a tunnel hides from it, and at strangers.
  [[nodiscard]] std::string seen_by_others() const;
  /// Connections to where a Bitbucket's answers lead, and to the unlisted one.
  [[nodiscard]] int connections_elsewhere() const;

 private:
  struct Asked {
    BitbucketFault fault;
    std::size_t met = 0;
    std::vector<Time> answered{};
  };

  [[nodiscard]] std::string url_of(BitbucketFault::At at) const;
  test::Answer answer(const std::string& url);
  void lead(bool astray) const;

  mutable std::mutex mutex_;
  bool failing_ = false;
  std::map<std::string, Asked> projects_;
  std::vector<std::string> tokens_;

  test::TestAuthority known_{"known to receivers"};
  test::TestAuthority unknown_{"known to nobody"};
  std::map<BitbucketFault::At, test::BitbucketServer> servers_;
  std::map<BitbucketFault::At, Stranger> strangers_;
  Stranger elsewhere_;
  std::unique_ptr<test::ConnectProxy> proxy_;
};

/// The correct answer to a question about files or the default branch.
[[nodiscard]] test::Answer right_answer(const std::string& url);

}  // namespace receiver::chaos
