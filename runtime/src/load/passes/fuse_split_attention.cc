// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
//   X -- Split -+- p_0 .. p_R-1 -- Add ... -- AveragePool(global) -- Conv 1x1 -- Relu -- Conv 1x1 -- A
//               |      A -- Reshape, Transpose ... -- Softmax -- Transpose, Reshape ... -- Split -- a_0 .. a_R-1
//               +- p_r Mul a_r -- Add ... [-- Add residual] [-- Relu] -- Y             ->   X -- SplitAttention -- Y
// or the same with one (N, R, C, H, W) value instead of the splits, where ReduceSum over axis 1 adds.
//
// What stands between the second convolution, the softmax and the products is followed element by element, so every
// way of writing the same permutation is recognised, and nothing else.
#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "kernels/split_attention.h"
#include "load/passes/passes.h"
#include "load/passes/patterns.h"
#include "ops/conv_shape.h"
#include "ops/registry.h"

namespace mdeploy {
namespace {

// Which element of a tensor is made from which element of another.
using Index = std::vector<int64_t>;

bool only_reshapes(const Node& node) {
  return node.is("Reshape") || node.is("Flatten") || node.is("Squeeze") || node.is("ExpandDims");
}

// Takes `index` through a node that only moves elements. False for any other node.
bool follow(const Node& node, Index* index) {
  if (only_reshapes(node)) return true;
  if (!node.is("Transpose")) return false;
  const Shape& x = node.inputs[0]->desc.shape;
  const int rank = x.rank();
  Shape axes;
  const proto::Argument* argument = node.argument("axes");
  for (int i = 0; i < rank; ++i) axes.push_back(argument != nullptr ? argument->ints()[i] : rank - 1 - i);
  Index moved(index->size());
  for (size_t to = 0; to < moved.size(); ++to) {
    int64_t rest = static_cast<int64_t>(to), from = 0;
    for (int i = rank - 1; i >= 0; --i) {
      const int64_t size = x[static_cast<int>(axes[i])];
      from += rest % size * x.product(static_cast<int>(axes[i]) + 1, rank);
      rest /= size;
    }
    moved[to] = (*index)[static_cast<size_t>(from)];
  }
  *index = std::move(moved);
  return true;
}

// The nodes from the producer of `value` back to the first one that does more than move elements, which is last in the
// list. Empty when there is none.
std::vector<Node*> moving_chain(Value* value) {
  std::vector<Node*> chain;
  for (Node* node = value->producer; node != nullptr; node = node->inputs[0]->producer) {
    chain.push_back(node);
    if (!only_reshapes(*node) && !node->is("Transpose")) return chain;
  }
  return {};
}

bool follow_back_to_front(const std::vector<Node*>& chain, Index* index) {
  for (auto node = chain.rbegin() + 1; node != chain.rend(); ++node) {
    if (!follow(**node, index)) return false;
  }
  return true;
}

struct Match {
  Value* x = nullptr;  // radix convolution's output
  int64_t radix = 0;
  Node* gap_sum = nullptr;  // adds the splits
  Node* weighted_sum = nullptr;
  Value* attention = nullptr;  // every split's weights, (N, radix * C) elements
  Node* fc1 = nullptr;
  Node* fc2 = nullptr;
  std::vector<Node*> inside;  // everything that goes
};

// The node that adds up exactly the values `terms` (two at a time or many) starting from a user of the first.
Node* sum_of(const std::vector<Value*>& terms, Node* first, std::vector<Node*>* inside) {
  size_t found = 0;
  std::vector<Node*> nodes;
  Value* partial = nullptr;
  for (Node* node = first; node != nullptr; node = sole_user(partial)) {
    if (!node->is("Add") && !node->is("Sum")) return nullptr;
    for (const Value* input : node->inputs) {
      if (input->desc.shape != terms[0]->desc.shape) return nullptr;
      if (input == partial) continue;
      if (std::find(terms.begin(), terms.end(), input) == terms.end()) return nullptr;
      ++found;
    }
    nodes.push_back(node);
    partial = node->outputs[0];
    if (found == terms.size()) {
      inside->insert(inside->end(), nodes.begin(), nodes.end());
      return node;
    }
  }
  return nullptr;
}

Node* user_of_type(const Value* value, std::string_view a, std::string_view b) {
  for (Node* user : value->users) {
    if (user->is(a) || user->is(b)) return user;
  }
  return nullptr;
}

const Value* other_input(const Node& node, const Value* value) {
  return node.inputs[0] == value ? node.inputs[1] : node.inputs[0];
}

// Split of equal parts along the channels.
bool splits_channels(const Node& node) {
  if (!node.is("Split") || node.outputs.size() < 2) return false;
  const Shape& x = node.inputs[0]->desc.shape;
  if (x.rank() != 4) return false;
  return std::all_of(node.outputs.begin(), node.outputs.end(), [&](const Value* part) {
    const Shape& p = part->desc.shape;
    return p.rank() == 4 && p[0] == x[0] && p[2] == x[2] && p[3] == x[3] &&
           p[1] * static_cast<int64_t>(node.outputs.size()) == x[1];
  });
}

bool match_splits(Node* split, Match* m) {
  if (!splits_channels(*split)) return false;
  std::vector<Value*> products;
  Node* attention_split = nullptr;
  m->x = split->inputs[0];
  m->radix = static_cast<int64_t>(split->outputs.size());
  m->inside.push_back(split);
  for (size_t r = 0; r < split->outputs.size(); ++r) {
    Value* part = split->outputs[r];
    Node* mul = user_of_type(part, "Mul", "Mul");
    if (part->users.size() != 2 || mul == nullptr) return false;
    const Value* weights = other_input(*mul, part);
    Node* producer = producer_of(weights, "Split");
    if (producer == nullptr || (attention_split != nullptr && producer != attention_split) ||
        producer->outputs.size() != split->outputs.size() || producer->outputs[r] != weights) {
      return false;
    }
    attention_split = producer;
    products.push_back(mul->outputs[0]);
    m->inside.push_back(mul);
  }
  if (!splits_channels(*attention_split)) return false;
  m->inside.push_back(attention_split);
  m->attention = attention_split->inputs[0];
  Node* first_add = user_of_type(split->outputs[0], "Add", "Sum");
  Node* first_product = sole_user(products[0]);
  if (first_add == nullptr || first_product == nullptr) return false;
  m->gap_sum = sum_of(split->outputs, first_add, &m->inside);
  m->weighted_sum = sum_of(products, first_product, &m->inside);
  return m->gap_sum != nullptr && m->weighted_sum != nullptr;
}

bool sums_axis_1(const Node& node, const Shape& x) {
  const proto::Argument* axes = node.argument("axes");
  return node.is("ReduceSum") && axes != nullptr && axes->int_count == 1 && x.canonical_axis(axes->ints()[0]) == 1;
}

// Reshape to (N, R, C, H, W), ReduceSum over axis 1, Mul with (N, R, C, 1, 1).
bool match_reshape(Node* reshape, Match* m) {
  if (!reshape->is("Reshape")) return false;
  Value* parts = reshape->outputs[0];
  const Shape& x = reshape->inputs[0]->desc.shape;
  const Shape& x5 = parts->desc.shape;
  if (x.rank() != 4 || x5.rank() != 5 || x5[0] != x[0] || x5[1] * x5[2] != x[1] || x5[3] != x[2] || x5[4] != x[3]) {
    return false;
  }
  m->x = reshape->inputs[0];
  m->radix = x5[1];
  m->inside.push_back(reshape);
  m->gap_sum = user_of_type(parts, "ReduceSum", "ReduceSum");
  Node* mul = user_of_type(parts, "Mul", "Mul");
  if (parts->users.size() != 2 || m->gap_sum == nullptr || mul == nullptr) return false;
  m->weighted_sum = sole_user(mul->outputs[0]);
  if (m->weighted_sum == nullptr || !sums_axis_1(*m->gap_sum, x5) || !sums_axis_1(*m->weighted_sum, x5)) return false;
  m->attention = mul->inputs[0] == parts ? mul->inputs[1] : mul->inputs[0];
  const Shape& a = m->attention->desc.shape;
  if (a.rank() != 5 || a[0] != x5[0] || a[1] != x5[1] || a[2] != x5[2] || a[3] != 1 || a[4] != 1) return false;
  m->inside.insert(m->inside.end(), {mul, m->gap_sum, m->weighted_sum});
  return true;
}

bool is_global_average(const Node& node) {
  const Shape& x = node.inputs[0]->desc.shape;
  const Shape& y = node.outputs[0]->desc.shape;
  if (x.rank() != 4) return false;
  if (node.is("AveragePool")) {
    const proto::Argument* global = node.argument("global_pooling");
    return global != nullptr && global->i.value_or(0) != 0;
  }
  const proto::Argument* axes = node.argument("axes");
  return node.is("ReduceMean") && axes != nullptr && axes->int_count == 2 && y.elements() == x[0] * x[1] &&
         x.canonical_axis(axes->ints()[0]) + x.canonical_axis(axes->ints()[1]) == 5;
}

bool is_pointwise(const Node* node) {
  return node != nullptr && node->is("Conv") && !node->epilogue.residual && node->inputs[1]->is_constant() &&
         node->inputs[0]->desc.shape[2] == 1 && node->inputs[0]->desc.shape[3] == 1 &&
         node->outputs[0]->desc.shape[2] == 1 && node->outputs[0]->desc.shape[3] == 1 &&
         node->inputs[1]->desc.shape[2] == 1 && node->inputs[1]->desc.shape[3] == 1 &&
         (node->inputs.size() == 2 || node->inputs[2]->is_constant());
}

bool is_plain_relu(const ConvEpilogue& e) { return e.lo == 0.0f && e.hi == std::numeric_limits<float>::infinity(); }

int64_t groups_of(const Node& conv) { return conv.inputs[0]->desc.shape[1] / conv.inputs[1]->desc.shape[1]; }

// From the pooled sum to the logits.
bool match_products(Match* m) {
  Node* pool = sole_user(m->gap_sum->outputs[0]);
  if (pool == nullptr || !is_global_average(*pool)) return false;
  m->fc1 = sole_user(pool->outputs[0]);
  if (!is_pointwise(m->fc1)) return false;
  Node* next = sole_user(m->fc1->outputs[0]);
  m->inside.insert(m->inside.end(), {pool, m->fc1});
  if (!is_plain_relu(m->fc1->epilogue)) {
    if (m->fc1->epilogue.clamps() || next == nullptr || !next->is("Relu")) return false;
    m->inside.push_back(next);
    next = sole_user(next->outputs[0]);
  }
  m->fc2 = next;
  if (!is_pointwise(m->fc2) || m->fc2->epilogue.clamps() || groups_of(*m->fc1) != groups_of(*m->fc2)) return false;
  m->inside.push_back(m->fc2);
  return true;
}

// From the logits through the softmax to the weights.
bool match_softmax(Match* m, int64_t channels, int64_t cardinality) {
  const std::vector<Node*> behind = moving_chain(m->attention);
  if (behind.empty() || !behind.back()->is("Softmax")) return false;
  Node* softmax = behind.back();
  const Shape& rows = softmax->inputs[0]->desc.shape;
  const proto::Argument* argument = softmax->argument("axis");
  const int axis = rows.canonical_axis(argument != nullptr ? argument->i.value_or(1) : 1);
  if (axis < 0 || rows.product(axis, rows.rank()) != m->radix) return false;
  const std::vector<Node*> before = moving_chain(softmax->inputs[0]);
  if (before.empty() || before.back() != m->fc2) return false;

  const int64_t logits = m->radix * channels, width = channels / cardinality;
  Index in(static_cast<size_t>(m->fc2->outputs[0]->desc.elements())), out(in.size());
  if (m->attention->desc.elements() != static_cast<int64_t>(out.size())) return false;
  std::iota(in.begin(), in.end(), 0);
  std::iota(out.begin(), out.end(), 0);
  if (!follow_back_to_front(before, &in) || !follow_back_to_front(behind, &out)) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    // Weight i belongs to (n, r, c): it must come from logit (n, c / width, r, c % width), in a softmax over r alone.
    const int64_t at = static_cast<int64_t>(i), n = at / logits, r = at % logits / channels, c = at % channels;
    const int64_t logit = n * logits + (c / width * m->radix + r) * width + c % width;
    if (in[static_cast<size_t>(out[i])] != logit) return false;
    if (out[i] / m->radix != out[static_cast<size_t>(n * logits + c)] / m->radix) return false;
  }
  m->inside.insert(m->inside.end(), behind.begin(), behind.end());
  m->inside.insert(m->inside.end(), before.begin(), before.end() - 1);
  return true;
}

// Nobody outside looks at what is made inside.
bool is_closed(const Match& m) {
  for (const Node* node : m.inside) {
    if (node == m.weighted_sum) continue;
    for (const Value* value : node->outputs) {
      if (value->is_pinned()) return false;
      for (const Node* user : value->users) {
        if (std::find(m.inside.begin(), m.inside.end(), user) == m.inside.end()) return false;
      }
    }
  }
  return true;
}

Value* bias_of(Graph& graph, const Node& conv, LoadContext& context, Status* status) {
  if (conv.inputs.size() > 2) return conv.inputs[2];
  const TensorDesc desc = {DType::kFloat, {conv.outputs[0]->desc.shape[1]}};
  *status = context.budget.take(desc.bytes());
  if (!status->ok()) return nullptr;
  auto zeros = std::make_shared<Buffer>(desc.bytes());
  std::fill_n(static_cast<float*>(zeros->data()), desc.elements(), 0.0f);
  return graph.add_constant(conv.outputs[0]->name, desc, std::move(zeros));
}

Status rewrite(Graph& graph, LoadContext& context, Match& m, int64_t cardinality) {
  Status status;
  std::vector<Value*> inputs = {m.x, m.fc1->inputs[1], bias_of(graph, *m.fc1, context, &status)};
  MDEPLOY_TRY(status);
  inputs.insert(inputs.end(), {m.fc2->inputs[1], bias_of(graph, *m.fc2, context, &status)});
  MDEPLOY_TRY(status);

  // The residual and the clamp behind.
  ConvEpilogue epilogue;
  Node* last = m.weighted_sum;
  Node* next = sole_user(last->outputs[0]);
  if (next != nullptr && (next->is("Add") || next->is("Sum")) && next->inputs.size() == 2 &&
      next->inputs[0] != next->inputs[1]) {
    const Value* residual = other_input(*next, last->outputs[0]);
    if (residual->desc == last->outputs[0]->desc && !residual->is_constant()) {
      epilogue.residual = true;
      inputs.push_back(next->inputs[0] == residual ? next->inputs[0] : next->inputs[1]);
      m.inside.push_back(next);
      last = next;
      next = sole_user(last->outputs[0]);
    }
  }
  if (next != nullptr && next->is("Relu")) {
    epilogue.lo = 0.0f;
    m.inside.push_back(next);
    last = next;
  }

  static const OperatorInfo* split_attention = find_internal_operator("SplitAttention");
  Value* y = last->outputs[0];
  Node* node = graph.add_node(split_attention, std::move(inputs), {y}, last);
  node->epilogue = epilogue;
  node->parameters = {m.radix, cardinality};
  for (Node* gone : m.inside) graph.erase(gone);
  return infer(*node, context.settings);
}

}  // namespace

Status fuse_split_attention(Graph& graph, LoadContext& context) {
  std::vector<Node*> anchors;
  for (const auto& node : graph.nodes()) anchors.push_back(node.get());
  for (Node* anchor : anchors) {
    if (anchor->op == nullptr) continue;
    Match m;
    if (!match_splits(anchor, &m)) {
      m = {};
      if (!match_reshape(anchor, &m)) continue;
    }
    if (!match_products(&m)) continue;
    const Shape& x = m.x->desc.shape;
    const SplitAttentionShape shape = {
        x[0], m.radix, groups_of(*m.fc1), x[1] / m.radix, x[2], x[3], m.fc1->outputs[0]->desc.shape[1]};
    if (m.fc2->outputs[0]->desc.shape[1] != x[1] || !split_attention_supports(shape, context.settings.isa) ||
        !match_softmax(&m, shape.c, shape.cardinality) || !is_closed(m)) {
      continue;
    }
    MDEPLOY_TRY(rewrite(graph, context, m, shape.cardinality));
  }
  return {};
}

}  // namespace mdeploy
