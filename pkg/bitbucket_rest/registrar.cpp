#include "bitbucket_rest/registrar.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace receiver::bitbucket_rest {
namespace {

constexpr std::size_t kMaxListBytes = 16UL * 1024 * 1024;

/// Few tokens may read the webhooks of a whole project or workspace.
bool may_not_be_read(ApiFailure failure) {
  return failure == ApiFailure::kUnauthorized || failure == ApiFailure::kForbidden ||
         failure == ApiFailure::kNotFound;
}

bool is_without_answer(ApiFailure failure) {
  return failure == ApiFailure::kUnreachable || failure == ApiFailure::kTimeout ||
         failure == ApiFailure::kServer;
}

}  // namespace

RegisterWebhook::RegisterWebhook(Registration registration)
    : Question(registration.repository, registration.purpose,
               {kMaxRequests, (kTries + 1) * kMaxListBytes}),
      registration_(std::move(registration)) {
  list(Step::kList);
}

void RegisterWebhook::list(Step step) {
  step_ = step;
  listing_.clear();
  pages_ = 1;
  ask(step == Step::kList ? list_request(repository()) : inherited_list_request(repository()));
}

void RegisterWebhook::read(const ApiRequest& asked, const std::string& body) {
  switch (step_) {
    case Step::kList:
    case Step::kInherited:
      read_part(asked, body);
      break;
    case Step::kWrite:
      if (plan_.webhook.id.empty()) plan_.webhook.id = read_id(repository(), body);
      delete_next();
      break;
    case Step::kDelete:
      delete_next();
      break;
  }
}

void RegisterWebhook::read_part(const ApiRequest& asked, const std::string& body) {
  auto page = read_page(repository(), asked, body);
  if (!page) {
    fail(ApiFailure::kUnexpected, std::move(page.error()));
    return;
  }
  for (Webhook& webhook : page->webhooks) {
    webhook.inherited = webhook.inherited || step_ == Step::kInherited;
    listing_.push_back(std::move(webhook));
  }
  if (page->next && pages_ < kMaxPages) {
    ++pages_;
    ask(*std::move(page->next));
  } else if (page->next) {
    // A webhook on an unread page may be the receiver's own.
    fail(ApiFailure::kUnexpected,
         fmt::format("the list of webhooks does not end within {} pages: delete some, or "
                     "make this one by hand",
                     kMaxPages));
  } else if (step_ == Step::kList) {
    webhooks_ = std::move(listing_);
    decide();
  } else {
    *registration_.inherited = std::move(listing_);
    decide();
  }
}

void RegisterWebhook::decide() {
  static const std::vector<Webhook> none;
  const auto& inherited = *registration_.inherited;
  plan_ = plan_webhook(repository().product, webhooks_, registration_.wanted, registration_.moves,
                       registration_.always, inherited ? *inherited : none);
  const bool writes = plan_.action == Action::kCreate || plan_.action == Action::kUpdate;
  if (plan_.action == Action::kCreate && !inherited) {
    list(Step::kInherited);
  } else if (registration_.dry_run || (!writes && plan_.action != Action::kDelete)) {
    end(std::move(plan_));
  } else if (writes) {
    step_ = Step::kWrite;
    ask(write_request(repository(), plan_.webhook));
  } else {
    delete_next();
  }
}

void RegisterWebhook::delete_next() {
  if (deleted_ == plan_.surplus.size()) {
    end(std::move(plan_));
    return;
  }
  step_ = Step::kDelete;
  ask(delete_request(repository(), plan_.surplus[deleted_++]));
}

void RegisterWebhook::failed(BitbucketError error) {
  if (step_ == Step::kInherited && may_not_be_read(error.kind)) {
    registration_.inherited->emplace();
    decide();
    return;
  }
  may_have_written_ =
      (step_ == Step::kWrite || step_ == Step::kDelete) && is_without_answer(error.kind);
  const bool gone = error.kind == ApiFailure::kNotFound;
  if (step_ == Step::kDelete && gone) {  // another client deleted it
    delete_next();
    return;
  }
  const bool list_is_old = step_ == Step::kWrite && (error.kind == ApiFailure::kConflict ||
                                                     (gone && plan_.action == Action::kUpdate));
  if (list_is_old && !std::exchange(last_try_, true)) {
    list(Step::kList);
  } else {
    Question::failed(std::move(error));
  }
}

}  // namespace receiver::bitbucket_rest
