#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bitbucket/event.h"
#include "test/bitbucket_server/documents.h"
#include "test/support/test_certificates.h"

namespace receiver::test {

/// What a token may do with webhooks: Cloud's scopes read:, write: and delete:webhook:bitbucket, of
/// which none implies another. Data Center has administrators, who may do all, and others.
struct Grant {
  bool reads = true;
  bool writes = true;
  bool deletes = true;

  static const Grant kAdmin;
  static const Grant kReadOnly;  ///< of the repository; of its webhooks nothing
};
inline constexpr Grant Grant::kAdmin{};
inline constexpr Grant Grant::kReadOnly{.reads = false, .writes = false, .deletes = false};

/// Where a server listens: on any free port of this machine alone, unless it is told otherwise.
struct ListensAt {
  std::string address = "127.0.0.1";
  unsigned short port = 0;
};

/// Bitbucket Cloud's REST API 2.0, or Data Center's (latest) with a context path, as far as the
/// webhooks go, over TLS. It refuses what the vendor's
/// documents do not have: other paths, queries, fields, types, events, content types. Thread-safe.
class BitbucketServer {
 public:
  /// `name`: what it calls itself; only a proxy finds it under another one than localhost. With
  /// `:443` behind it, clients take that for its port, and leave it out.
  explicit BitbucketServer(bitbucket::Source product, const CertificateSpec& certificate = {},
                           const std::string& name = "localhost", const ListensAt& place = {});
  ~BitbucketServer();
  BitbucketServer(const BitbucketServer&) = delete;
  BitbucketServer& operator=(const BitbucketServer&) = delete;

  /// `https://localhost:PORT`, for Data Center with `/git` behind it.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] unsigned short port() const;
  /// The authority that its certificate is of, in PEM.
  [[nodiscard]] std::string ca_pem() const;
  [[nodiscard]] std::string ca_file() const;
  [[nodiscard]] bitbucket::Source product() const;

  /// The value of an Authorization header that is accepted.
  void accept(const std::string& authorization, Grant grant = Grant::kAdmin);
  /// `WORKSPACE/SLUG` or `KEY/SLUG`; with these webhooks.
  void add_repository(const std::string& name, std::vector<StoredWebhook> webhooks = {});
  [[nodiscard]] std::vector<StoredWebhook> webhooks(const std::string& repository) const;
  /// Of a workspace or project, which tokens may read from now on; before, none may.
  void add_inherited(const std::string& owner, std::vector<StoredWebhook> webhooks);

  /// Pages hold no more than this, however many were asked for.
  void set_page_length(std::size_t length);
  /// What the next requests are answered, in that order, whatever they ask.
  void answer_next(std::vector<Answer> answers);
  /// What else there is to read than webhooks: answers every GET of it, by its URL in full, if the
  /// token is accepted.
  void answer_reads(std::function<Answer(const std::string& url)> answer);
  /// Called before the next write is looked at: somebody else is quicker.
  void before_next_write(std::function<void(std::vector<StoredWebhook>&)> change);

  /// Data Center: a push happens, and each of the repository's webhooks that is active has it
  /// delivered by `send`, or skipped (Breaker).
  void deliver(const std::string& repository,
               const std::function<unsigned(const StoredWebhook&)>& send);

  /// From now on each answer goes out so long after its request was done.
  void set_delay(std::chrono::milliseconds delay);
  /// As long as it is held, it takes requests and answers none.
  void hold(bool held);

  /// `METHOD TARGET` of every request so far.
  [[nodiscard]] std::vector<std::string> requests() const;
  /// Those that are not GET.
  [[nodiscard]] std::size_t writes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::test
