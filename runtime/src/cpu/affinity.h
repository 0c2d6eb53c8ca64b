// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Which cores there are, and pinning a thread to one.
#ifndef MDEPLOY_CPU_AFFINITY_H_
#define MDEPLOY_CPU_AFFINITY_H_

namespace mdeploy {

// Cores that this process may use; at least 1.
int usable_cores();

// Pins the calling thread. False where the system refuses or cannot (macOS, iOS).
bool pin_this_thread(int core);

// The core that the calling thread runs on; -1 where the system does not say.
int current_core();

// What the system calls this thread, for keep_off_core; 0 where it has no such thing.
int this_thread_id();

// Lets another thread of this process run on every core that the caller may use but `core`. False where that leaves
// none, or the system refuses.
bool keep_off_core(int thread_id, int core);

}  // namespace mdeploy

#endif  // MDEPLOY_CPU_AFFINITY_H_
