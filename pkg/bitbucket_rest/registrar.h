#pragma once

#include "bitbucket_rest/operation.h"
#include "bitbucket_rest/webhook.h"

namespace receiver::bitbucket_rest {

/// A list of more pages than this is an error; Bitbucket allows far fewer webhooks.
inline constexpr unsigned kMaxPages = 20;

struct Registration {
  Repository repository;
  WantedWebhook wanted;
  bool always = false;   ///< write it even if nothing seems to differ
  bool dry_run = false;  ///< read only
};

/// Makes the repository's webhook what it should be, by one write at most; ends with what was done,
/// or with `dry_run` what would be. Run again, it changes nothing. If the list has changed between
/// reading and writing (409; 404 for the webhook), it is read once more.
class RegisterWebhook final : public Question<Plan> {
 public:
  explicit RegisterWebhook(Registration registration);

 private:
  void read(const ApiRequest& asked, const std::string& body) override;
  void failed(BitbucketError error) override;
  [[nodiscard]] std::string_view secret() const override {
    return registration_.wanted.secret.view();
  }
  void list();
  void decide();

  Registration registration_;
  std::vector<Webhook> webhooks_;  ///< listed so far
  unsigned pages_ = 0;
  std::optional<Plan> plan_;  ///< being written
  bool last_try_ = false;
};

}  // namespace receiver::bitbucket_rest
