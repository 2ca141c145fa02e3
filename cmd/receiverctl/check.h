#pragma once

#include <string>

#include <CLI/App.hpp>

#include "cmd/receiverctl/bitbucket.h"
#include "cmd/receiverctl/context.h"

namespace receiver::ctl {

/// `check`: whether everything is in place, as seen from where it runs.
void add_check(CLI::App& app, Context& context);

struct CheckOptions {
  std::string project;            ///< empty: all
  std::string base_url;           ///< empty: what the statuses show
  std::string pod_namespace;      ///< where the operator runs
  std::string service_account;    ///< NAMESPACE/NAME; empty: that of the operator's Deployment
  std::string via;                ///< where to ask; empty: the base URL
  bool all_secrets = false;       ///< SECRET_ACCESS=cluster
  bool in_operators_pod = false;  ///< receiverctl has the operator's account
  /// For the caller's token, which is for all subscribed repositories of one Bitbucket.
  BitbucketOptions bitbucket{};
};

}  // namespace receiver::ctl
