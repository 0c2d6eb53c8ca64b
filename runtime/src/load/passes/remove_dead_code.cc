// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// An operator none of whose outputs is used or asked for is taken out; then those that only it used.
#include <algorithm>

#include "load/passes/passes.h"

namespace mdeploy {

Status remove_dead_code(Graph& graph, LoadContext&) {
  const auto& nodes = graph.nodes();
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    Node* node = it->get();
    if (node->op == nullptr) continue;
    const bool dead = std::none_of(node->outputs.begin(), node->outputs.end(),
                                   [](const Value* v) { return v->is_pinned() || !v->users.empty(); });
    if (dead) graph.erase(node);
  }
  return {};
}

}  // namespace mdeploy
