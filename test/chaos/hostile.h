#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace receiver::chaos {

/// Connections that send a part of a request every second, and never all of it. A connection that
/// the operator closes is opened again.
class SlowConnections {
 public:
  SlowConnections(unsigned short port, const std::string& path, std::size_t count);
  ~SlowConnections();
  SlowConnections(const SlowConnections&) = delete;
  SlowConnections& operator=(const SlowConnections&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Requests whose bodies are sent except for the last byte.
class HeldBodies {
 public:
  HeldBodies(unsigned short port, const std::string& path, std::size_t count, std::size_t bytes);
  ~HeldBodies();
  HeldBodies(const HeldBodies&) = delete;
  HeldBodies& operator=(const HeldBodies&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Pushes with a wrong signature, sent as fast as they are rejected.
class BadSignatures {
 public:
  BadSignatures(unsigned short port, const std::string& path, const std::string& repository);
  ~BadSignatures();
  BadSignatures(const BadSignatures&) = delete;
  BadSignatures& operator=(const BadSignatures&) = delete;

  /// Returns how many were rejected.
  std::size_t stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace receiver::chaos
