#pragma once

#include <cstddef>

// Instrumented builds have operators of their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS
#endif

#ifdef COUNTS_ALLOCATIONS
namespace receiver::webhook {

/// How often this program has called `new` so far.
[[nodiscard]] std::size_t allocations();
/// What it holds of that now, with what the allocator keeps about each piece.
[[nodiscard]] std::size_t bytes_held();

}  // namespace receiver::webhook
#endif
