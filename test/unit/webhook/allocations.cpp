#include "test/unit/webhook/allocations.h"

#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

#ifdef COUNTS_ALLOCATIONS

namespace {

std::atomic<std::size_t> news{0};
std::atomic<std::size_t> held{0};

std::size_t size_of(void* memory) {
  return memory == nullptr ? 0 : ::malloc_usable_size(memory) + sizeof(std::size_t);
}

}  // namespace

// All other forms except those with an alignment call these.

void* operator new(std::size_t bytes) {
  ++news;
  void* const memory = std::malloc(bytes);  // NOLINT(cppcoreguidelines-owning-memory): is new
  if (memory == nullptr) throw std::bad_alloc();
  held += size_of(memory);
  return memory;
}

void operator delete(void* memory) noexcept {
  held -= size_of(memory);
  std::free(memory);  // NOLINT(cppcoreguidelines-owning-memory): is delete
}

void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  operator delete(memory);
}

namespace receiver::webhook {

std::size_t allocations() {
  return news;
}

std::size_t bytes_held() {
  return held;
}

}  // namespace receiver::webhook

#endif
