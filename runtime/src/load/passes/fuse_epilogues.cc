// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
//   Conv -- Relu, Clip or ReluN -- Y            ->   Conv(clamp) -- Y
//   Conv -- Add or Sum with R [-- Relu] -- Y    ->   Conv(+ R, clamp) -- Y
// and the same behind FC, SplitAttention and (the clamp alone) AffineChannel, Add, Sum and Mul.
#include <cmath>
#include <limits>
#include <unordered_map>

#include "load/passes/passes.h"
#include "load/passes/patterns.h"

namespace mdeploy {
namespace {

bool takes_residual(const Node& node) { return node.is("Conv") || node.is("FC") || node.is("SplitAttention"); }

bool takes_clamp(const Node& node) {
  return takes_residual(node) || node.is("AffineChannel") ||
         ((node.is("Add") || node.is("Sum") || node.is("Mul")) && node.outputs[0]->desc.dtype == DType::kFloat);
}

bool clamp_of(const Node& node, float* lo, float* hi) {
  const auto argument = [&](const char* name, float fallback) {
    const proto::Argument* a = node.argument(name);
    return a != nullptr ? a->f.value_or(fallback) : fallback;
  };
  *lo = 0.0f;
  *hi = std::numeric_limits<float>::infinity();
  if (node.is("Relu")) return true;
  if (node.is("ReluN")) {
    *hi = argument("n", 6.0f);
  } else if (node.is("Clip")) {
    *lo = argument("min", std::numeric_limits<float>::lowest());
    *hi = argument("max", std::numeric_limits<float>::max());
  } else {
    return false;
  }
  return *lo <= *hi;
}

// Lets the node make what `next` made, which goes.
void absorb(Graph& graph, Node* node, Node* next) {
  Value* y = next->outputs[0];
  graph.erase(next);
  node->outputs[0]->producer = nullptr;
  node->outputs[0] = y;
  y->producer = node;
}

bool absorb_clamp(Graph& graph, Node* node) {
  Node* next = sole_user(node->outputs[0]);
  float lo = 0.0f, hi = 0.0f;
  if (next == nullptr || !takes_clamp(*node) || !clamp_of(*next, &lo, &hi)) return false;
  // Of two clamps one after the other, the second acts on the bounds of the first.
  node->epilogue.lo = std::fmin(std::fmax(node->epilogue.lo, lo), hi);
  node->epilogue.hi = std::fmin(std::fmax(node->epilogue.hi, lo), hi);
  absorb(graph, node, next);
  return true;
}

// Position of every value's producer, so that a residual is known to be there when the node runs.
using Order = std::unordered_map<const Node*, size_t>;

bool absorb_residual(Graph& graph, Node* node, const Order& order) {
  if (!takes_residual(*node) || node->epilogue.residual || node->epilogue.clamps()) return false;
  Node* next = sole_user(node->outputs[0]);
  if (next == nullptr || (!next->is("Add") && !next->is("Sum")) || next->inputs.size() != 2 ||
      next->epilogue.clamps()) {
    return false;
  }
  Value* residual = next->inputs[0] == node->outputs[0] ? next->inputs[1] : next->inputs[0];
  if (residual == node->outputs[0] || !(residual->desc == node->outputs[0]->desc) || residual->is_constant())
    return false;
  if (!(next->outputs[0]->desc == residual->desc)) return false;
  if (residual->producer != nullptr && order.at(residual->producer) > order.at(node)) return false;
  graph.add_input(node, residual);
  node->epilogue.residual = true;
  absorb(graph, node, next);
  return true;
}

}  // namespace

Status fuse_epilogues(Graph& graph, LoadContext&) {
  Order order;
  for (const auto& node : graph.nodes()) order[node.get()] = order.size();
  for (const auto& owned : graph.nodes()) {
    Node* node = owned.get();
    if (node->op == nullptr) continue;
    absorb_residual(graph, node, order);
    while (absorb_clamp(graph, node)) {
    }
  }
  return {};
}

}  // namespace mdeploy
