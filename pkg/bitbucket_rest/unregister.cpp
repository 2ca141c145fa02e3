#include "bitbucket_rest/unregister.h"

#include <utility>

namespace receiver::bitbucket_rest {
namespace {

constexpr std::size_t kMaxAnswersBytes = 16UL * 1024 * 1024;

}  // namespace

UnregisterWebhooks::UnregisterWebhooks(Unregistration unregistration)
    : Question(unregistration.repository, Purpose::kRegister, {kMaxRequests, kMaxAnswersBytes}),
      unregistration_(std::move(unregistration)) {
  ask(list_request(repository()));
}

void UnregisterWebhooks::read(const ApiRequest& asked, const std::string& body) {
  if (listed_) {
    deleted();
    return;
  }
  auto page = read_page(repository(), asked, body);
  if (!page) {
    fail(ApiFailure::kUnexpected, std::move(page.error()));
    return;
  }
  for (Webhook& webhook : page->webhooks) webhooks_.push_back(std::move(webhook));
  if (page->next) {
    ask(*std::move(page->next));
    return;
  }
  listed_ = true;
  going_ = webhooks_to_delete(webhooks_, unregistration_.receiver, unregistration_.stale_only);
  if (unregistration_.dry_run) {
    end(std::move(going_));
  } else {
    delete_next();
  }
}

void UnregisterWebhooks::delete_next() {
  if (deleted_ == going_.size()) {
    end(std::move(going_));
  } else {
    ask(delete_request(repository(), going_[deleted_++].id));
  }
}

void UnregisterWebhooks::deleted() {
  if (unregistration_.on_deleted) unregistration_.on_deleted(going_[deleted_ - 1]);
  delete_next();
}

void UnregisterWebhooks::failed(BitbucketError error) {
  if (listed_ && error.kind == ApiFailure::kNotFound) {  // another client deleted it
    deleted();
  } else {
    Question::failed(std::move(error));
  }
}

}  // namespace receiver::bitbucket_rest
