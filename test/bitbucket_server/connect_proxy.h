#pragma once

#include <memory>
#include <string>
#include <vector>

namespace receiver::test {

/// An HTTP proxy on a free port of 127.0.0.1 that only answers CONNECT. All tunnels lead to one
/// port of this machine, unless lead() sets another. Thread-safe.
class ConnectProxy {
 public:
  /// `authorization` is the required Proxy-Authorization, without which it answers 407; empty: none
  /// is required.
  explicit ConnectProxy(unsigned short target, const std::string& authorization = {});
  ~ConnectProxy();
  ConnectProxy(const ConnectProxy&) = delete;
  ConnectProxy& operator=(const ConnectProxy&) = delete;

  /// From now on tunnels to that `HOST:PORT` lead to this port; existing ones are closed.
  void lead(const std::string& from, unsigned short target);

  /// `127.0.0.1:PORT`.
  [[nodiscard]] std::string address() const;
  /// `HOST:PORT` of every CONNECT so far.
  [[nodiscard]] std::vector<std::string> connects() const;
  /// Everything that clients have sent, including through tunnels.
  [[nodiscard]] std::string received() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::test
