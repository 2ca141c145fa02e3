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

/// `send`: a signed delivery as Bitbucket would send it, and what came of it.
void add_send(CLI::App& app, Context& context);

/// What became of one object that the delivery was for.
struct Refreshed {
  controllers::Target object;
  bool changed = false;
  std::string token;  ///< the refresh annotation afterwards
};

/// A delivery and its answer.
struct Sent {
  std::string event{};
  std::string id{};      ///< as the operator's log names the delivery
  std::string origin{};  ///< whom it was sent to, without the path, which is half a secret
  unsigned status = 0;
  std::string answer{};  ///< the answer's body, as masked_text() shows it
  std::chrono::milliseconds took{};
  /// Nothing: the cluster was not asked, or it is the ping.
  std::optional<std::vector<Refreshed>> objects{};

  /// Answered 2xx, and every object was refreshed, of which there is at least one.
  [[nodiscard]] bool well() const;
};

[[nodiscard]] std::string sent_text(const Sent& sent, const Layout& layout);
/// A SentDeliveryList.
[[nodiscard]] std::string sent_document(const Sent& sent, Format format);

/// What to do about an answer; empty if nothing.
[[nodiscard]] std::string advice_on(const Sent& sent);

}  // namespace receiver::ctl
