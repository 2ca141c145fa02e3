#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "async/kept_alive.h"
#include "async/sleeper.h"
#include "clock/clock.h"
#include "crypto/crypto.h"
#include "http/client.h"
#include "kube/config.h"
#include "kube/exec_plugin.h"
#include "log/logger.h"

/// Credentials of requests, kept up to date. Internal to the room.
namespace receiver::kube {

/// A bearer token in a file that another process rotates. If the file cannot be used, the last
/// token stays.
class TokenFile {
 public:
  TokenFile(std::string path, log::Logger logger)
      : path_(std::move(path)), logger_(std::move(logger)) {}

  /// Reads the file if it has not been read within kReread. False if it could not be used.
  bool refresh(clock::Steady::time_point now);
  /// Reads the file.
  bool reread(clock::Steady::time_point now);
  /// Empty until the file has been read.
  [[nodiscard]] const crypto::SecretString& token() const { return token_; }
  /// The error of the last read; empty if it succeeded.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  static constexpr std::chrono::seconds kReread{60};

 private:
  std::string path_;
  log::Logger logger_;
  crypto::SecretString token_;
  std::string problem_;
  std::optional<clock::Steady::time_point> read_;
};

/// The CA, the client certificate and its key. Those in files are reloaded. New contents are used
/// when all of them can be read and the key belongs to the certificate: after a half-finished
/// rotation, the next check loads them.
class ClientTlsFiles {
 public:
  ClientTlsFiles(const Config& config, log::Logger logger);

  /// Checks the files if they have not been checked within kReread. True if `tls()` changed.
  bool refresh(clock::Steady::time_point now);
  bool reread(clock::Steady::time_point now);
  [[nodiscard]] const http::ClientTls& tls() const { return tls_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] bool in_files() const;

  static constexpr std::chrono::seconds kReread{10};

 private:
  PemSource authority_;
  PemSource certificate_;
  PemSource key_;
  log::Logger logger_;
  http::ClientTls tls_;
  std::string problem_;
  std::optional<clock::Steady::time_point> read_;
};

/// All of the above, and a credential plugin. For one thread.
class Credentials : public std::enable_shared_from_this<Credentials> {
 public:
  /// The credentials of one request. `tls_version` counts the changes of tls().
  struct Current {
    crypto::SecretString token;
    std::uint64_t tls_version = 0;
  };

  /// The error says which credential cannot be read. A plugin runs at the first request.
  [[nodiscard]] static tl::expected<std::shared_ptr<Credentials>, std::string> create(
      boost::asio::any_io_executor executor, Config config, log::Logger logger,
      ExecLimits limits = {});

  /// Valid credentials. Waits for a running plugin until `deadline` at most, but at a terminal as
  /// long as the person needs.
  boost::asio::awaitable<tl::expected<Current, std::string>> current(
      clock::Steady::time_point deadline);

  /// Call after a 401 to a request with `refused`: reads everything again. False if that cannot
  /// change anything.
  boost::asio::awaitable<bool> renew(Current refused, clock::Steady::time_point deadline);

  [[nodiscard]] http::ClientTls tls() const;
  [[nodiscard]] const Config& config() const { return config_; }

  /// Stops a running plugin; callers that wait for it get an error.
  void close();

  /// A plugin runs again this long before its credential expires (for short-lived ones, after 4/5
  /// of their lifetime).
  static constexpr std::chrono::seconds kExpiryMargin{60};

 private:
  Credentials(boost::asio::any_io_executor executor, Config config, log::Logger logger,
              ExecLimits limits);

  [[nodiscard]] bool plugin_due() const;
  [[nodiscard]] bool plugin_usable() const;
  [[nodiscard]] bool plugin_ran_just_now() const;
  boost::asio::awaitable<void> run_plugin(clock::Steady::time_point deadline);
  boost::asio::awaitable<void> run_plugin_once(async::KeptAlive);
  void take(ExecCredential credential);
  [[nodiscard]] Current now_valid() const;

  boost::asio::any_io_executor executor_;
  Config config_;
  log::Logger logger_;
  std::optional<TokenFile> token_file_;
  ClientTlsFiles tls_files_;
  std::uint64_t tls_version_ = 0;

  bool uses_plugin_ = false;
  ExecLimits limits_;
  std::optional<ExecCredential> plugin_credential_;
  std::optional<clock::Wall::time_point> plugin_refresh_at_;
  std::optional<clock::Steady::time_point> plugin_ended_;
  std::string plugin_problem_;  ///< error of the last run; empty if it succeeded
  bool plugin_running_ = false;
  async::Sleeper::Queue waiting_for_plugin_;
  std::shared_ptr<bool> stop_ = std::make_shared<bool>(false);
};

}  // namespace receiver::kube
