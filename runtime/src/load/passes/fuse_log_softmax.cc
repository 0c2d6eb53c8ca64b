// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
//   X -+- ReduceMax(axis) -- M            X -- LogSoftmax(axis) -- Y
//      +- Sub M -- S -+- Exp -- E    ->
//                     |   E -- ReduceSum(axis) -- Log -- L
//                     +- Sub L -- Y
// Caffe2 has no LogSoftmax, and Softmax with Log gives -inf where the answer is -200; so this is how it is written.
#include "load/passes/passes.h"
#include "load/passes/patterns.h"
#include "ops/registry.h"

namespace mdeploy {
namespace {

// The single axis that a reduction with kept dimensions is over, from 0 on; -1 when it is another kind.
int reduced_axis(const Node& node) {
  const Shape& x = node.inputs[0]->desc.shape;
  const Shape& y = node.outputs[0]->desc.shape;
  if (x.rank() != y.rank()) return -1;
  const proto::Argument* axes = node.argument("axes");
  if (axes == nullptr || axes->int_count != 1) return -1;
  return x.canonical_axis(axes->ints()[0]);
}

}  // namespace

Status fuse_log_softmax(Graph& graph, LoadContext& context) {
  static const OperatorInfo* log_softmax = find_internal_operator("LogSoftmax");
  for (const auto& owned : graph.nodes()) {
    Node* last = owned.get();
    if (last->op == nullptr || !last->is("Sub")) continue;
    Node* shift = producer_of(last->inputs[0], "Sub");
    Node* log = sole_producer_of(last->inputs[1], "Log");
    Node* sum = log != nullptr ? sole_producer_of(log->inputs[0], "ReduceSum") : nullptr;
    Node* exp = sum != nullptr ? sole_producer_of(sum->inputs[0], "Exp") : nullptr;
    if (shift == nullptr || exp == nullptr || exp->inputs[0] != shift->outputs[0] ||
        shift->outputs[0]->users.size() != 2 || shift->outputs[0]->is_pinned()) {
      continue;
    }
    Node* max = sole_producer_of(shift->inputs[1], "ReduceMax");
    if (max == nullptr || max->inputs[0] != shift->inputs[0]) continue;
    const int axis = reduced_axis(*max);
    if (axis < 0 || axis != reduced_axis(*sum) || last->outputs[0]->desc.shape != max->inputs[0]->desc.shape) continue;

    Value* x = max->inputs[0];
    for (Node* node : {log, sum, exp, shift, max}) graph.erase(node);
    // The last of the six becomes the new operator, in its place.
    last->op = log_softmax;
    last->arguments.clear();
    last->parameters = {axis};
    graph.set_input(last, 0, x);
    graph.remove_input(last, 1);
    MDEPLOY_TRY(infer(*last, context.settings));
  }
  return {};
}

}  // namespace mdeploy
