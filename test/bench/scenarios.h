#pragma once

#include <chrono>
#include <cstddef>

#include <boost/asio/awaitable.hpp>

#include "crypto/crypto.h"
#include "kube/rest.h"
#include "test/bench/data_center.h"
#include "test/bench/figures.h"
#include "test/bench/peers.h"
#include "test/bench/workload.h"
#include "test/support/operator_process.h"

namespace receiver::bench {

/// How much is measured.
struct Extent {
  int rounds = 5;
  int deliveries = 150;                     ///< alone, one after another, in each round
  int turns = 4;                            ///< of bare PATCHes and a load, in each round
  int fan_outs = 3;                         ///< in each turn
  int monorepo_pushes = 2;                  ///< in each round
  std::size_t more_answers = 10'000;        ///< of Bitbucket, than are kept
  std::chrono::milliseconds window{3'000};  ///< of each load
};

struct Bench {
  Workload workload;
  crypto::SecretString secret;
  Extent extent;
  kube::RestClient& administrator;
  unsigned short etcd_port;
  ApiServer& api;
  Receiver& receiver;
  Receiver& floor;  ///< computes the signature and answers 401
  DataCenter& data_center;
  test::OperatorLaunch launch;  ///< of a further operator, and its settings
  test::Environment settings;
};

/// Prints one round of one figure, and keeps it unless it is the first.
void add_round(Figure& figure, int round, Figure::Round measured);

/// What the API server counted so far of requests that could be the operator's: watches, which are
/// counted as they end, and the Lease are not among them.
boost::asio::awaitable<double> requests_counted(kube::RestClient& administrator);
/// The Events of the operator's start are emitted one by one.
boost::asio::awaitable<void> until_nothing_is_counted(kube::RestClient& administrator);

// Each measures its rounds, floor and operator in turns, and prints them as they come. A first
// round, in which connections, caches and clock rates settle, does not count.

/// One delivery after another against as many PATCHes at once as it takes.
boost::asio::awaitable<Report> one_delivery_alone(const Bench& bench);

/// Requests that the API server counted while deliveries came in.
boost::asio::awaitable<Report> requests_per_delivery(const Bench& bench);

/// Many senders with a project each; many senders of one repository; one push to many Warehouses:
/// against the PATCHes that the API server takes from 64 connections.
boost::asio::awaitable<Report> under_load(const Bench& bench);

/// Pushes to small projects while one to a monorepo is applied, against the same beside as many
/// bare PATCHes.
boost::asio::awaitable<Report> beside_a_fan_out(const Bench& bench);

/// Under load, with 1 to 32 senders: how much of the API server's speed is made use of.
boost::asio::awaitable<Report> against_senders(const Bench& bench);

/// Deliveries that come at a pace of their own: a part of what the API server takes.
boost::asio::awaitable<Report> at_fixed_rates(const Bench& bench);

/// Deliveries with a wrong signature.
boost::asio::awaitable<Report> bad_signatures(const Bench& bench);

}  // namespace receiver::bench
