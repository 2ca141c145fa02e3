#include "http/server_tls.h"

#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "http/socket_bio.h"
#include "text/small_file.h"

namespace receiver::http {

namespace {

clock::Wall::time_point not_after(const X509* certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return {};
  return clock::from_utc(time);
}

tl::expected<std::string, std::string> read_file(const std::string& path) {
  return text::read_small_file(path).map_error(
      [&](const std::string& why) { return fmt::format("cannot read {}: {}", path, why); });
}

}  // namespace

ServerTlsFiles::Loaded ServerTlsContext::from_pem(std::string_view certificate_chain,
                                                  std::string_view key, const ServerTls& files) {
  ERR_clear_error();
  const auto fault = [](const std::string& path, std::string_view what) {
    return tl::unexpected(fmt::format("{}: {} ({})", path, what, crypto::openssl_reason()));
  };

  SSL_CTX* raw = SSL_CTX_new(TLS_server_method());
  if (raw == nullptr) {
    return tl::unexpected(fmt::format("cannot set up TLS: {}", crypto::openssl_reason()));
  }
  std::shared_ptr<ServerTlsContext> context(
      new ServerTlsContext(raw));  // NOLINT(cppcoreguidelines-owning-memory): private constructor

  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // An idle connection holds no record buffers. An answer is written from its own memory, record by
  // record.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(raw, 1);  // one system call per record instead of two
  SSL_CTX_set_session_cache_mode(
      raw, SSL_SESS_CACHE_OFF);  // sessions resume by ticket, which needs no memory here
  SSL_CTX_set_num_tickets(raw, 1);

  const crypto::BioPtr chain = crypto::pem_text(certificate_chain);
  const crypto::X509Ptr certificate = crypto::next_certificate(chain.get());
  if (!certificate || SSL_CTX_use_certificate(raw, certificate.get()) != 1) {
    return fault(files.certificate_path, "no usable PEM certificate");
  }
  for (;;) {
    crypto::X509Ptr issuer = crypto::next_certificate(chain.get());
    if (!issuer) break;
    if (SSL_CTX_add0_chain_cert(raw, issuer.get()) != 1) {
      return fault(files.certificate_path, "unusable certificate in the chain");
    }
    static_cast<void>(issuer.release());  // now owned by the context
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return fault(files.certificate_path, "damaged certificate in the chain");
  }
  ERR_clear_error();

  const crypto::KeyPtr private_key = crypto::read_key(crypto::pem_text(key).get());
  if (!private_key) return fault(files.key_path, "no usable PEM key");
  if (SSL_CTX_use_PrivateKey(raw, private_key.get()) != 1 || SSL_CTX_check_private_key(raw) != 1) {
    return fault(files.key_path,
                 "the key does not belong to the certificate in " + files.certificate_path);
  }
  context->expiry_ = not_after(certificate.get());
  return context;
}

ServerTlsContext::~ServerTlsContext() {
  SSL_CTX_free(context_);
}

TlsSession ServerTlsContext::new_session(int socket) const {
  TlsSession session(SSL_new(context_));
  BIO* bio = session == nullptr ? nullptr : new_socket_bio(socket);
  if (bio == nullptr) return nullptr;
  SSL_set_bio(session.get(), bio, bio);
  SSL_set_accept_state(session.get());
  return session;
}

std::optional<ServerTlsFiles::Loaded> ServerTlsFiles::poll() {
  const auto certificate = read_file(files_.certificate_path);
  auto key = read_file(files_.key_path);
  const auto text = [](const auto& file) -> const std::string& {
    return file ? *file : file.error();
  };
  std::optional<Loaded> loaded;
  std::string digest = crypto::sha256_hex({text(certificate), "\n", text(key)});
  if (digest != seen_) {
    seen_ = std::move(digest);
    if (!certificate) {
      loaded = tl::unexpected(certificate.error());
    } else if (!key) {
      loaded = tl::unexpected(key.error());
    } else {
      loaded = ServerTlsContext::from_pem(*certificate, *key, files_);
    }
  }
  if (key) crypto::wipe(*key);
  return loaded;
}

}  // namespace receiver::http
