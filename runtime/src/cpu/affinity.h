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

}  // namespace mdeploy

#endif  // MDEPLOY_CPU_AFFINITY_H_
