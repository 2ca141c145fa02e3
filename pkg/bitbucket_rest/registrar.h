#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bitbucket_rest/operation.h"
#include "bitbucket_rest/webhook_plan.h"

namespace receiver::bitbucket_rest {

/// A list of more pages than this is an error; Bitbucket allows far fewer webhooks.
inline constexpr unsigned kMaxPages = 20;

/// The inherited webhooks of one project or workspace. Nothing: not read yet.
using InheritedWebhooks = std::shared_ptr<std::optional<std::vector<Webhook>>>;

struct Registration {
  Repository repository;
  WantedWebhook wanted;
  Moves moves = Moves::kAll;
  bool always = false;   ///< write it even if nothing seems to differ
  bool dry_run = false;  ///< read only
  Purpose purpose = Purpose::kRegister;
  /// Shared by the registrations of the same owner's repositories, so that it is read once.
  InheritedWebhooks inherited = std::make_shared<InheritedWebhooks::element_type>();
};

/// Creates or corrects the repository's webhook with at most one write, and deletes duplicates;
/// ends with what was done, or with `dry_run` would be done. A second run changes nothing. If the
/// list has changed between reading and writing (409; 404 for the webhook), it is read once more. A
/// write without an answer may have been done, and is not repeated: the next run finds out.
///
/// Before it creates a webhook, it reads those of the project or workspace, if the token may.
class RegisterWebhook final : public Question<Plan> {
 public:
  static constexpr unsigned kTries = 2;  ///< of reading the list and writing
  static constexpr unsigned kMaxRequests = kTries * (kMaxPages + 1) + kMaxPages + kMaxSurplus;

  explicit RegisterWebhook(Registration registration);

  /// After the end: whether it failed with a write that may have been done, or may still take
  /// effect.
  [[nodiscard]] bool may_have_written() const { return may_have_written_; }

 private:
  enum class Step { kList, kInherited, kWrite, kDelete };

  void read(const ApiRequest& asked, const std::string& body) override;
  void failed(BitbucketError error) override;
  [[nodiscard]] std::string_view secret() const override {
    return registration_.wanted.secret.view();
  }
  void list(Step step);
  void read_part(const ApiRequest& asked, const std::string& body);
  void decide();
  void delete_next();

  Registration registration_;
  Step step_ = Step::kList;
  std::vector<Webhook> listing_;   ///< of the list that is being read
  std::vector<Webhook> webhooks_;  ///< the repository's
  unsigned pages_ = 0;
  Plan plan_;                ///< being carried out
  std::size_t deleted_ = 0;  ///< of its surplus
  bool last_try_ = false;
  bool may_have_written_ = false;
};

}  // namespace receiver::bitbucket_rest
