#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/delivery_log.h"
#include "cmd/receiverctl/output.h"

namespace receiver::ctl {

/// `deliveries`: which deliveries came, their outcome and its reason, from the operator's logs.
void add_deliveries(CLI::App& app, Context& context);

[[nodiscard]] std::string deliveries_table(const std::vector<LoggedDelivery>& deliveries,
                                           const Layout& layout);
/// A DeliveryList.
[[nodiscard]] std::string deliveries_document(const std::vector<LoggedDelivery>& deliveries,
                                              Format format);
/// An item of one, as JSON in one line.
[[nodiscard]] std::string delivery_json(const LoggedDelivery& delivery);

}  // namespace receiver::ctl
