// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
//   X -- Conv(W, b) -- SpatialBN or AffineChannel -- Y    ->    X -- Conv(W', b') -- Y
//   X -- SpatialBN(constants) -- Y                        ->    X -- AffineChannel(a, b) -- Y
#include <cmath>

#include "load/passes/passes.h"
#include "load/passes/patterns.h"
#include "ops/registry.h"

namespace mdeploy {
namespace {

// y = x a + b per channel, in double precision until it meets the weights.
struct Affine {
  std::vector<double> scale, shift;
};

bool constant_floats(const Node& node, size_t first, size_t count) {
  for (size_t i = first; i < first + count; ++i) {
    if (!node.inputs[i]->is_constant() || node.inputs[i]->desc.dtype != DType::kFloat) return false;
  }
  return true;
}

// The node's rule, where its parameters are known. The net has been checked, so sizes agree.
bool affine_of(const Node& node, Affine* affine) {
  const bool is_norm = node.is("SpatialBN");
  if ((!is_norm && !node.is("AffineChannel")) || node.epilogue.clamps() || !constant_floats(node, 1, is_norm ? 4 : 2)) {
    return false;
  }
  const auto channels = static_cast<size_t>(node.inputs[1]->desc.elements());
  const proto::Argument* argument = node.argument("epsilon");
  const double epsilon = argument != nullptr ? static_cast<double>(argument->f.value_or(1e-5f)) : 1e-5;
  for (size_t c = 0; c < channels; ++c) {
    double scale = node.inputs[1]->constant_data<float>()[c], shift = node.inputs[2]->constant_data<float>()[c];
    if (is_norm) {
      scale /= std::sqrt(node.inputs[4]->constant_data<float>()[c] + epsilon);
      shift -= node.inputs[3]->constant_data<float>()[c] * scale;
    }
    affine->scale.push_back(scale);
    affine->shift.push_back(shift);
  }
  return true;
}

Status new_constant(Graph& graph, LoadContext& context, const std::string& name, const TensorDesc& desc,
                    Value** value) {
  MDEPLOY_TRY(context.budget.take(desc.bytes()));
  *value = graph.add_constant(name, desc, std::make_shared<Buffer>(desc.bytes()));
  return {};
}

float* contents(const Value* value) { return static_cast<float*>(value->constant->data()); }

Status fold(Graph& graph, LoadContext& context, Node* conv, Node* norm, const Affine& affine) {
  const Value* old_weights = conv->inputs[1];
  const auto channels = static_cast<int64_t>(affine.scale.size());
  Value* weights = nullptr;
  Value* bias = nullptr;
  MDEPLOY_TRY(new_constant(graph, context, old_weights->name, old_weights->desc, &weights));
  MDEPLOY_TRY(new_constant(graph, context, norm->outputs[0]->name, {DType::kFloat, {channels}}, &bias));
  const int64_t row = weights->desc.elements() / channels;
  const float* old_bias = conv->inputs.size() > 2 ? conv->inputs[2]->constant_data<float>() : nullptr;
  for (int64_t c = 0; c < channels; ++c) {
    const double scale = affine.scale[static_cast<size_t>(c)];
    const float* from = old_weights->constant_data<float>() + c * row;
    float* to = contents(weights) + c * row;
    for (int64_t i = 0; i < row; ++i) to[i] = static_cast<float>(from[i] * scale);
    const double offset = old_bias != nullptr ? old_bias[c] : 0.0;
    contents(bias)[c] = static_cast<float>(offset * scale + affine.shift[static_cast<size_t>(c)]);
  }
  Value* unscaled = conv->inputs[1];
  graph.set_input(conv, 1, weights);
  if (unscaled->users.empty() && !unscaled->is_pinned()) {
    context.budget.give_back(unscaled->constant->bytes());
    unscaled->constant.reset();
  }
  if (conv->inputs.size() > 2) {
    graph.set_input(conv, 2, bias);
  } else {
    graph.add_input(conv, bias);
  }
  Value* y = norm->outputs[0];
  graph.erase(norm);
  conv->outputs[0]->producer = nullptr;
  conv->outputs[0] = y;
  y->producer = conv;
  return infer(*conv, context.settings);
}

Status to_affine_channel(Graph& graph, LoadContext& context, Node* norm, const Affine& affine) {
  static const OperatorInfo* affine_channel = find_operator("AffineChannel");
  const TensorDesc desc = norm->inputs[1]->desc;
  Value* scale = nullptr;
  Value* shift = nullptr;
  MDEPLOY_TRY(new_constant(graph, context, norm->inputs[1]->name, desc, &scale));
  MDEPLOY_TRY(new_constant(graph, context, norm->inputs[2]->name, desc, &shift));
  for (size_t c = 0; c < affine.scale.size(); ++c) {
    contents(scale)[c] = static_cast<float>(affine.scale[c]);
    contents(shift)[c] = static_cast<float>(affine.shift[c]);
  }
  while (norm->inputs.size() > 3) graph.remove_input(norm, norm->inputs.size() - 1);
  graph.set_input(norm, 1, scale);
  graph.set_input(norm, 2, shift);
  norm->op = affine_channel;
  norm->arguments.clear();
  return infer(*norm, context.settings);
}

}  // namespace

Status fold_batch_norm(Graph& graph, LoadContext& context) {
  for (const auto& owned : graph.nodes()) {
    Node* node = owned.get();
    Affine affine;
    if (node->op == nullptr || !affine_of(*node, &affine)) continue;
    Node* conv = sole_producer_of(node->inputs[0], "Conv");
    const bool foldable = conv != nullptr && !conv->epilogue.clamps() && !conv->epilogue.residual &&
                          constant_floats(*conv, 1, conv->inputs.size() - 1);
    if (foldable) {
      MDEPLOY_TRY(fold(graph, context, conv, node, affine));
    } else if (node->is("SpatialBN")) {
      MDEPLOY_TRY(to_affine_channel(graph, context, node, affine));
    }
  }
  return {};
}

}  // namespace mdeploy
