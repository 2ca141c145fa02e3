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

/// The extent of the measurement.
struct Extent {
  int rounds = 5;
  int deliveries = 150;                     ///< alone, one after another, in each round
  int turns = 4;                            ///< of bare PATCHes and a load, in each round
  int fan_outs = 3;                         ///< in each turn
  int monorepo_pushes = 2;                  ///< in each round
  std::size_t more_answers = 10'000;        ///< of Bitbucket, beyond those that are cached
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

/// The API server's count of requests that could be the operator's, without watches, which it
/// counts when they end, and the Lease.
boost::asio::awaitable<double> requests_counted(kube::RestClient& administrator);
/// The Events of the operator's start are sent one by one.
boost::asio::awaitable<void> until_nothing_is_counted(kube::RestClient& administrator);

// Each scenario measures its rounds, alternating floor and operator, and prints them. A first
// round, for connections, caches and clock rates, does not count.

/// One delivery at a time, compared with as many parallel PATCHes as it needs.
boost::asio::awaitable<Report> one_delivery_alone(const Bench& bench);

/// Requests that the API server counted while deliveries came in.
boost::asio::awaitable<Report> requests_per_delivery(const Bench& bench);

/// Many senders with one project each; many senders of one repository; one push to many Warehouses:
/// compared with the API server's rate of PATCHes over 64 connections.
boost::asio::awaitable<Report> under_load(const Bench& bench);

/// Pushes to small projects during one to a monorepo, compared with the same during as many bare
/// PATCHes.
boost::asio::awaitable<Report> beside_a_fan_out(const Bench& bench);

/// Under load, with 1 to 32 senders: which part of the API server's speed is used.
boost::asio::awaitable<Report> against_senders(const Bench& bench);

/// Deliveries at a fixed rate: a part of the API server's rate.
boost::asio::awaitable<Report> at_fixed_rates(const Bench& bench);

/// Deliveries with a wrong signature.
boost::asio::awaitable<Report> bad_signatures(const Bench& bench);

}  // namespace receiver::bench
