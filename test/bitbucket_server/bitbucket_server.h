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

/// The address of a server: by default any free port of loopback.
struct ListensAt {
  std::string address = "127.0.0.1";
  unsigned short port = 0;
};

/// Bitbucket Cloud's REST API 2.0, or Data Center's (latest) with a context path, for webhooks,
/// over TLS. It rejects everything that the vendor's documents do not contain: other paths,
/// queries, fields, types, events, content types. Thread-safe.
class BitbucketServer {
 public:
  /// `name` is the server's host name; only a proxy finds it under another name than localhost.
  /// With `:443` appended, clients treat that as its port, and omit it.
  explicit BitbucketServer(bitbucket::Source product, const CertificateSpec& certificate = {},
                           const std::string& name = "localhost", const ListensAt& place = {});
  ~BitbucketServer();
  BitbucketServer(const BitbucketServer&) = delete;
  BitbucketServer& operator=(const BitbucketServer&) = delete;

  /// `https://localhost:PORT`, for Data Center followed by `/git`.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] unsigned short port() const;
  /// The CA of its certificate, in PEM.
  [[nodiscard]] std::string ca_pem() const;
  [[nodiscard]] std::string ca_file() const;
  [[nodiscard]] bitbucket::Source product() const;

  /// An Authorization header that is accepted.
  void accept(const std::string& authorization, Grant grant = Grant::kAdmin);
  /// Adds `WORKSPACE/SLUG` or `KEY/SLUG`, with these webhooks.
  void add_repository(const std::string& name, std::vector<StoredWebhook> webhooks = {});
  [[nodiscard]] std::vector<StoredWebhook> webhooks(const std::string& repository) const;
  /// Adds webhooks of a workspace or project, and allows tokens to read them, which they may not
  /// before.
  void add_inherited(const std::string& owner, std::vector<StoredWebhook> webhooks);

  /// Pages are never longer, whatever was requested.
  void set_page_length(std::size_t length);
  /// The answers to the next requests, in order, whatever they ask.
  void answer_next(std::vector<Answer> answers);
  /// For reads of anything but webhooks: answers every such GET, by its full URL, if the token is
  /// accepted.
  void answer_reads(std::function<Answer(const std::string& url)> answer);
  /// Called before the next write is processed: another client was faster.
  void before_next_write(std::function<void(std::vector<StoredWebhook>&)> change);

  /// Data Center: a push happens, and `send` delivers it to each active webhook of the repository,
  /// unless it is skipped (Breaker).
  void deliver(const std::string& repository,
               const std::function<unsigned(const StoredWebhook&)>& send);

  /// From now on each answer is sent this long after its request was processed.
  void set_delay(std::chrono::milliseconds delay);
  /// While held, it accepts requests and answers none.
  void hold(bool held);

  /// `METHOD TARGET` of every request so far.
  [[nodiscard]] std::vector<std::string> requests() const;
  /// Requests that are not GET.
  [[nodiscard]] std::size_t writes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::test
