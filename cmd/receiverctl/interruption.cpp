#include "cmd/receiverctl/interruption.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace receiver::ctl {
namespace {

constexpr std::array<int, 2> kSignals{SIGINT, SIGTERM};

std::atomic<int> noted{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void note_interruption(int number) {
  const int error = errno;
  noted = number;
  for (const int each : kSignals) {
    struct sigaction action {};
    // An ignored signal stays ignored.
    if (::sigaction(each, nullptr, &action) != 0 || action.sa_handler != note_interruption) {
      continue;
    }
    action.sa_handler = SIG_DFL;
    ::sigaction(each, &action, nullptr);
  }
  errno = error;
}

}  // namespace

Interruption::Interruption() {
  noted = 0;
  struct sigaction action {};
  action.sa_handler = note_interruption;
  // System calls continue in whichever thread gets the signal.
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interruption::~Interruption() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

int Interruption::signal() {
  return noted;
}

}  // namespace receiver::ctl
