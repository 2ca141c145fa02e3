#include "cmd/receiverctl/interruption.h"

#include <atomic>
#include <cstddef>

namespace receiver::ctl {
namespace {

std::atomic<bool> noted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void note_interruption(int /*number*/) {
  noted = true;
}

}  // namespace

Interruption::Interruption() {
  noted = false;
  struct sigaction action {};
  action.sa_handler = note_interruption;
  // System calls go on, whichever thread the signal has met.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interruption::~Interruption() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

bool Interruption::happened() {
  return noted;
}

}  // namespace receiver::ctl
