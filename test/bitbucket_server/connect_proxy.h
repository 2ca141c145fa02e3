#pragma once

#include <memory>
#include <string>
#include <vector>

namespace receiver::test {

/// An HTTP proxy on a free port of 127.0.0.1 that answers CONNECT, and nothing else. Wherever
/// clients want to go, they get to one port of this machine. Thread-safe.
class ConnectProxy {
 public:
  /// `authorization`: what Proxy-Authorization has to be, or it answers 407; empty: anything.
  explicit ConnectProxy(unsigned short target, const std::string& authorization = {});
  ~ConnectProxy();
  ConnectProxy(const ConnectProxy&) = delete;
  ConnectProxy& operator=(const ConnectProxy&) = delete;

  /// `127.0.0.1:PORT`.
  [[nodiscard]] std::string address() const;
  /// `HOST:PORT` of every CONNECT so far.
  [[nodiscard]] std::vector<std::string> connects() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::test
