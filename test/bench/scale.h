#pragma once

#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "crypto/crypto.h"
#include "kube/config.h"
#include "kube/rest.h"
#include "test/bench/figures.h"
#include "test/bench/measured_operator.h"

namespace receiver::bench {

/// A fresh control plane, and how to start operators.
struct Site {
  boost::asio::any_io_executor executor;
  kube::RestClient& administrator;
  const kube::Config& account;  ///< the operator's
  test::OperatorLaunch launch;
  unsigned short etcd_port;
  crypto::SecretString secret;
  bool quick;  ///< omits slow parts
};

/// Memory, time to ready, latency and CPU time per delivery while the cluster grows to 10,000
/// projects and 100,000 Warehouses, and the statuses of 1,000 new ProjectConfigs. The first round
/// at each size, in which statuses are written, does not count.
boost::asio::awaitable<Report> growth(const Site& site);

/// 20,000 Warehouses with 20 discovered commits each and 5,000 finished Promotions.
boost::asio::awaitable<Report> heavy(const Site& site);

}  // namespace receiver::bench
