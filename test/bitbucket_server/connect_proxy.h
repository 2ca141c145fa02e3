#pragma once

#include <memory>
#include <string>
#include <vector>

namespace receiver::test {

/// An HTTP proxy on a free port of 127.0.0.1 that answers CONNECT, and nothing else. Wherever
/// clients want to go, they get to one port of this machine, unless lead() says another one.
/// Thread-safe.
class ConnectProxy {
 public:
  /// `authorization`: what Proxy-Authorization has to be, or it answers 407; empty: anything.
  explicit ConnectProxy(unsigned short target, const std::string& authorization = {});
  ~ConnectProxy();
  ConnectProxy(const ConnectProxy&) = delete;
  ConnectProxy& operator=(const ConnectProxy&) = delete;

  /// Who wants to go to that `HOST:PORT` gets to this port from now on; tunnels from there are cut.
  void lead(const std::string& from, unsigned short target);

  /// `127.0.0.1:PORT`.
  [[nodiscard]] std::string address() const;
  /// `HOST:PORT` of every CONNECT so far.
  [[nodiscard]] std::vector<std::string> connects() const;
  /// All that clients have sent, through tunnels too.
  [[nodiscard]] std::string received() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::test
