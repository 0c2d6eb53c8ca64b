// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// SplitAttention, made by the pass of that name: what follows a radix convolution, as one operator
// (kernels/split_attention.h).
//   inputs: x, fc1, bias1, fc2, bias2 [, residual]     parameters: radix, cardinality
// Weights and biases are constants. Plain activations are reordered around the kernel.
#include "kernels/split_attention.h"

#include "kernels/reorder.h"
#include "ops/op_builder.h"

namespace mdeploy {
namespace {

constexpr Layout kBlocked = Layout::blocked(kChannelBlock);

struct Plan {
  SplitAttentionShape shape;
  std::shared_ptr<const SplitAttentionKernel> kernel;
  bool reorder_x = false, reorder_y = false, residual = false;

  int64_t pixels() const { return shape.h * shape.w; }
  int64_t x_floats() const { return reorder_x ? shape.n * shape.radix * shape.c * pixels() : 0; }
  int64_t y_floats() const { return reorder_y ? shape.n * shape.c * pixels() : 0; }
  size_t scratch_bytes(int threads) const {
    return static_cast<size_t>(x_floats() + y_floats()) * sizeof(float) + kernel->scratch_bytes(threads);
  }

  // Whole blocks in every split, so the pictures of a batch are one run of channels.
  void run(RunContext& c) const {
    SplitAttentionArguments args;
    float* scratch = static_cast<float*>(c.scratch);
    float* y_blocked = scratch + x_floats();
    args.x = c.in<float>(0);
    args.y = c.out<float>(0);
    args.scratch = y_blocked + y_floats();
    if (residual) args.residual = c.in<float>(5);
    if (reorder_x) {
      plain_to_blocked(args.x, shape.n * shape.radix * shape.c, pixels(), kBlocked, scratch, c.pool);
      args.x = scratch;
    }
    if (reorder_y) {
      if (residual) {
        plain_to_blocked(args.residual, shape.n * shape.c, pixels(), kBlocked, y_blocked, c.pool);
        args.residual = y_blocked;
      }
      args.y = y_blocked;
    }
    kernel->run(args, c.pool);
    if (reorder_y) blocked_to_plain(y_blocked, shape.n * shape.c, pixels(), kBlocked, c.out<float>(0), c.pool);
  }
};

}  // namespace

void op_split_attention(OpBuilder& b) {
  const Node& node = b.node();
  const Shape& x = b.float_input(0, 4);
  SplitAttentionShape s;
  s.radix = node.parameters[0];
  s.cardinality = node.parameters[1];
  s.n = x[0], s.c = x[1] / s.radix, s.h = x[2], s.w = x[3];
  s.inner = b.shape(1)[0];
  b.output(0, DType::kFloat, {s.n, s.c, s.h, s.w});
  if (!b.ok()) return;
  b.macs(s.n * (1 + s.radix) * s.inner * s.c / s.cardinality);
  b.kernel([&node, s, isa = b.settings().isa] {
    Plan plan;
    plan.shape = s;
    plan.residual = node.epilogue.residual;
    plan.reorder_x = node.inputs[0]->layout.is_plain() && s.h * s.w > 1;
    plan.reorder_y = node.outputs[0]->layout.is_plain() && s.h * s.w > 1;
    SplitAttentionWeights weights;
    weights.fc1 = node.inputs[1]->constant_data<float>();
    weights.bias1 = node.inputs[2]->constant_data<float>();
    weights.fc2 = node.inputs[3]->constant_data<float>();
    weights.bias2 = node.inputs[4]->constant_data<float>();
    plan.kernel = make_split_attention(s, isa, node.epilogue, weights);
    Kernel kernel([plan](RunContext& c) { plan.run(c); });
    kernel.name = plan.kernel->name();
    kernel.macs = static_cast<uint64_t>(s.n * (1 + s.radix) * s.inner * s.c / s.cardinality);
    kernel.scratch_bytes = [plan](int threads) { return plan.scratch_bytes(threads); };
    kernel.packed_inputs = 0b11110;
    kernel.packed_bytes = plan.kernel->packed_bytes();
    if (plan.residual) kernel.in_place = 5;
    return kernel;
  });
}

}  // namespace mdeploy
