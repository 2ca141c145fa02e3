#pragma once

#include <cstddef>

// Instrumented builds have their own operators.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS
#endif

#ifdef COUNTS_ALLOCATIONS
namespace receiver::webhook {

/// How often this program has called `new` so far.
[[nodiscard]] std::size_t allocations();
/// The bytes that it holds now, including the allocator's data.
[[nodiscard]] std::size_t bytes_held();

}  // namespace receiver::webhook
#endif
