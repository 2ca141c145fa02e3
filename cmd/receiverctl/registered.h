#pragma once

#include <string>
#include <vector>

#include "bitbucket_rest/repository.h"
#include "bitbucket_rest/webhook_plan.h"
#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/output.h"

/// How `receiverctl register` tells what it has done. Holds no secret, and URLs in full only if
/// they are asked for.
namespace receiver::ctl {

/// What became of one repository.
struct Registered {
  bitbucket_rest::Repository repository;
  bitbucket_rest::Plan plan{};
  std::string error{};  ///< not empty: nothing is known of the plan
  bool tried = true;
};

inline constexpr const char* kOutside = "outside of the Secret's bitbucket.allow";

struct Report {
  std::vector<Registered> repositories{};
  std::vector<std::string> skipped{};  ///< subscribed, but not of this Bitbucket
  std::vector<std::string> outside{};  ///< names that the Secret's bitbucket.allow leaves out
  std::vector<std::string> notes{};    ///< of the whole, for people
  bool dry_run = false;
};

/// `created`, `would create`, `unchanged`, `skipped`, `failed`, `not tried`.
[[nodiscard]] std::string result_of(const Registered& registered, bool dry_run);
[[nodiscard]] std::string report_table(const Report& report, bool show_urls, bool wide,
                                       const Layout& layout);
/// A RegistrationList; what was skipped is among its items.
[[nodiscard]] std::string report_document(const Report& report, bool show_urls, Format format);

}  // namespace receiver::ctl
