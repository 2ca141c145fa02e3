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

/// A server that no receiver's Secret names, on localhost. It keeps what it is sent.
class Stranger {
 public:
  explicit Stranger(const test::TestIdentity& identity);

  [[nodiscard]] unsigned short port() const { return server_.port(); }
  [[nodiscard]] std::string host() const;
  [[nodiscard]] int connections() const { return server_.accepted(); }
  /// What came through TLS.
  [[nodiscard]] std::string received() const;

 private:
  mutable std::mutex mutex_;
  std::string received_;
  test::ScriptedServer server_;
};

/// What is wrong with the Bitbucket of one project for a while.
struct BitbucketFault {
  enum class At {
    kCloud,       ///< behind the proxy
    kDataCenter,  ///< reached directly
    kStranger,    ///< a Data Center; meanwhile the proxy leads to one of an unknown authority
    kMisnamed,    ///< the same, but the authority is known, and the name another one
    kUnlisted,    ///< BITBUCKET_HOSTS does not list it, which never ends
    kNobody,      ///< the project has no token, and nothing is wrong
  };
  std::string what;
  At at = At::kDataCenter;
  /// What it answers to the URL instead.
  std::function<test::Answer(const std::string& url)> answer{};
  bool pauses = false;   ///< nobody asks for a minute then
  bool in_doubt = true;  ///< what is asked for is not known in time
};

/// The Bitbuckets of several projects, one fault for each, all at once. Every commit changes
/// `apps/web/main.go`, and every default branch is `trunk`.
class Bitbuckets {
 public:
  Bitbuckets();

  /// What the operator needs to reach them.
  [[nodiscard]] test::Environment settings() const;
  /// Where no request may go, whoever names it; its certificate is good.
  [[nodiscard]] std::string elsewhere() const { return "https://" + elsewhere_.host(); }

  /// A project with that fault; gives the keys of its Secret for Bitbucket. Before begin().
  [[nodiscard]] std::map<std::string, std::string> add(const std::string& project,
                                                       BitbucketFault fault);
  [[nodiscard]] std::string repository(const std::string& project, const std::string& slug) const;

  void begin();
  void end();

  /// Questions of a project that met its fault; of a stranger, connections.
  [[nodiscard]] std::size_t met(const std::string& project) const;
  /// When questions of the project were answered rightly.
  [[nodiscard]] std::vector<Time> answered(const std::string& project) const;

  /// Not to be seen by anybody but the Bitbuckets: tokens, plain and as they are sent.
  [[nodiscard]] std::vector<std::string> tokens() const;
  /// All that came to the proxy, which a tunnel hides from it, and to strangers.
  [[nodiscard]] std::string seen_by_others() const;
  /// To where a Bitbucket's answers lead, and to the one that is not listed.
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

/// A right answer to a question about files or the default branch.
[[nodiscard]] test::Answer right_answer(const std::string& url);

}  // namespace receiver::chaos
