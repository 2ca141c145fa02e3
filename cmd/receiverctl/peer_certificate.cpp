#include "cmd/receiverctl/peer_certificate.h"

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "crypto/pem.h"

namespace receiver::ctl {
namespace {

using NotSeen = tl::unexpected<std::string>;
using ContextPtr = std::unique_ptr<SSL_CTX, crypto::FreedBy<SSL_CTX_free>>;
using ChainPtr = std::unique_ptr<BIO, crypto::FreedBy<BIO_free_all>>;
using AddressPtr = std::unique_ptr<ASN1_OCTET_STRING, crypto::FreedBy<ASN1_OCTET_STRING_free>>;

/// Interval of the checks whether the socket is connected.
constexpr int kLookMilliseconds = 20;

std::string one_line(const X509_NAME* name) {
  const crypto::BioPtr text(BIO_new(BIO_s_mem()));
  if (!text || X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

clock::Wall::time_point time_of(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return {};
  return clock::from_utc(fields);
}

bool trust(SSL_CTX* context, const std::string& ca_pem) {
  if (ca_pem.empty()) return SSL_CTX_set_default_verify_paths(context) == 1;
  const crypto::BioPtr text = crypto::pem_text(ca_pem);
  bool any = false;
  while (const crypto::X509Ptr certificate = crypto::next_certificate(text.get())) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get()) != 1) return false;
    any = true;
  }
  ERR_clear_error();  // the end of the text sets an error
  return any;
}

/// Verifies the name, and sends it to the server (SNI) if it is a DNS name.
bool expect_name(SSL* session, const std::string& host) {
  const AddressPtr address(a2i_IPADDRESS(host.c_str()));
  ERR_clear_error();
  if (address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1;
  return SSL_set1_host(session, host.c_str()) == 1 &&
         SSL_set_tlsext_host_name(session, host.c_str()) == 1;
}

/// The earliest expiry in a chain that a client accepts.
clock::Wall::time_point end_of(const SSL* session, const X509* certificate) {
  clock::Wall::time_point end = time_of(X509_get0_notAfter(certificate));
  if (SSL_get_verify_result(session) != X509_V_OK) return end;
  const STACK_OF(X509)* chain = SSL_get0_verified_chain(session);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    end = std::min(end, time_of(X509_get0_notAfter(sk_X509_value(chain, i))));
  }
  return end;
}

}  // namespace

tl::expected<PeerCertificate, std::string> look_at_certificate(const std::string& host,
                                                               unsigned short port,
                                                               const std::string& ca_pem,
                                                               std::chrono::seconds patience) {
  ERR_clear_error();
  const ContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context || !trust(context.get(), ca_pem)) {
    return NotSeen(fmt::format("the CAs cannot be read: {}", crypto::openssl_reason()));
  }
  // The handshake must succeed with a rejected certificate too: its verdict is read below.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  const ChainPtr connection(BIO_new_ssl_connect(context.get()));
  SSL* session = nullptr;
  if (!connection || BIO_get_ssl(connection.get(), &session) != 1 || session == nullptr ||
      !expect_name(session, host)) {
    return NotSeen(fmt::format("TLS cannot be set up: {}", crypto::openssl_reason()));
  }
  // OpenSSL needs brackets around an IPv6 address, otherwise it connects to the local host.
  const bool is_v6 = host.find(':') != std::string::npos;
  const std::string name = is_v6 ? fmt::format("[{}]", host) : host;
  if (BIO_set_conn_hostname(connection.get(), name.c_str()) != 1) {
    return NotSeen(fmt::format("no host to connect to: {}", crypto::openssl_reason()));
  }
  BIO_set_conn_port(connection.get(), std::to_string(port).c_str());
  BIO_set_nbio(connection.get(), 1);
  if (BIO_do_connect_retry(connection.get(), static_cast<int>(patience.count()),
                           kLookMilliseconds) != 1) {
    return NotSeen(fmt::format("no TLS handshake: {}", crypto::openssl_reason()));
  }
  const crypto::X509Ptr certificate(SSL_get1_peer_certificate(session));
  if (!certificate) return NotSeen("the server shows no certificate");
  PeerCertificate seen;
  const long verdict = SSL_get_verify_result(session);
  if (verdict != X509_V_OK) seen.problem = X509_verify_cert_error_string(verdict);
  seen.subject = one_line(X509_get_subject_name(certificate.get()));
  seen.issuer = one_line(X509_get_issuer_name(certificate.get()));
  seen.not_after = end_of(session, certificate.get());
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(session);
  seen.shown = chain == nullptr ? 0 : sk_X509_num(chain);
  return seen;
}

}  // namespace receiver::ctl
