#include "kube/config.h"

#include <filesystem>
#include <map>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "test/support/temporary_directory.h"

namespace receiver::kube {

using test::TemporaryDirectory;

namespace {

using Catch::Contains;

constexpr std::string_view kPem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

/// A kubeconfig with one context; `cluster` and `user` are the members of these entries, indented
/// by four.
std::string kubeconfig(std::string_view cluster, std::string_view user) {
  return fmt::format(
      "current-context: here\n"
      "contexts:\n- name: here\n  context: {{cluster: c, user: u, namespace: team-a}}\n"
      "clusters:\n- name: c\n  cluster:\n{}\n"
      "users:\n- name: u\n  user:\n{}\n",
      cluster, user);
}

std::string with_server(std::string_view server) {
  return kubeconfig(fmt::format("    server: \"{}\"", server), "    token: t");
}

std::string with_cluster(std::string_view cluster) {
  return kubeconfig(fmt::format("    server: https://h\n{}", cluster), "    token: t");
}

std::string with_user(std::string_view user) {
  return kubeconfig("    server: https://h", user);
}

ConfigSources sources(std::map<std::string, std::string, std::less<>> environment,
                      const std::string& service_account_dir = "/nonexistent") {
  ConfigSources result;
  result.environment = [environment = std::move(environment)](std::string_view name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
  result.service_account_dir = service_account_dir;
  return result;
}

}  // namespace

TEST_CASE("a kubeconfig's server URL gives scheme, host, port and path") {
  struct Row {
    const char* server;
    const char* scheme;
    const char* host;
    int port;
    const char* base_path;
  };
  const auto row = GENERATE(values<Row>({
      {"https://api.example:6443", "https", "api.example", 6443, ""},
      {"https://api.example", "https", "api.example", 443, ""},
      {"HTTPS://api.example", "https", "api.example", 443, ""},
      {"https://api.example/", "https", "api.example", 443, ""},
      {"http://127.0.0.1", "http", "127.0.0.1", 80, ""},
      {"https://rancher.example/k8s/clusters/c-1/", "https", "rancher.example", 443,
       "/k8s/clusters/c-1"},
      {"https://[fd00::1]:6443/x", "https", "fd00::1", 6443, "/x"},
      {"https://[::1]", "https", "::1", 443, ""},
  }));
  const auto config = parse_kubeconfig(with_server(row.server), "/d");
  CAPTURE(row.server);
  REQUIRE(config);
  CHECK(config->scheme == row.scheme);
  CHECK(config->host == row.host);
  CHECK(config->port == row.port);
  CHECK(config->base_path == row.base_path);
  CHECK(config->ns == "team-a");
}

TEST_CASE("a server URL that cannot be used is an error that says why") {
  struct Row {
    const char* server;
    const char* error;
  };
  const auto row = GENERATE(values<Row>({
      {"", "server is missing"},
      {"api.example:6443", "must be a URL"},
      {"ftp://api.example", "https://"},
      {"https://", "has no host"},
      {"https://:6443", "has no host"},
      {"https://[::1", "closing bracket"},
      {"https://[::1]6443", "text after"},
      {"https://::1:6443", "without brackets"},
      {"https://h[1]:6443", "do not enclose"},
      {"https://[[::1]:6443", "do not enclose"},
      {"https://h:0", "port"},
      {"https://h:65536", "port"},
      {"https://h:", "port"},
      {"https://h:64 43", "must contain only"},
      {"https://user:pass@h", "must contain only"},
      {"https://h?x=1", "must contain only"},
      {"https://h/a\\r\\nHost: b", "must contain only"},
  }));
  const auto config = parse_kubeconfig(with_server(row.server), "/d");
  CAPTURE(row.server);
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error(), Contains("cluster \"c\"") && Contains(row.error));
}

TEST_CASE("a kubeconfig names credentials inline or by file, relative to its own folder") {
  const std::string pem64 = crypto::base64_encode(kPem);
  const auto config = parse_kubeconfig(
      kubeconfig("    server: https://h\n    certificate-authority: pki/ca.crt\n    "
                 "tls-server-name: api.internal",
                 "    client-certificate: client.crt\n    client-key-data: " + pem64 +
                     "\n    token: \" abc\\n\"\n    tokenFile: /run/token"),
      "/home/me/.kube");
  REQUIRE(config);
  CHECK(config->certificate_authority.file == "/home/me/.kube/pki/ca.crt");
  CHECK(config->tls_server_name == "api.internal");
  CHECK(config->client_certificate.file == "/home/me/.kube/client.crt");
  CHECK(config->client_key.data == kPem);
  CHECK(config->token.view() == "abc");
  CHECK(config->token_file == "/run/token");
}

TEST_CASE("inline data wins over the file beside it") {
  const auto config = parse_kubeconfig(
      with_cluster("    certificate-authority: ca.crt\n    certificate-authority-data: " +
                   crypto::base64_encode(kPem)),
      "/d");
  REQUIRE(config);
  CHECK(config->certificate_authority.data == kPem);
  CHECK(config->certificate_authority.file.empty());
}

TEST_CASE("a kubeconfig's credential plugin is read whole") {
  const auto config = parse_kubeconfig(with_user(R"(    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: ./login
      args: [get-token, "--cluster", 7]
      env: [{name: A, value: "1"}, {name: B, value: ""}]
      installHint: get it from the shop
      interactiveMode: IfAvailable
      provideClusterInfo: true)"),
                                       "/d");
  REQUIRE(config);
  REQUIRE(config->exec);
  const ExecPlugin& plugin = *config->exec;
  CHECK(plugin.api_version == "client.authentication.k8s.io/v1beta1");
  CHECK(plugin.command == "/d/./login");
  CHECK(plugin.arguments == std::vector<std::string>{"get-token", "--cluster", "7"});
  CHECK(plugin.environment ==
        std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"B", ""}});
  CHECK(plugin.install_hint == "get it from the shop");
  CHECK(plugin.provide_cluster_info);
}

TEST_CASE("a bare plugin name is left for PATH") {
  const auto config = parse_kubeconfig(
      with_user("    exec: {apiVersion: client.authentication.k8s.io/v1, command: login}"), "/d");
  REQUIRE(config);
  CHECK(config->exec->command == "login");
}

TEST_CASE("a kubeconfig entry that is not supported or not right is refused by name") {
  struct Row {
    std::string text;
    const char* error;
  };
  const std::string exec =
      "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: login\n";
  const auto row = GENERATE_COPY(values<Row>({
      {with_cluster("    proxy-url: socks5://p"),
       "cluster \"c\": proxy-url: a proxy's URL must begin"},
      {with_cluster("    insecure-skip-tls-verify: maybe"), "must be true or false"},
      {with_cluster("    insecure-skip-tls-verify: true\n    certificate-authority: x"),
       "exclude each other"},
      {with_cluster("    certificate-authority-data: '*'"),
       "cluster \"c\": certificate-authority-data must be a PEM document in base64"},
      {with_cluster("    certificate-authority-data: AAAA"), "must be a PEM document"},
      {with_cluster("    tls-server-name: [a]"), "tls-server-name must be text"},
      {with_user("    username: me\n    password: x"), "user \"u\": username is not supported"},
      {with_user("    auth-provider: {name: gcp}"), "auth-provider is not supported"},
      {with_user("    as-groups: [a]"), "need as, the user"},
      {with_user("    as: x\n    as-groups: a"), "as-groups must be a list"},
      {with_user("    as: x\n    as-user-extra: [a]"), "as-user-extra must be a map"},
      {with_user("    as: \"a\\nb\""), "as has control characters"},
      {with_user("    client-certificate: x"), "one is missing"},
      {with_user("    token: {a: b}"), "token must be text"},
      {with_user(exec + "      interactiveMode: Always"), "no terminal"},
      {with_user(exec + "      args: text"), "exec.args must be a list"},
      {with_user(exec + "      env: [{name: \"A=B\", value: x}]"), "usable name"},
      {with_user(exec + "      env: [text]"), "usable name"},
      {with_user("    exec: {apiVersion: client.authentication.k8s.io/v1}"), "command is missing"},
      {with_user("    exec: {command: x}"), "exec.apiVersion must be"},
      {with_user("    exec: text"), "exec.apiVersion must be"},
  }));
  const auto config = parse_kubeconfig(row.text, "/d");
  CAPTURE(row.text);
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error(), Contains(row.error));
}

TEST_CASE("base64 may be folded over lines, as editors and YAML leave it") {
  const std::string pem = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n";
  std::string folded;
  for (const char c : crypto::base64_encode(pem)) {
    folded += c;
    if (folded.size() % 9 == 8) folded += "\n      ";
  }
  const std::string style = GENERATE("|", ">", "");
  const auto config = parse_kubeconfig(
      with_cluster("    certificate-authority-data: " + style + "\n      " + folded), "/d");
  REQUIRE(config);
  CHECK(config->certificate_authority.data == pem);
}

TEST_CASE("a kubeconfig may ask for impersonation, which every request then says") {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  const auto config = parse_kubeconfig(
      with_user("    token: t\n    as: jane\n    as-uid: \"7\"\n    as-groups: [devs, ops]\n"
                "    as-user-extra:\n      example.org/scopes: [view, edit]"),
      "/d");
  REQUIRE(config);
  CHECK(config->impersonation == Fields{{"Impersonate-User", "jane"},
                                        {"Impersonate-Group", "devs"},
                                        {"Impersonate-Group", "ops"},
                                        {"Impersonate-Uid", "7"},
                                        {"Impersonate-Extra-example.org%2Fscopes", "view"},
                                        {"Impersonate-Extra-example.org%2Fscopes", "edit"}});
}

TEST_CASE("a cluster's proxy-url names its proxy") {
  const auto config =
      parse_kubeconfig(with_cluster("    proxy-url: https://me:pass@proxy.example:3128"), "/d");
  REQUIRE(config);
  REQUIRE(config->proxy);
  CHECK(config->proxy->tls);
  CHECK(config->proxy->host == "proxy.example");
  CHECK(config->proxy->port == 3128);
}

TEST_CASE("a plugin that needs a person is allowed where there is one") {
  const auto exec = [](const char* mode, bool terminal) {
    return parse_kubeconfig(
        with_user(std::string("    exec:\n      apiVersion: client.authentication.k8s.io/v1\n"
                              "      command: login\n      interactiveMode: ") +
                  mode),
        "/d", {}, terminal);
  };
  REQUIRE(exec("Always", true));
  CHECK(exec("Always", true)->exec->at_terminal);
  CHECK(exec("Always", true)->exec->takes_input);
  CHECK_FALSE(exec("Never", true)->exec->takes_input);
  CHECK(exec("IfAvailable", false)->exec);
  CHECK_FALSE(exec("Always", false));
}

TEST_CASE("a name that a kubeconfig does not define is named with the entry that uses it") {
  struct Row {
    const char* text;
    const char* error;
  };
  const auto row = GENERATE(values<Row>({
      {"",
       "kubeconfig: current-context is not set: choose one with kubectl config use-context NAME"},
      {"current-context: a", "kubeconfig: current-context \"a\" is not in its contexts"},
      {"current-context: a\ncontexts: [{name: b, context: {cluster: c}}]",
       "kubeconfig: current-context \"a\" is not in its contexts"},
      {"current-context: a\ncontexts: [{name: a, context: {user: u}}]",
       "kubeconfig: context \"a\": names no cluster"},
      {"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]",
       "kubeconfig: context \"a\" names cluster \"c\", which is not in its clusters"},
      {"current-context: a\ncontexts: [{name: a, context: {cluster: c, user: b}}]\n"
       "clusters: [{name: c, cluster: {server: 'https://h'}}]",
       "kubeconfig: context \"a\" names user \"b\", which is not in its users"},
  }));
  const auto config = parse_kubeconfig(row.text, "/d");
  REQUIRE_FALSE(config);
  CHECK(config.error() == row.error);
}

TEST_CASE("a context without a user is anonymous") {
  const auto config = parse_kubeconfig(
      "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
      "clusters: [{name: c, cluster: {server: 'https://h'}}]",
      "/d");
  REQUIRE(config);
  CHECK(config->token.empty());
  CHECK(config->ns == "default");
}

TEST_CASE("credentials are not used with an unencrypted server") {
  const auto config = parse_kubeconfig(with_server("http://127.0.0.1:8001"), "/d");
  REQUIRE(config);
  CHECK(config->token.empty());
}

TEST_CASE("a hostile kubeconfig is an error, not a crash") {
  const auto repeat = [](std::string_view piece, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += piece;
    return text;
  };
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 1000; ++i) {
    bomb += fmt::format("a{}: &a{} [*a{}, *a{}]\n", i, i, i - 1, i - 1);
  }
  const std::string text =
      GENERATE_REF(repeat("[", 100'000), repeat("{", 100'000), repeat("- ", 100'000),
                   repeat("? ", 100'000), repeat("a: ", 100'000), repeat("{a: [", 100'000),
                   repeat("&a ", 10'000), repeat("x\n", 2'000'000), bomb,
                   std::string("users: &a [*a]\ncontexts: *a\nclusters: *a\ncurrent-context: x"),
                   std::string("current-context: &a {x: *a}"), std::string("just text"),
                   std::string("[1, 2]"), std::string("\0\1\2", 3), std::string("\xff\xfe\xff"),
                   std::string("current-context: *nothing"),
                   std::string("contexts: {a: b}\nusers: 7\ncurrent-context: x"),
                   std::string("contexts: [7, [x], {name: [y]}, {name: x}]\ncurrent-context: x"));
  CAPTURE(text.substr(0, 80));
  CHECK_FALSE(parse_kubeconfig(text, "/d"));
}

TEST_CASE("a YAML error names the file and the line") {
  const TemporaryDirectory directory;
  ConfigSources from;
  from.kubeconfig = directory.write("config", "a: b\nc: [\n");
  const auto config = load_config(from);
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error(), Contains("kubeconfig " + from.kubeconfig + ": line 3"));
}

TEST_CASE(
    "the command line's kubeconfig wins over KUBECONFIG, and that over the cluster and the home") {
  const TemporaryDirectory directory;
  const std::string flag = directory.write("flag", with_server("https://flag"));
  const std::string variable = directory.write("variable", with_server("https://variable"));
  directory.write("home/.kube/config", with_server("https://home"));
  directory.write("account/token", "t");
  std::map<std::string, std::string, std::less<>> environment = {
      {"KUBECONFIG", variable},
      {"KUBERNETES_SERVICE_HOST", "fd00::1"},
      {"KUBERNETES_SERVICE_PORT", "443"},
      {"HOME", directory.path("home")}};
  const auto host = [&](const std::string& kubeconfig_flag) {
    ConfigSources from = sources(environment, directory.path("account"));
    from.kubeconfig = kubeconfig_flag;
    const auto config = load_config(from);
    return config ? config->host : config.error();
  };
  CHECK(host(flag) == "flag");
  CHECK(host("") == "variable");
  environment["KUBECONFIG"] = "";
  CHECK(host("") == "fd00::1");
  environment.erase("KUBERNETES_SERVICE_HOST");
  CHECK(host("") == "home");
  environment.erase("HOME");
  CHECK_THAT(host(""), Contains("no API server is configured"));
}

TEST_CASE("of a KUBECONFIG list, missing files are skipped and the first to set a name wins") {
  const TemporaryDirectory directory;
  const std::string first = directory.write("one/config",
                                            "current-context: a\n"
                                            "users: [{name: u, user: {tokenFile: first-token}}]\n");
  const std::string second = directory.write(
      "two/config",
      "current-context: b\n"
      "contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: x}}]\n"
      "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority: ca.crt}}]\n"
      "users: [{name: u, user: {tokenFile: second-token}}]\n");
  const auto config = load_config(
      sources({{"KUBECONFIG", directory.path("missing") + ":" + first + "::" + second}}));
  REQUIRE(config);
  CHECK(config->host == "h");
  CHECK(config->token_file == directory.path("one/first-token"));
  CHECK(config->certificate_authority.file == directory.path("two/ca.crt"));
  CHECK(config->source == "kubeconfig " + second);
}

TEST_CASE("a context that is asked for wins over the current one and the cluster around") {
  const TemporaryDirectory directory;
  ConfigSources from = sources({{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                {"KUBERNETES_SERVICE_PORT", "443"},
                                {"HOME", directory.path("home")}},
                               directory.path("account"));
  directory.write("account/token", "t");
  const std::string home = directory.write(
      "home/.kube/config",
      "current-context: a\n"
      "contexts: [{name: a, context: {cluster: c}}, {name: b, context: {cluster: d}}]\n"
      "clusters: [{name: c, cluster: {server: 'https://c'}}, {name: d, cluster: {server: "
      "'https://d'}}]\n");
  from.context = "b";
  const auto config = load_config(from);
  REQUIRE(config);
  CHECK(config->host == "d");

  from.context = "z";
  const auto missing = load_config(from);
  REQUIRE_FALSE(missing);
  CHECK(missing.error() == "kubeconfig " + home + ": context \"z\" is not in its contexts");
}

TEST_CASE("a KUBECONFIG or flag that leads to no file is an error, not a fall-back") {
  const TemporaryDirectory directory;
  directory.write("home/.kube/config", with_server("https://home"));
  const std::string missing = directory.path("missing");
  const auto by_variable =
      load_config(sources({{"KUBECONFIG", missing}, {"HOME", directory.path("home")}}));
  REQUIRE_FALSE(by_variable);
  CHECK(by_variable.error() == "KUBECONFIG=" + missing + ": no such file: correct or unset it");

  ConfigSources flag = sources({{"HOME", directory.path("home")}});
  flag.kubeconfig = missing;
  const auto by_flag = load_config(flag);
  REQUIRE_FALSE(by_flag);
  CHECK(by_flag.error() == "kubeconfig " + missing + ": No such file or directory");
}

TEST_CASE("in a cluster, the service account's folder and the environment say everything") {
  const TemporaryDirectory directory;
  directory.write("token", "t");
  directory.write("namespace", "kargo\n");
  const auto host = GENERATE(as<std::string>(), "10.96.0.1", "fd00::1", "[fd00::1]");
  const auto config =
      load_config(sources({{"KUBERNETES_SERVICE_HOST", host}, {"KUBERNETES_SERVICE_PORT", "6443"}},
                          directory.path("")));
  REQUIRE(config);
  CHECK(config->scheme == "https");
  CHECK(config->host == (host.front() == '[' ? "fd00::1" : host));
  CHECK(config->port == 6443);
  CHECK(std::filesystem::path(config->token_file).filename() == "token");
  CHECK(std::filesystem::path(config->certificate_authority.file).filename() == "ca.crt");
  CHECK(config->ns == "kargo");
  CHECK(config->source == "in-cluster");
}

TEST_CASE("an in-cluster port that is no port is an error") {
  const TemporaryDirectory directory;
  directory.write("token", "t");
  const auto port = GENERATE("0", "65536", "tcp://10.96.0.1:443", "443x");
  const auto config = load_config(sources(
      {{"KUBERNETES_SERVICE_HOST", "h"}, {"KUBERNETES_SERVICE_PORT", port}}, directory.path("")));
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error(), Contains("KUBERNETES_SERVICE_PORT"));
}

}  // namespace receiver::kube
