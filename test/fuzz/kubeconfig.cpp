// Kubeconfig files.

#include <string>

#include "kube/config.h"
#include "test/fuzz/fuzz.h"

namespace receiver::fuzz {
namespace {

void check_pem(const kube::PemSource& pem) {
  require(pem.data.empty() || pem.data.find("-----BEGIN ") != std::string::npos,
          "inline data is PEM");
  require(pem.data.empty() || pem.file.empty(), "inline data wins over a file");
  require(pem.file.empty() || pem.file.front() == '/', "a relative path is made absolute");
}

}  // namespace

void fuzz(std::string_view input) {
  const auto config = kube::parse_kubeconfig(input, "/directory");
  if (!config) {
    require(!config.error().empty(), "a failure says what is wrong");
    return;
  }
  require(config->scheme == "https" || config->scheme == "http", "the scheme is known");
  require(!config->host.empty(), "there is a host");
  require(config->host.find_first_of(std::string_view(" /@?#[]\r\n\0", 10)) == std::string::npos,
          "the host can be written into a request");
  require(config->port != 0, "there is a port");
  require(!config->base_path.ends_with('/'), "the base path has no final slash");
  require(!config->ns.empty(), "there is a namespace");
  require(config->scheme == "https" || (config->token.empty() && config->token_file.empty() &&
                                        config->client_key.empty() && !config->exec),
          "no credentials travel unencrypted");
  require(config->client_certificate.empty() == config->client_key.empty(),
          "a certificate has its key");
  require(!config->insecure_skip_tls_verify || config->certificate_authority.empty(),
          "what is not verified has no authority");
  check_pem(config->certificate_authority);
  check_pem(config->client_certificate);
  check_pem(config->client_key);
  if (config->exec) require(!config->exec->command.empty(), "a plugin has a command");
}

}  // namespace receiver::fuzz
