#include "test/bench/acknowledged.h"

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "test/bench/payload.h"
#include "test/bench/peers.h"
#include "test/chaos/changes.h"

namespace receiver::bench {

namespace asio = boost::asio;

using namespace std::chrono_literals;
using clock::Steady;

namespace {

/// Time limit until etcd has delivered the history of one load.
constexpr auto kPatience = 20s;
constexpr auto kPause = 50ms;

}  // namespace

Acknowledged::Acknowledged(unsigned short etcd_port)
    : etcd_port_(etcd_port), revision_(chaos::ChangeFeed(etcd_port).revision()) {}

void Acknowledged::note(const Project& project, clock::Wall::time_point sent,
                        clock::Wall::time_point answered) {
  chaos::SentDelivery delivery;
  for (std::size_t index = 0; index < project.warehouses; ++index) {
    delivery.targets.push_back("warehouses/" + project.warehouse(index).str());
  }
  delivery.last_byte = sent;
  delivery.answered = answered;
  delivery.status = 200;
  deliveries_.push_back(std::move(delivery));
}

void Acknowledged::check() {
  const chaos::ChangeFeed feed(etcd_port_, revision_);
  const auto end = Steady::now() + kPatience;
  for (;;) {
    std::vector<chaos::Change> changes = feed.changes();
    std::erase_if(changes, [](const chaos::Change& change) {
      return change.token.starts_with(ApiServer::kBareToken);
    });
    const chaos::Findings findings = chaos::check(deliveries_, changes);
    if (findings.acknowledged.broken == 0) break;
    if (Steady::now() >= end) {
      throw std::runtime_error(fmt::format("acknowledged, but not applied: {} of {}; {}",
                                           findings.acknowledged.broken, deliveries_.size(),
                                           findings.examples.front()));
    }
    std::this_thread::sleep_for(kPause);
  }
  deliveries_.clear();
  revision_ = feed.revision();
}

http::Request delivery_to(const Project& project, const crypto::SecretString& secret) {
  return signed_push(project.path(secret), long_cloud_push(project.repository(), "main"), secret);
}

asio::awaitable<void> push(Receiver& receiver, const Project& project, http::Request delivery,
                           Acknowledged& acknowledged) {
  std::string expected = fmt::format("\"refreshed {} warehouse(s)\"", project.warehouses);
  const auto sent = clock::Wall::now();
  co_await receiver.deliver(std::move(delivery), 200, std::move(expected));
  acknowledged.note(project, sent, clock::Wall::now());
}

}  // namespace receiver::bench
