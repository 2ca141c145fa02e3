#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "bitbucket_rest/operation.h"
#include "bitbucket_rest/webhook_plan.h"

namespace receiver::bitbucket_rest {

struct Unregistration {
  Repository repository;
  WantedWebhook receiver;   ///< its webhooks are deleted
  bool stale_only = false;  ///< only those that no receiver serves any more
  bool dry_run = false;     ///< read only
  /// Called for each deleted webhook at once, because an error may come before the end.
  std::function<void(const Webhook&)> on_deleted{};
};

/// Deletes a receiver's webhooks from a repository, and ends with the deleted ones, or with
/// `dry_run` those to be deleted. Other webhooks and inherited ones stay.
class UnregisterWebhooks final : public Question<std::vector<Webhook>> {
 public:
  static constexpr unsigned kMaxRequests = 30;

  explicit UnregisterWebhooks(Unregistration unregistration);

 private:
  void read(const ApiRequest& asked, const std::string& body) override;
  void failed(BitbucketError error) override;
  [[nodiscard]] std::string_view secret() const override {
    return unregistration_.receiver.secret.view();
  }
  void delete_next();
  /// The webhook of the last request.
  void deleted();

  Unregistration unregistration_;
  std::vector<Webhook> webhooks_;  ///< of the list that is being read
  std::vector<Webhook> going_;
  bool listed_ = false;
  std::size_t deleted_ = 0;  ///< of those that go, or being deleted
};

}  // namespace receiver::bitbucket_rest
