// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Y = Op(constants)   ->   Y is a constant
#include <algorithm>

#include "load/evaluate.h"
#include "load/passes/passes.h"

namespace mdeploy {

Status fold_constants(Graph& graph, LoadContext& context) {
  // Larger results are left to run time, so that a small file cannot make us keep what it never uses.
  constexpr size_t kLargestResult = size_t{64} << 20;
  for (const auto& node : graph.nodes()) {
    const bool known = std::all_of(node->inputs.begin(), node->inputs.end(), [](Value* v) { return v->is_constant(); });
    size_t bytes = 0;
    for (const Value* value : node->outputs) bytes += value->desc.bytes();
    if (!known || bytes > kLargestResult) continue;
    MDEPLOY_TRY(evaluate(*node, context));
    graph.erase(node.get());
  }
  return {};
}

}  // namespace mdeploy
