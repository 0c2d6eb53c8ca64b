// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Running single operators at load: the whole of an init net, and constant parts of a predict net.
#ifndef MDEPLOY_GRAPH_EVALUATE_H_
#define MDEPLOY_GRAPH_EVALUATE_H_

#include "base/memory_budget.h"
#include "ops/op_builder.h"

namespace mdeploy {

// What loading works with.
struct LoadContext {
  BuildSettings settings;
  MemoryBudget budget;
  ThreadPool pool;

  LoadContext(const BuildSettings& s, uint64_t max_bytes, int threads = 1)
      : settings(s), budget(max_bytes), pool(threads) {}
};

// Runs the node and gives its outputs their contents. Its inputs must be constants, or its kernel must not read them.
// The outputs must have their types and shapes (infer() gives them).
Status evaluate(Node& node, LoadContext& context);

}  // namespace mdeploy

#endif  // MDEPLOY_GRAPH_EVALUATE_H_
