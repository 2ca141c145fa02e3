#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace receiver::http {

/// Header fields in order; names are compared without regard to case. A message has few of them: a
/// vector is enough.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  /// The first field with that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& fields() const {
    return fields_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// The header of a request, as the server passes it to its handler.
struct RequestHead {
  std::string method;
  std::string target;  ///< path and query, even if the request had scheme and host
  Headers headers;
  std::optional<std::uint64_t> content_length;  ///< absent if there is no body or it is chunked
  bool has_body = false;                        ///< Content-Length above 0, or chunked
  std::chrono::steady_clock::time_point first_byte;

  /// The target without its query.
  [[nodiscard]] std::string_view path() const {
    return std::string_view(target).substr(0, target.find('?'));
  }
};

/// An answer: from the server to its peer, or from a peer to the client.
struct Response {
  unsigned status = 200;
  Headers headers;
  std::string body;
  bool close = false;  ///< server: close the connection after this answer
};

/// A request of the client.
struct Request {
  std::string method = "GET";
  std::string target;
  Headers headers;
  std::string body;
  /// False: sent on a new connection. On a pooled one that turns out to be dead, it is unknown
  /// whether the server has acted, and the request would be sent again.
  bool repeatable = true;
};

}  // namespace receiver::http
