#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/output.h"
#include "controllers/refresh_queue.h"

namespace receiver::ctl {

/// `send`: a signed delivery as Bitbucket would send it, and its result.
void add_send(CLI::App& app, Context& context);

/// The result for one object of the delivery.
struct Refreshed {
  controllers::Target object;
  bool changed = false;
  std::string token;  ///< the refresh annotation afterwards
};

/// A delivery and its answer.
struct Sent {
  std::string event{};
  std::string id{};      ///< as in the operator's log
  std::string origin{};  ///< the server, without the path, which is half a secret
  unsigned status = 0;
  std::string answer{};  ///< the answer's body, as masked_text() shows it
  std::chrono::milliseconds took{};
  /// Nothing if the cluster was not asked, or for a ping.
  std::optional<std::vector<Refreshed>> objects{};

  /// Answered 2xx, with at least one object, and all of them refreshed.
  [[nodiscard]] bool well() const;
};

[[nodiscard]] std::string sent_text(const Sent& sent, const Layout& layout);
/// A SentDeliveryList.
[[nodiscard]] std::string sent_document(const Sent& sent, Format format);

/// What to do about an answer; empty if nothing.
[[nodiscard]] std::string advice_on(const Sent& sent);

}  // namespace receiver::ctl
