#pragma once

#include <sys/prctl.h>

namespace receiver {

/// This process leaves no core dump, and no other process of its user can read its memory, which
/// contains secrets and tokens. Call it before the first of them is read. Programs that it starts
/// are not affected.
inline void keep_memory_private() {
  (void)::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace receiver
