// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Conv (operators/conv_op_impl.h, conv_pool_op_base.h; docs/caffe2.md section 5). `engine` hints are ignored, as Caffe2
// falls back from engines that it does not have.
#include "ops/conv_shape.h"
#include "ops/window.h"

namespace mdeploy {

bool conv_has_bias(const Node& node) { return node.inputs.size() > (node.epilogue.residual ? 3u : 2u); }

bool read_conv_shape(OpBuilder& b, ConvShape* shape) {
  const Shape& x = b.float_input(0, 4);
  const Shape& w = b.float_input(1, 4);
  Window window;
  const int64_t groups = b.int32_argument("group", 1);
  if (!b.ok() || !read_window(b, &window)) return false;
  if (!b.require(!window.global, "global_pooling is for pooling") ||
      !b.require(window.legacy_pad != LegacyPad::kCaffePooling, "legacy_pad CAFFE_LEGACY_POOLING is for pooling") ||
      !b.require(groups > 0 && w[0] > 0 && w[0] % groups == 0, "group ", groups, " does not divide the ", w[0],
                 " output channels") ||
      !b.require(x[1] == w[1] * groups, "filter ", w, " with group ", groups, " needs ", w[1] * groups,
                 " input channels, found ", x[1]) ||
      !b.require(w[2] == window.kernel_h && w[3] == window.kernel_w, "filter ", w, " does not agree with kernels ",
                 window.kernel_h, " x ", window.kernel_w)) {
    return false;
  }
  if (conv_has_bias(b.node())) {
    const Shape& bias = b.float_input(2, 1);
    if (!b.ok() || !b.require(bias[0] == w[0], "bias: expected ", w[0], " elements, found ", bias[0])) return false;
  }
  ConvShape s;
  if (!resolve_window(b, x, &window, &s)) return false;
  s.c_in = x[1];
  s.c_out = w[0];
  s.dilation_h = window.dilation_h;
  s.dilation_w = window.dilation_w;
  s.pad_b = window.pad_b;
  s.pad_r = window.pad_r;
  s.groups = groups;
  *shape = s;
  return true;
}

ConvOptions conv_options(const Node& node, const BuildSettings& settings) {
  ConvOptions options;
  options.isa = settings.isa;
  options.input = node.inputs[0]->layout;
  options.output = node.outputs[0]->layout;
  options.epilogue = node.epilogue;
  options.winograd = settings.winograd;
  return options;
}

namespace {

// Weights that are only known at run time: rare enough for the plain loops, and for an allocation.
Kernel unpacked_conv(const ConvShape& shape, const ConvOptions& options, bool has_bias, int residual) {
  Kernel kernel;
  kernel.run = [=](RunContext& c) {
    const auto conv = make_conv_reference(shape, options, c.in<float>(1), has_bias ? c.in<float>(2) : nullptr);
    ConvArguments args;
    args.x = c.in<float>(0);
    args.y = c.out<float>(0);
    if (residual >= 0) args.residual = c.in<float>(residual);
    args.scratch = c.scratch;
    conv->run(args, c.pool);
  };
  kernel.name = "conv_reference";
  kernel.scratch_bytes = [=](int threads) {
    ConvShape empty = shape;  // scratch depends on the output row only
    empty.c_out = empty.c_in = empty.groups = 1;
    const std::vector<float> weights(static_cast<size_t>(empty.weight_count()));
    return make_conv_reference(empty, options, weights.data(), nullptr)->scratch_bytes(threads);
  };
  return kernel;
}

}  // namespace

Kernel conv_kernel(const Node& node, const ConvShape& shape, const ConvOptions& options) {
  const bool has_bias = conv_has_bias(node);
  const int residual = options.epilogue.residual ? static_cast<int>(node.inputs.size()) - 1 : -1;
  const Value* weights = node.inputs[1];
  const Value* bias = has_bias ? node.inputs[2] : nullptr;
  Kernel kernel;
  if (!weights->is_constant() || (has_bias && !bias->is_constant())) {
    kernel = unpacked_conv(shape, options, has_bias, residual);
  } else {
    const std::shared_ptr<const ConvKernel> conv =
        make_conv(shape, options, weights->constant_data<float>(), has_bias ? bias->constant_data<float>() : nullptr);
    kernel.run = [conv, residual](RunContext& c) {
      ConvArguments args;
      args.x = c.in<float>(0);
      args.y = c.out<float>(0);
      if (residual >= 0) args.residual = c.in<float>(residual);
      args.scratch = c.scratch;
      conv->run(args, c.pool);
    };
    kernel.name = conv->name();
    kernel.scratch_bytes = [conv](int threads) { return conv->scratch_bytes(threads); };
    kernel.packed_inputs = has_bias ? 0b110 : 0b010;
    kernel.packed_bytes = conv->packed_bytes();
  }
  kernel.macs = static_cast<uint64_t>(shape.macs());
  if (residual >= 0) kernel.in_place = residual;
  return kernel;
}

void op_conv(OpBuilder& b) {
  ConvShape shape;
  if (!read_conv_shape(b, &shape)) return;
  b.output(0, DType::kFloat, {shape.n, shape.c_out, shape.out_h, shape.out_w});
  if (!b.ok()) return;
  b.macs(shape.macs());
  b.kernel([&node = b.node(), shape, options = conv_options(b.node(), b.settings())] {
    return conv_kernel(node, shape, options);
  });
}

}  // namespace mdeploy
