#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "http/client.h"
#include "test/support/operator_process.h"

namespace receiver::bench {

/// The operator under load, with its default settings and `settings`, without a thread of its own
/// for requests. Stops with this object.
class MeasuredOperator {
 public:
  MeasuredOperator(boost::asio::any_io_executor executor, const test::OperatorLaunch& launch,
                   test::Environment settings = {});
  ~MeasuredOperator();
  MeasuredOperator(const MeasuredOperator&) = delete;
  MeasuredOperator& operator=(const MeasuredOperator&) = delete;

  /// `http://127.0.0.1:PORT` of the webhook port.
  [[nodiscard]] std::string url() const { return process_.origin(); }

  boost::asio::awaitable<void> ready();
  /// Waits until it is ready and needs hardly any CPU time: statuses are written.
  boost::asio::awaitable<void> at_rest();
  /// The value of one of its metrics, by the beginning of its line.
  boost::asio::awaitable<double> metric(std::string line);

  void freeze() const;
  void thaw() const;

  struct Memory {
    double resident_mb;
    double peak_mb;
  };
  [[nodiscard]] Memory memory() const;
  /// User and system time of all its threads so far.
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const { return process_.cpu_time(); }

 private:
  boost::asio::awaitable<std::string> get(std::string path);

  test::OperatorProcess process_;
  std::unique_ptr<http::Client> metrics_port_;
};

boost::asio::awaitable<void> pause_for(std::chrono::nanoseconds time);

}  // namespace receiver::bench
