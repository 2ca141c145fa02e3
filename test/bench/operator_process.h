#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "http/client.h"
#include "test/support/process.h"

namespace receiver::bench {

/// What every operator of a run is started with.
struct OperatorLaunch {
  std::string binary;
  std::string kubeconfig;  ///< of its own account
  std::string log;         ///< file; several operators write to it one after the other
};

/// The operator's binary as a child process, with the settings that it is shipped with and
/// `settings`. Ends with this object.
class OperatorProcess {
 public:
  OperatorProcess(boost::asio::any_io_executor executor, const OperatorLaunch& launch,
                  test::Environment settings = {});
  ~OperatorProcess();
  OperatorProcess(const OperatorProcess&) = delete;
  OperatorProcess& operator=(const OperatorProcess&) = delete;

  /// `http://127.0.0.1:PORT` of the webhook port.
  [[nodiscard]] const std::string& url() const { return url_; }

  boost::asio::awaitable<void> ready();
  /// Ready, and hardly any CPU time goes into it any more: statuses are written.
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
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const;

 private:
  boost::asio::awaitable<std::string> get(std::string path);

  boost::asio::any_io_executor executor_;
  std::string url_;
  std::unique_ptr<test::Process> process_;
  std::unique_ptr<http::Client> metrics_port_;
};

boost::asio::awaitable<void> pause_for(std::chrono::nanoseconds time);

}  // namespace receiver::bench
