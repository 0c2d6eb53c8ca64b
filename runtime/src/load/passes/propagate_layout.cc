// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Convolutions, and everything between them that can, keep activations in blocks of channels. Where an operator cannot,
// or the net ends, a Reorder stands; one for every value that is needed both ways.
#include <unordered_map>

#include "load/evaluate.h"
#include "load/passes/passes.h"
#include "ops/broadcast.h"
#include "ops/conv_shape.h"
#include "ops/registry.h"

namespace mdeploy {
namespace {

// How an operand has to lie when its operator works in blocks.
enum class Need { kPlain, kBlocked, kEither };

struct Plan {
  bool possible = false;
  bool wanted = false;      // even when no operand is blocked yet
  std::vector<Need> needs;  // of the inputs; kEither where there are fewer
};

bool is_image(const Value* value) { return value->desc.dtype == DType::kFloat && value->desc.shape.rank() == 4; }

bool all_images(const std::vector<Value*>& values) { return std::all_of(values.begin(), values.end(), is_image); }

// Functions of one element, whatever they make of zero: kernels clear the lanes that fill up a block.
bool is_unary(const Node& node) { return node.op != nullptr && node.op->order == ImageOrder::kElementwise; }

class LayoutPass {
 public:
  LayoutPass(Graph& graph, LoadContext& context)
      : graph_(graph), context_(context), blocked_(Layout::blocked(channel_block(context.settings.isa))) {}

  Status run() {
    if (blocked_.is_plain()) return {};
    std::vector<Node*> nodes;
    for (const auto& node : graph_.nodes()) nodes.push_back(node.get());
    for (Node* node : nodes) {
      const Plan plan = plan_for(*node);
      bool use = plan.possible && plan.wanted;
      for (const Value* value : node->inputs) use = use || (plan.possible && !value->layout.is_plain());
      MDEPLOY_TRY(use ? block(node, plan) : unblock(node));
    }
    return plain_outputs();
  }

 private:
  // Lanes that fill up blocks count too.
  bool fits(const std::vector<Value*>& values) const {
    return std::all_of(values.begin(), values.end(), [&](const Value* value) {
      return value->desc.elements() <= Shape::kMaxElements / blocked_.block;
    });
  }
  bool whole_blocks(const Value* value) const { return value->desc.shape[1] % blocked_.block == 0; }

  Plan plan_for(const Node& node) {
    Plan plan;
    if (node.outputs.empty() || !is_image(node.outputs[0])) return plan;
    if (!fits(node.inputs) || !fits(node.outputs)) return plan;
    if (node.is("Conv") || node.is("Conv2D")) return conv(node);
    if (node.is("SplitAttention")) {
      plan.possible = plan.wanted = true;
      plan.needs.assign(node.inputs.size(), Need::kEither);
      plan.needs[0] = Need::kBlocked;
      if (node.epilogue.residual) plan.needs.back() = Need::kBlocked;
      return plan;
    }
    if (is_unary(node) || node.is("AffineChannel") || node.is("MaxPool") || node.is("AveragePool") ||
        node.is("MaxPool2D") || node.is("AveragePool2D") || (node.is("Dropout") && node.outputs.size() == 1)) {
      plan.possible = is_image(node.inputs[0]);
      plan.needs = {Need::kBlocked};
      return plan;
    }
    if (node.is("Sum") || node.is("Max") || node.is("Min") || node.is("Mean")) {
      plan.possible = all_images(node.inputs);
      plan.needs.assign(node.inputs.size(), Need::kBlocked);
      return plan;
    }
    if (node.is("Add") || node.is("Sub") || node.is("Mul") || node.is("Div")) return binary(node);
    if (node.is("Concat") || node.is("Split") || node.is("Slice")) return channels(node);
    return plan;
  }

  Plan conv(const Node& node) {
    Plan plan;
    OpBuilder builder(node, context_.settings);
    ConvShape shape;
    if (!node.inputs[1]->is_constant() || !read_conv_shape(builder, &shape)) return plan;
    if (conv_has_bias(node) && !node.inputs[2]->is_constant()) return plan;
    ConvOptions options = conv_options(node, context_.settings);
    options.output = blocked_;
    // A picture of few channels is read as it comes.
    const bool few = node.inputs[0]->layout.is_plain() && shape.c_in < blocked_.block;
    options.input = few ? Layout::plain() : blocked_;
    plan.possible = plan.wanted = conv_supports(shape, options);
    plan.needs.assign(node.inputs.size(), Need::kEither);
    if (!few) plan.needs[0] = Need::kBlocked;
    if (node.epilogue.residual) plan.needs.back() = Need::kBlocked;
    return plan;
  }

  Plan binary(const Node& node) {
    Plan plan;
    OpBuilder builder(node, context_.settings);
    BinaryShapes shapes;
    if (!binary_shapes(builder, &shapes) || shapes.out[1] == 1) return plan;
    plan.possible = true;
    for (int i = 0; i < 2; ++i) {
      Shape s = i == 0 ? shapes.a : shapes.b;
      while (s.rank() < 4) s.insert(0, 1);
      if (s[1] == 1) {
        plan.needs.push_back(Need::kPlain);
      } else if (s[2] * s[3] == 1 && s[1] % blocked_.block == 0) {
        plan.needs.push_back(Need::kEither);
      } else {
        plan.possible = plan.possible && is_image(node.inputs[static_cast<size_t>(i)]);
        plan.needs.push_back(Need::kBlocked);
      }
    }
    return plan;
  }

  // Concat, Split and Slice along the channels, between blocks.
  Plan channels(const Node& node) {
    Plan plan;
    const bool joins = node.is("Concat");
    const std::vector<Value*>& parts = joins ? node.inputs : node.outputs;
    const Value* whole = joins ? node.outputs[0] : node.inputs[0];
    if (!is_image(whole)) return plan;
    for (const Value* part : parts) {
      if (!is_image(part) || !whole_blocks(part)) return plan;
      for (int d : {0, 2, 3}) {
        if (part->desc.shape[d] != whole->desc.shape[d]) return plan;
      }
    }
    if (node.is("Slice")) {
      OpBuilder builder(node, context_.settings);
      node.op->make(builder);
      const int64_t pixels = whole->desc.shape[2] * whole->desc.shape[3];
      if (builder.output_parts().empty() || builder.output_parts()[0] < 0) return plan;
      if (pixels == 0 || builder.output_parts()[0] / pixels % blocked_.block != 0) return plan;
    }
    plan.possible = true;
    plan.needs.assign(joins ? node.inputs.size() : 1, Need::kBlocked);
    return plan;
  }

  Status block(Node* node, const Plan& plan) {
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      const Need need = i < plan.needs.size() ? plan.needs[i] : Need::kEither;
      if (need == Need::kBlocked) MDEPLOY_TRY(convert(node, i, blocked_));
      if (need == Need::kPlain) MDEPLOY_TRY(convert(node, i, Layout::plain()));
    }
    for (Value* value : node->outputs) {
      if (is_image(value)) value->layout = blocked_;
    }
    return {};
  }

  Status unblock(Node* node) {
    for (size_t i = 0; i < node->inputs.size(); ++i) MDEPLOY_TRY(convert(node, i, Layout::plain()));
    return {};
  }

  // Makes the node's input lie as wanted.
  Status convert(Node* node, size_t index, Layout layout) {
    Value* value = node->inputs[index];
    if (value->layout == layout) return {};
    Value*& converted = converted_[value];
    if (converted == nullptr) {
      converted = graph_.add_value(value->name, value->desc);
      converted->layout = layout;
      Node* reorder = graph_.add_node(reorder_, {value}, {converted}, node);
      if (value->is_constant()) {
        MDEPLOY_TRY(evaluate(*reorder, context_));
        graph_.erase(reorder);
      }
    }
    graph_.set_input(node, index, converted);
    return {};
  }

  Status plain_outputs() {
    for (Value* output : graph_.outputs) {
      if (output->layout.is_plain()) continue;
      // The operator makes a new value, which everybody inside goes on to use.
      Value* inner = graph_.add_value(output->name, output->desc);
      inner->layout = output->layout;
      Node* producer = output->producer;
      for (Value*& value : producer->outputs) {
        if (value == output) value = inner;
      }
      inner->producer = producer;
      output->producer = nullptr;
      const std::vector<Node*> users = output->users;
      for (Node* user : users) {
        for (size_t i = 0; i < user->inputs.size(); ++i) {
          if (user->inputs[i] == output) graph_.set_input(user, i, inner);
        }
      }
      output->layout = Layout::plain();
      graph_.add_node(reorder_, {inner}, {output});
    }
    return {};
  }

  Graph& graph_;
  LoadContext& context_;
  const Layout blocked_;
  const OperatorInfo* reorder_ = find_internal_operator("Reorder");
  std::unordered_map<const Value*, Value*> converted_;  // the same value in the other layout
};

}  // namespace

Status propagate_layout(Graph& graph, LoadContext& context) { return LayoutPass(graph, context).run(); }

}  // namespace mdeploy
