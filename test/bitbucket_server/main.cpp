// strict_bitbucket NAME PORT TOKEN REPOSITORY...: a Data Center at https://NAME:PORT/git, in which
// the token administers the repositories (`KEY/SLUG`). It prints the CA of its certificate, and
// serves until it gets SIGTERM.

#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "test/bitbucket_server/bitbucket_server.h"

namespace receiver::test {
namespace {

int run(const std::vector<std::string>& arguments) {
  sigset_t ends{};  // blocked before threads are created, which inherit it
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const std::string& name = arguments.at(0);
  const auto port = static_cast<unsigned short>(std::stoi(arguments.at(1)));
  BitbucketServer server(bitbucket::Source::kDataCenter,
                         {.common_name = name, .alternative_names = "DNS:" + name}, name,
                         {.address = "::", .port = port});
  server.accept("Bearer " + arguments.at(2));
  for (std::size_t i = 3; i < arguments.size(); ++i) server.add_repository(arguments[i]);
  std::cout << server.ca_pem() << std::flush;
  int signal = 0;
  return sigwait(&ends, &signal);
}

}  // namespace
}  // namespace receiver::test

int main(int count, char** words) {
  try {
    return receiver::test::run({words + 1, words + count});
  } catch (const std::exception& error) {
    std::cerr << "strict_bitbucket: " << error.what() << '\n';
    return 2;
  }
}
