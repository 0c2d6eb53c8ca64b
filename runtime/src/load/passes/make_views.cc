// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Reshape, Flatten, Split, Slice, ... whose outputs are runs of the input's elements share its memory; the inputs of a
// Concat that are runs of its output are made there. Nothing is left to copy, and the kernels see that.
#include <algorithm>

#include "ir/operator.h"
#include "load/passes/passes.h"

namespace mdeploy {
namespace {

bool any_part(const std::vector<int64_t>& offsets) {
  return std::any_of(offsets.begin(), offsets.end(), [](int64_t offset) { return offset >= 0; });
}

// A value can be made inside another when its memory is its own and only one operator wants it so.
bool can_be_placed(const Value* value, const Node* node) {
  if (value->producer == nullptr || value->is_constant() || value->is_input) return false;
  if (any_part(value->producer->view_offsets)) return false;
  if (std::count(node->inputs.begin(), node->inputs.end(), value) != 1) return false;
  return std::none_of(value->users.begin(), value->users.end(), [&](const Node* user) {
    if (user == node || user->part_offsets.empty()) return false;
    const auto index = std::find(user->inputs.begin(), user->inputs.end(), value) - user->inputs.begin();
    return user->part_offsets[static_cast<size_t>(index)] >= 0;
  });
}

}  // namespace

Status make_views(Graph& graph, LoadContext& context) {
  for (const auto& node : graph.nodes()) {
    OpBuilder builder(*node, context.settings);
    node->op->make(builder);
    MDEPLOY_TRY(builder.status());
    if (any_part(builder.output_parts())) {
      node->view_offsets = builder.output_parts();
      node->view_offsets.resize(node->outputs.size(), -1);
    }
    constexpr size_t kMostParts = 4096;  // every one is compared with every other
    if (any_part(builder.input_parts()) && !node->outputs[0]->is_constant() && node->inputs.size() <= kMostParts) {
      std::vector<int64_t> offsets = builder.input_parts();
      offsets.resize(node->inputs.size(), -1);
      for (size_t i = 0; i < offsets.size(); ++i) {
        if (!can_be_placed(node->inputs[i], node.get())) offsets[i] = -1;
      }
      node->part_offsets = std::move(offsets);
    }
  }
  return {};
}

}  // namespace mdeploy
