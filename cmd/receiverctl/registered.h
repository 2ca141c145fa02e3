#pragma once

#include <string>
#include <vector>

#include "bitbucket_rest/repository.h"
#include "bitbucket_rest/webhook_plan.h"
#include "cmd/receiverctl/context.h"
#include "cmd/receiverctl/output.h"

/// The report of `receiverctl register`. Contains no secret, and full URLs only on request.
namespace receiver::ctl {

/// The result for one repository.
struct Registered {
  bitbucket_rest::Repository repository;
  bitbucket_rest::Plan plan{};
  std::string error{};  ///< not empty: there is no plan
  bool tried = true;
};

inline constexpr const char* kOutside = "outside the Secret's bitbucket.allow";

struct Report {
  std::vector<Registered> repositories{};
  std::vector<std::string> skipped{};  ///< subscribed URLs that are not on this Bitbucket
  std::vector<std::string> outside{};  ///< names outside the Secret's bitbucket.allow
  std::vector<std::string> notes{};    ///< about the whole run, for people
  bool dry_run = false;
};

/// `created`, `would create`, `unchanged`, `skipped`, `failed`, `not tried`.
[[nodiscard]] std::string result_of(const Registered& registered, bool dry_run);
[[nodiscard]] std::string report_table(const Report& report, bool show_urls, bool wide,
                                       const Layout& layout);
/// A RegistrationList; its items include skipped repositories.
[[nodiscard]] std::string report_document(const Report& report, bool show_urls, Format format);

}  // namespace receiver::ctl
