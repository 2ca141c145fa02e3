#include "test/differential/product.h"

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "bitbucket/ref_changes.h"
#include "test/support/simulated_time.h"
#include "webhook/changed_files.h"
#include "webhook/inquirer.h"
#include "webhook/targets.h"

namespace receiver::test {

using webhook::Findings;
using webhook::Inquirer;
using webhook::Inquiry;
using webhook::Judgement;

class Product::Impl {
 public:
  explicit Impl(const Bitbucket& bitbucket) : bitbucket_(bitbucket) {
    controllers::BitbucketAccess access;
    access.secret_uid = "uid";
    access.secret_version = "1";
    access.product = bitbucket.repository.product;
    access.server = bitbucket.repository.server;
    access_ = std::make_shared<const controllers::BitbucketAccess>(std::move(access));
    if (access_->repository(clone_url(bitbucket)) != bitbucket.repository) {
      throw std::logic_error("the operator asks another repository");
    }
  }
  ~Impl() { SimulatedTime::settle(io_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::vector<bool> refreshes(std::string_view body,
                              const std::vector<git::Subscription>& subscriptions,
                              const NaiveDecision::Ask& ask) {
    // Ends all pauses.
    time_.run_for(io_, std::chrono::hours(2));
    ask_ = &ask;
    const bitbucket::EventKind kind{bitbucket_.repository.product,
                                    bitbucket::Action::kRefreshWarehouses};
    const auto push = std::get<bitbucket::Push>(bitbucket::parse_payload(kind, body).value());
    const auto identities = webhook::identities_of(push);
    Inquirer::Request request{.access = access_,
                              .repository = bitbucket_.repository,
                              .inquiry = {},
                              .push = bitbucket::parse_ref_changes(kind.source, body)};
    std::vector<api::Warehouse> warehouses;
    for (const auto& subscription : subscriptions) {
      warehouses.push_back({.key = {"demo", "fruit"}, .subscriptions = {subscription}});
    }
    const auto judge = [&](const api::Warehouse& warehouse, const Findings& findings,
                           Inquiry& inquiry) {
      if (webhook::judge(push, warehouse) != webhook::Verdict::kTarget) return Judgement::kSpared;
      if (!webhook::may_be_spared(warehouse.subscriptions.front())) return Judgement::kAffected;
      return webhook::judge_changed_files(
          {webhook::PushedRepositories(identities), request.push.changes}, warehouse, findings,
          inquiry, [] { return false; });
    };

    Findings findings;
    findings.refs.resize(request.push.changes.size());
    std::vector<Judgement> judgements;
    Inquiry inquiry;
    for (const auto& warehouse : warehouses) {
      judgements.push_back(judge(warehouse, findings, inquiry));
    }
    request.inquiry = inquiry;
    if (!inquiry.empty()) findings = find_out(request);
    std::vector<bool> refreshed;
    for (std::size_t i = 0; i < warehouses.size(); ++i) {
      if (judgements[i] == Judgement::kOpen) {
        judgements[i] = judge(warehouses[i], findings, inquiry);
      }
      refreshed.push_back(judgements[i] != Judgement::kSpared);
    }
    return refreshed;
  }

 private:
  Findings find_out(Inquirer::Request request) {
    std::optional<Findings> found;
    const auto deadline = clock::Steady::now() + inquirer_.limits().time;
    boost::asio::co_spawn(io_, inquirer_.find_out(io_.get_executor(), std::move(request), deadline),
                          [&](const std::exception_ptr& error, Findings findings) {
                            if (error) std::rethrow_exception(error);
                            found = std::move(findings);
                          });
    if (!time_.run_until(io_, [&] { return found.has_value(); })) {
      throw std::logic_error("the questions did not end");
    }
    return *std::move(found);
  }

  boost::asio::awaitable<void> answer(bitbucket_rest::Operation& operation) {
    while (operation.next() != nullptr) operation.take((*ask_)(*operation.next()));
    co_return;
  }

  SimulatedTime time_;
  const Bitbucket& bitbucket_;
  std::shared_ptr<const controllers::BitbucketAccess> access_;
  const NaiveDecision::Ask* ask_ = nullptr;
  boost::asio::io_context io_;
  Inquirer inquirer_{io_.get_executor(),
                     [this](const Inquirer::Access&, bitbucket_rest::Operation& operation,
                            clock::Steady::time_point) { return answer(operation); },
                     {},
                     log::Logger::none()};
};

Product::Product(const Bitbucket& bitbucket) : impl_(std::make_unique<Impl>(bitbucket)) {}
Product::~Product() = default;

std::vector<bool> Product::refreshes(std::string_view body,
                                     const std::vector<git::Subscription>& subscriptions,
                                     const NaiveDecision::Ask& ask) {
  return impl_->refreshes(body, subscriptions, ask);
}

}  // namespace receiver::test
