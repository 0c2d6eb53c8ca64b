// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// What every step of loading works with, from the init net's operators to the kernels.
#ifndef MDEPLOY_LOAD_CONTEXT_H_
#define MDEPLOY_LOAD_CONTEXT_H_

#include "base/memory_budget.h"
#include "cpu/thread_pool.h"
#include "ops/op_builder.h"

namespace mdeploy {

struct LoadContext {
  BuildSettings settings;
  MemoryBudget budget;
  ThreadPool pool;

  LoadContext(const BuildSettings& s, uint64_t max_bytes, int threads = 1)
      : settings(s), budget(max_bytes), pool(threads) {}
};

}  // namespace mdeploy

#endif  // MDEPLOY_LOAD_CONTEXT_H_
