#include "kube/exec_plugin.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "json/json.h"
#include "text/ascii.h"

namespace receiver::kube {
namespace {

namespace asio = boost::asio;
using Failure = tl::unexpected<std::string>;

/// Polling needs neither threads nor signal handlers for this rare, short wait.
constexpr std::chrono::milliseconds kPollInterval{10};
constexpr std::size_t kErrorTextBytes = 4UL * 1024;
constexpr std::size_t kQuotedBytes = 300;

std::string text_of(int error) {
  return std::generic_category().message(error);
}

class Pipe {
 public:
  Pipe() {
    std::array<int, 2> ends{-1, -1};
    // Only our end is non-blocking: the plugin's end is an ordinary pipe.
    if (::pipe2(ends.data(), O_CLOEXEC) == 0) ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    read_ = ends[0];
    write_ = ends[1];
  }
  ~Pipe() {
    if (read_ >= 0) ::close(read_);
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] bool valid() const { return read_ >= 0; }
  [[nodiscard]] int write_end() const { return write_; }
  void close_write() {
    if (write_ >= 0) ::close(std::exchange(write_, -1));
  }

  /// Reads what is available, up to a limit per call.
  void read_available(std::string& text) {
    std::array<char, 16UL * 1024> piece{};
    for (int round = 0; round < 64; ++round) {
      const ssize_t count = ::read(read_, piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return;
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
  }

 private:
  int read_ = -1;
  int write_ = -1;
};

bool takes_input(const ExecPlugin& plugin) {
  return plugin.at_terminal && plugin.takes_input;
}

/// A program with its output, at our terminal or else in a process group of its own. If it still
/// runs at destruction, the group is killed.
class Child {
 public:
  Child() = default;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(own_group_ ? -pid_ : pid_, SIGKILL);
    int ignored = 0;
    while (::waitpid(pid_, &ignored, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// 0, or the error number.
  int start(const ExecPlugin& plugin, const std::string& info) {
    if (!output_.valid() || !errors_.valid()) return EMFILE;
    std::vector<std::string> arguments = {plugin.command};
    arguments.insert(arguments.end(), plugin.arguments.begin(), plugin.arguments.end());
    std::vector<std::string> variables = environment_for(plugin, info);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (!takes_input(plugin)) {
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    posix_spawn_file_actions_adddup2(&actions, output_.write_end(), STDOUT_FILENO);
    if (!plugin.at_terminal) {
      posix_spawn_file_actions_adddup2(&actions, errors_.write_end(), STDERR_FILENO);
    }
    // The program must not inherit our sockets, and not all of them are close-on-exec.
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);

    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setpgroup(&attributes, 0);
    // A program that reads from the terminal must be in its foreground process group.
    own_group_ = !plugin.at_terminal;
    const int group = own_group_ ? POSIX_SPAWN_SETPGROUP : 0;
    posix_spawnattr_setflags(
        &attributes, static_cast<short>(group | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));

    pid_t pid = 0;
    const int failure =
        ::posix_spawnp(&pid, plugin.command.c_str(), &actions, &attributes,
                       pointers_to(arguments).data(), pointers_to(variables).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) return failure;
    pid_ = pid;
    output_.close_write();
    errors_.close_write();
    return 0;
  }

  /// Reads what is available. Returns the wait status once the program has ended and everything is
  /// read.
  std::optional<int> poll(std::string& output, std::string& errors) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    output_.read_available(output);
    errors_.read_available(errors);
    if (ended == 0 || (ended < 0 && errno == EINTR)) return std::nullopt;
    pid_ = 0;
    return status;
  }

 private:
  static std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
  }

  /// Our environment, with the plugin's variables taking precedence.
  static std::vector<std::string> environment_for(const ExecPlugin& plugin,
                                                  const std::string& info) {
    auto own = plugin.environment;
    own.emplace_back("KUBERNETES_EXEC_INFO", info);
    std::vector<std::string> result;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string_view text = *variable;
      const std::string_view name = text.substr(0, text.find('='));
      const bool overruled = std::any_of(own.begin(), own.end(),
                                         [&](const auto& entry) { return entry.first == name; });
      const bool hidden =
          std::ranges::find(plugin.hidden_variables, name) != plugin.hidden_variables.end();
      if (!overruled && !hidden) result.emplace_back(text);
    }
    for (const auto& [name, value] : own) result.push_back(fmt::format("{}={}", name, value));
    return result;
  }

  Pipe output_;
  Pipe errors_;
  pid_t pid_ = 0;
  bool own_group_ = true;
};

/// The last non-empty line: programs usually write the error there.
std::string last_line(std::string_view text) {
  const auto visible = [](char c) { return static_cast<unsigned char>(c) > ' '; };
  while (!text.empty() && !visible(text.back())) text.remove_suffix(1);
  const auto start = text.rfind('\n');
  std::string line(start == std::string_view::npos ? text : text.substr(start + 1));
  line.resize(std::min(line.size(), kQuotedBytes));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return line;
}

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}", WTERMSIG(status));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

std::string server_url(const Config& config) {
  const bool ipv6 = config.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}{}", config.scheme, ipv6 ? "[" : "", config.host,
                     ipv6 ? "]" : "", config.port, config.base_path);
}

}  // namespace

std::string exec_info(const ExecPlugin& plugin, const Config& config,
                      std::string_view certificate_authority_pem) {
  std::string cluster;
  if (plugin.provide_cluster_info) {
    cluster = R"("cluster":{"server":)" + json::quote(server_url(config));
    if (!config.tls_server_name.empty()) {
      cluster += R"(,"tls-server-name":)" + json::quote(config.tls_server_name);
    }
    if (config.insecure_skip_tls_verify) cluster += R"(,"insecure-skip-tls-verify":true)";
    if (!certificate_authority_pem.empty()) {
      cluster += R"(,"certificate-authority-data":)" +
                 json::quote(crypto::base64_encode(certificate_authority_pem));
    }
    if (!config.proxy_url.empty()) cluster += R"(,"proxy-url":)" + json::quote(config.proxy_url);
    cluster += "},";
  }
  return fmt::format(R"({{"apiVersion":{},"kind":"ExecCredential","spec":{{{}"interactive":{}}}}})",
                     json::quote(plugin.api_version), cluster, takes_input(plugin));
}

tl::expected<ExecCredential, std::string> parse_exec_credential(std::string_view output,
                                                                std::string_view api_version) {
  const auto parsed = json::parse(output);
  if (!parsed) return Failure("did not print a JSON object: " + parsed.error());
  if (json::string_at(*parsed, "/kind") != "ExecCredential" ||
      json::string_at(*parsed, "/apiVersion") != api_version) {
    return Failure(fmt::format("did not print an ExecCredential of {}", api_version));
  }
  ExecCredential credential;
  credential.token = crypto::SecretString(std::string(json::string_at(*parsed, "/status/token")));
  credential.certificate_pem = json::string_at(*parsed, "/status/clientCertificateData");
  credential.key_pem =
      crypto::SecretString(std::string(json::string_at(*parsed, "/status/clientKeyData")));
  if (credential.certificate_pem.empty() != credential.key_pem.empty()) {
    return Failure("printed one of clientCertificateData and clientKeyData without the other");
  }
  if (credential.token.empty() && credential.certificate_pem.empty()) {
    return Failure("printed neither a token nor a client certificate");
  }
  if (!credential.token.empty() && !text::is_one_word(credential.token.view())) {
    return Failure("printed a token with blanks or control characters in it");
  }
  const std::string_view expires = json::string_at(*parsed, "/status/expirationTimestamp");
  if (!expires.empty()) {
    credential.expires = clock::parse_rfc3339(expires);
    if (!credential.expires) {
      return Failure("printed an expirationTimestamp that is not an RFC 3339 time");
    }
  }
  return credential;
}

asio::awaitable<tl::expected<ExecCredential, std::string>> run_exec_plugin(
    asio::any_io_executor executor, ExecPlugin plugin, std::string info,
    std::shared_ptr<const bool> stop, ExecLimits limits) {
  const auto failed = [&plugin](std::string_view what) {
    return Failure(fmt::format("credential plugin \"{}\" {}", plugin.command, what));
  };
  Child child;
  const int start_error = child.start(plugin, info);
  if (start_error == ENOENT) {
    co_return failed(plugin.install_hint.empty()
                         ? "is not installed"
                         : "is not installed: " + last_line(plugin.install_hint));
  }
  if (start_error != 0) co_return failed("cannot be started: " + text_of(start_error));

  asio::steady_timer timer(executor);
  const auto deadline =
      plugin.at_terminal ? clock::Steady::time_point::max() : clock::Steady::now() + limits.time;
  std::string output;
  std::string errors;
  for (;;) {
    const auto status = child.poll(output, errors);
    if (errors.size() > kErrorTextBytes) errors.erase(0, errors.size() - kErrorTextBytes);
    if (output.size() > limits.output_bytes) {
      crypto::wipe(output);
      co_return failed(fmt::format("printed more than {} bytes", limits.output_bytes));
    }
    if (status && *status == 0) break;
    if (status) {
      crypto::wipe(output);
      const std::string line = last_line(errors);
      co_return failed(describe_end(*status) + (line.empty() ? "" : ": " + line));
    }
    if (*stop) co_return failed("was stopped");
    if (clock::Steady::now() >= deadline) {
      co_return failed(fmt::format("did not end within {} ms", limits.time.count()));
    }
    timer.expires_after(kPollInterval);  // in real time, as the plugin runs in real time
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  auto credential = parse_exec_credential(output, plugin.api_version);
  crypto::wipe(output);
  if (!credential) co_return failed(credential.error());
  co_return std::move(*credential);
}

}  // namespace receiver::kube
