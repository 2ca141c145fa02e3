#include "kube/credentials.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "crypto/pem.h"
#include "log/end_on_exception.h"
#include "text/ascii.h"
#include "text/small_file.h"

namespace receiver::kube {
namespace {

namespace asio = boost::asio;
using Failure = tl::unexpected<std::string>;

/// Logs each change of a problem once, and its end. The first call logs nothing: it returns the
/// problem.
void set_problem(std::string& problem, std::string fresh, std::string_view what,
                 const log::Logger& logger) {
  if (fresh == problem) return;
  if (fresh.empty()) {
    logger.info("credentials are readable again", {{"credential", what}});
  } else {
    logger.warn("cannot refresh credentials", {{"credential", what}, {"error", fresh}});
  }
  problem = std::move(fresh);
}

crypto::X509Ptr first_certificate(std::string_view pem) {
  crypto::X509Ptr certificate = crypto::next_certificate(crypto::pem_text(pem).get());
  ERR_clear_error();
  return certificate;
}

/// The error of a client certificate and its key; empty if they are valid.
std::string pair_problem(std::string_view certificate_pem, std::string_view key_pem) {
  const crypto::X509Ptr certificate = first_certificate(certificate_pem);
  if (!certificate) return "the client certificate is not PEM";
  const crypto::KeyPtr key = crypto::read_key(crypto::pem_text(key_pem).get());
  const bool match = key && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!key) return "the client key is not PEM, or is encrypted";
  return match ? "" : "the client key does not belong to the client certificate";
}

/// The document, or the error.
tl::expected<std::string, std::string> load(const PemSource& source, std::string_view what) {
  if (source.file.empty()) return source.data;
  auto content = text::read_small_file(source.file);
  if (!content) return Failure(fmt::format("{} {}: {}", what, source.file, content.error()));
  return content;
}

}  // namespace

bool TokenFile::refresh(clock::Steady::time_point now) {
  if (read_ && now - *read_ < kReread) return problem_.empty();
  return reread(now);
}

bool TokenFile::reread(clock::Steady::time_point now) {
  const bool first = !std::exchange(read_, now);
  auto content = text::read_small_file(path_);
  std::string problem;
  if (!content) {
    problem = fmt::format("token file {}: {}", path_, content.error());
  } else if (const std::string_view token = text::trim(*content); text::is_one_word(token)) {
    token_ = crypto::SecretString(std::string(token));
  } else {
    problem =
        fmt::format("token file {}: {}", path_,
                    token.empty() ? "is empty" : "has blanks or control characters in the token");
  }
  if (content) crypto::wipe(*content);
  set_problem(problem_, std::move(problem), "token", first ? log::Logger::none() : logger_);
  return problem_.empty();
}

ClientTlsFiles::ClientTlsFiles(const Config& config, log::Logger logger)
    : authority_(config.certificate_authority),
      certificate_(config.client_certificate),
      key_(config.client_key),
      logger_(std::move(logger)) {
  tls_.server_name = config.tls_server_name;
  tls_.insecure_skip_verify = config.insecure_skip_tls_verify;
}

bool ClientTlsFiles::in_files() const {
  return !authority_.file.empty() || !certificate_.file.empty() || !key_.file.empty();
}

bool ClientTlsFiles::refresh(clock::Steady::time_point now) {
  if (read_ && (!in_files() || now - *read_ < kReread)) return false;
  return reread(now);
}

bool ClientTlsFiles::reread(clock::Steady::time_point now) {
  const bool first = !std::exchange(read_, now);
  auto authority = load(authority_, "certificate authority");
  auto certificate = load(certificate_, "client certificate");
  auto key = load(key_, "client key");
  std::string problem;
  for (const auto* document : {&authority, &certificate, &key}) {
    if (!*document && problem.empty()) problem = document->error();
  }
  if (problem.empty() && !authority->empty() && !first_certificate(*authority)) {
    problem = "the certificate authority is not PEM";
    if (!authority_.file.empty()) problem += ": " + authority_.file;
  }
  if (problem.empty() && !certificate->empty()) {
    problem = pair_problem(*certificate, *key);
    if (!problem.empty() && !certificate_.file.empty()) problem += ": " + certificate_.file;
  }
  set_problem(problem_, std::move(problem), "certificates", first ? log::Logger::none() : logger_);
  if (!problem_.empty()) return false;

  const bool changed = *authority != tls_.ca_pem || *certificate != tls_.certificate_pem ||
                       *key != tls_.key_pem.view();
  if (changed) {
    tls_.ca_pem = std::move(*authority);
    tls_.certificate_pem = std::move(*certificate);
    tls_.key_pem = crypto::SecretString(std::move(*key));
  } else {
    crypto::wipe(*key);
  }
  return changed;
}

Credentials::Credentials(asio::any_io_executor executor, Config config, log::Logger logger,
                         ExecLimits limits)
    : executor_(std::move(executor)),
      config_(std::move(config)),
      logger_(std::move(logger)),
      tls_files_(config_, logger_),
      limits_(limits) {
  if (!config_.token_file.empty()) token_file_.emplace(config_.token_file, logger_);
  // As in kubectl, a given token needs no plugin.
  uses_plugin_ = config_.exec.has_value() && config_.token.empty() && !token_file_;
}

tl::expected<std::shared_ptr<Credentials>, std::string> Credentials::create(
    asio::any_io_executor executor, Config config, log::Logger logger, ExecLimits limits) {
  const std::string source = config.source.empty() ? "configuration" : config.source;
  const std::shared_ptr<Credentials>
      credentials(  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
          new Credentials(std::move(executor), std::move(config), std::move(logger), limits));
  const auto now = clock::Steady::now();
  if (!credentials->config_.token.empty() &&
      !text::is_one_word(credentials->config_.token.view())) {
    return Failure(source + ": the token has blanks or control characters in it");
  }
  if (credentials->token_file_ && !credentials->token_file_->refresh(now) &&
      credentials->config_.token.empty()) {
    return Failure(source + ": " + credentials->token_file_->problem());
  }
  credentials->tls_files_.refresh(now);
  if (!credentials->tls_files_.problem().empty()) {
    return Failure(source + ": " + credentials->tls_files_.problem());
  }
  return credentials;
}

asio::awaitable<tl::expected<Credentials::Current, std::string>> Credentials::current(
    clock::Steady::time_point deadline) {
  const auto now = clock::Steady::now();
  if (token_file_) token_file_->refresh(now);
  if (tls_files_.refresh(now)) ++tls_version_;
  if (uses_plugin_) {
    const bool failed_just_now = !plugin_problem_.empty() && plugin_ran_just_now();
    if (plugin_due() && !failed_just_now) co_await run_plugin(deadline);
    if (!plugin_usable()) {
      co_return Failure(
          plugin_problem_.empty()
              ? fmt::format("credential plugin \"{}\" is still running", config_.exec->command)
              : plugin_problem_);
    }
  }
  co_return now_valid();
}

asio::awaitable<bool> Credentials::renew(Current refused, clock::Steady::time_point deadline) {
  const auto now = clock::Steady::now();
  if (token_file_) token_file_->reread(now);
  if (tls_files_.in_files() && tls_files_.reread(now)) ++tls_version_;
  const auto unchanged = [&] {
    const Current current = now_valid();
    return current.token == refused.token && current.tls_version == refused.tls_version;
  };
  if (uses_plugin_ && unchanged() && (plugin_running_ || !plugin_ran_just_now())) {
    co_await run_plugin(deadline);
    co_return !unchanged();
  }
  co_return token_file_ || tls_files_.in_files() || !unchanged();
}

http::ClientTls Credentials::tls() const {
  http::ClientTls tls = tls_files_.tls();
  if (plugin_credential_ && !plugin_credential_->certificate_pem.empty()) {
    tls.certificate_pem = plugin_credential_->certificate_pem;
    tls.key_pem = plugin_credential_->key_pem;
  }
  return tls;
}

void Credentials::close() {
  *stop_ = true;
  async::Sleeper::wake_all(waiting_for_plugin_);
}

Credentials::Current Credentials::now_valid() const {
  Current current{.token = config_.token, .tls_version = tls_version_};
  if (token_file_ && !token_file_->token().empty()) current.token = token_file_->token();
  if (plugin_credential_) current.token = plugin_credential_->token;
  return current;
}

bool Credentials::plugin_due() const {
  if (!plugin_credential_) return true;
  return plugin_refresh_at_ && clock::Wall::now() >= *plugin_refresh_at_;
}

bool Credentials::plugin_usable() const {
  if (!plugin_credential_) return false;
  // If the plugin has just returned a credential, only the API server can say whether it is valid:
  // clocks differ.
  return plugin_problem_.empty() || !plugin_credential_->expires ||
         clock::Wall::now() < *plugin_credential_->expires;
}

bool Credentials::plugin_ran_just_now() const {
  return plugin_ended_ && clock::Steady::now() - *plugin_ended_ < limits_.pause;
}

asio::awaitable<void> Credentials::run_plugin(clock::Steady::time_point deadline) {
  if (config_.exec->at_terminal) deadline = clock::Steady::time_point::max();
  if (!plugin_running_ && !*stop_) {
    plugin_running_ = true;
    asio::co_spawn(executor_, run_plugin_once(shared_from_this()),
                   log::EndOnException{logger_, "the credential plugin"});
  }
  while (plugin_running_ && !*stop_ && clock::Steady::now() < deadline) {
    async::Sleeper until_it_ends(executor_, waiting_for_plugin_);
    co_await until_it_ends.sleep(deadline);
  }
}

asio::awaitable<void> Credentials::run_plugin_once(async::KeptAlive) {
  const ExecPlugin plugin = *config_.exec;
  std::string info = exec_info(plugin, config_, tls_files_.tls().ca_pem);
  auto result = co_await run_exec_plugin(executor_, plugin, std::move(info), stop_, limits_);
  plugin_running_ = false;
  plugin_ended_ = clock::Steady::now();
  std::string problem;
  if (!result) {
    problem = result.error();
  } else if (!result->certificate_pem.empty()) {
    problem = pair_problem(result->certificate_pem, result->key_pem.view());
    if (!problem.empty()) {
      problem = fmt::format("credential plugin \"{}\": {}", plugin.command, problem);
    }
  }
  if (problem.empty()) take(std::move(*result));
  if (!*stop_) set_problem(plugin_problem_, std::move(problem), "plugin", logger_);
  async::Sleeper::wake_all(waiting_for_plugin_);
}

void Credentials::take(ExecCredential credential) {
  const auto now = clock::Wall::now();
  plugin_refresh_at_.reset();
  if (credential.expires) {
    const clock::Wall::duration life = *credential.expires - now;
    const clock::Wall::duration margin = std::min<clock::Wall::duration>(kExpiryMargin, life / 5);
    plugin_refresh_at_ =
        now + std::max<clock::Wall::duration>(life - margin, std::chrono::seconds(1));
  }
  const bool tls_changed =
      plugin_credential_ ? plugin_credential_->certificate_pem != credential.certificate_pem ||
                               plugin_credential_->key_pem != credential.key_pem
                         : !credential.certificate_pem.empty();
  if (tls_changed) ++tls_version_;
  plugin_credential_ = std::move(credential);
}

}  // namespace receiver::kube
