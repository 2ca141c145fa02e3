#include "http/client_tls.h"

#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/pem.h"
#include "http/socket_bio.h"

namespace receiver::http {
namespace {

using Failure = tl::unexpected<std::string>;
using Done = tl::expected<void, std::string>;

Failure fault(std::string_view what) {
  return Failure(fmt::format("{} ({})", what, crypto::openssl_reason()));
}

/// Passes every certificate of `pem` to `take`, which returns whether it accepted it.
template <typename Take>
Done for_each_certificate(std::string_view pem, std::string_view owner, Take take) {
  const crypto::BioPtr text = crypto::pem_text(pem);
  bool any = false;
  while (text != nullptr) {
    crypto::X509Ptr certificate = crypto::next_certificate(text.get());
    if (!certificate) break;
    if (!take(std::move(certificate))) return fault(fmt::format("{}: unusable certificate", owner));
    any = true;
  }
  if (!any) return fault(fmt::format("{}: contains no PEM certificate", owner));
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return fault(fmt::format("{}: contains a damaged certificate", owner));
  }
  ERR_clear_error();
  return {};
}

Done trust(SSL_CTX* context, const ClientTls& tls) {
  SSL_CTX_set_verify(context, tls.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                     nullptr);
  if (tls.insecure_skip_verify) return {};
  if (tls.ca_pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) return fault("the system's authorities");
    return {};
  }
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  // Every configured certificate is a trust anchor, self-signed or not.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return for_each_certificate(tls.ca_pem, "certificate authorities", [store](crypto::X509Ptr one) {
    return X509_STORE_add_cert(store, one.get()) == 1;
  });
}

Done present(SSL_CTX* context, const ClientTls& tls) {
  if (tls.certificate_pem.empty()) return {};
  bool first = true;
  auto done = for_each_certificate(tls.certificate_pem, "client certificate",
                                   [context, &first](crypto::X509Ptr one) {
                                     if (std::exchange(first, false)) {
                                       return SSL_CTX_use_certificate(context, one.get()) == 1;
                                     }
                                     if (SSL_CTX_add0_chain_cert(context, one.get()) != 1) {
                                       return false;
                                     }
                                     static_cast<void>(one.release());  // now owned by the context
                                     return true;
                                   });
  if (!done) return done;
  const crypto::BioPtr text = crypto::pem_text(tls.key_pem.view());
  const crypto::KeyPtr key = text ? crypto::read_key(text.get()) : nullptr;
  if (!key) return fault("client key: not a usable PEM key");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return fault("client key: does not belong to the client certificate");
  }
  return {};
}

}  // namespace

ClientTlsContext::ClientTlsContext(SSL_CTX* context, std::string server_name)
    : context_(context), server_name_(std::move(server_name)) {
  if (server_name_.ends_with('.')) server_name_.pop_back();
}

ClientTlsContext::~ClientTlsContext() {
  SSL_SESSION_free(last_session_);
  SSL_CTX_free(context_);
}

tl::expected<std::shared_ptr<ClientTlsContext>, std::string> ClientTlsContext::create(
    const ClientTls& tls, std::string_view host) {
  ERR_clear_error();
  SSL_CTX* raw = SSL_CTX_new(TLS_client_method());
  if (raw == nullptr) return fault("cannot set up TLS");
  std::string name = tls.server_name.empty() ? std::string(host) : tls.server_name;
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
  std::shared_ptr<ClientTlsContext> context(new ClientTlsContext(raw, std::move(name)));

  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  // Decrypted bytes are wiped after reading: they may have been a Secret.
  SSL_CTX_set_options(raw,
                      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CLEANSE_PLAINTEXT);
  // A waiting connection holds no record buffers. A long body is sent record by record.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(raw, 1);  // one system call per record instead of two
  SSL_CTX_set_app_data(raw, context.get());
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, keep_session);

  if (auto trusted = trust(raw, tls); !trusted) return Failure(std::move(trusted.error()));
  if (auto presented = present(raw, tls); !presented) return Failure(std::move(presented.error()));
  if (!context->set_server_name(!tls.insecure_skip_verify)) {
    return fault(fmt::format("cannot verify the server name {}", context->server_name_));
  }
  return context;
}

bool ClientTlsContext::set_server_name(bool verify) {
  const std::unique_ptr<ASN1_OCTET_STRING, crypto::FreedBy<ASN1_OCTET_STRING_free>> address(
      a2i_IPADDRESS(server_name_.c_str()));
  name_is_address_ = address != nullptr;
  ERR_clear_error();
  if (!verify) return true;
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context_);
  // As in browsers and Go, only the alternative names count.
  X509_VERIFY_PARAM_set_hostflags(
      wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return name_is_address_
             ? X509_VERIFY_PARAM_set1_ip_asc(wanted, server_name_.c_str()) == 1
             : !server_name_.empty() && X509_VERIFY_PARAM_set1_host(wanted, server_name_.data(),
                                                                    server_name_.size()) == 1;
}

int ClientTlsContext::keep_session(SSL* connection, SSL_SESSION* session) {
  auto* context = static_cast<ClientTlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
  SSL_SESSION_free(std::exchange(context->last_session_, session));
  return 1;  // this object owns the reference now
}

TlsSession ClientTlsContext::new_session(int socket) const {
  return new_session_over(new_socket_bio(socket));
}

TlsSession ClientTlsContext::new_session_within(TlsSession outer) const {
  BIO* bio = BIO_new(BIO_f_ssl());
  if (bio != nullptr) BIO_set_ssl(bio, outer.release(), BIO_CLOSE);
  return new_session_over(bio);
}

TlsSession ClientTlsContext::new_session_over(BIO* transport) const {
  if (transport == nullptr) return nullptr;
  TlsSession session(SSL_new(context_));
  if (!session) {
    BIO_free_all(transport);
    return nullptr;
  }
  SSL_set_bio(session.get(), transport, transport);
  SSL_set_connect_state(session.get());
  // Only a DNS name may be sent as SNI.
  if (!name_is_address_ && SSL_set_tlsext_host_name(session.get(), server_name_.c_str()) != 1) {
    return nullptr;
  }
  if (last_session_ != nullptr) SSL_set_session(session.get(), last_session_);
  return session;
}

std::string ClientTlsContext::refusal(const Stream& broken) const {
  const SSL* session = broken.session();
  const long verdict = SSL_get_verify_result(session);
  if (SSL_get_verify_mode(session) != SSL_VERIFY_NONE && verdict != X509_V_OK) {
    ERR_clear_error();
    return fmt::format("the certificate shown for {} is not valid: {}", server_name_,
                       X509_verify_cert_error_string(verdict));
  }
  if (ERR_peek_last_error() == 0) return "the connection ended during the TLS handshake";
  return broken.peer_sent_alert()
             ? fmt::format("the server refused the TLS handshake: {}", crypto::openssl_reason())
             : fmt::format("the TLS handshake failed: {}", crypto::openssl_reason());
}

}  // namespace receiver::http
