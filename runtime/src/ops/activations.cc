// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Activations (docs/caffe2.md section 5). NaN stays NaN in all of them.
#include <cmath>
#include <limits>

#include "ops/elementwise.h"

namespace mdeploy {
namespace {

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

}  // namespace

void op_relu(OpBuilder& b) {
  unary_operator(b, [](float x) { return x < 0.0f ? 0.0f : x; });
}

void op_relu_n(OpBuilder& b) {
  unary_operator(b, [n = b.float_argument("n", 6.0f)](float x) { return x < 0.0f ? 0.0f : x > n ? n : x; });
}

void op_leaky_relu(OpBuilder& b) {
  unary_operator(b, [alpha = b.float_argument("alpha", 0.01f)](float x) { return x < 0.0f ? alpha * x : x; });
}

void op_thresholded_relu(OpBuilder& b) {
  unary_operator(b, [alpha = b.float_argument("alpha", 1.0f)](float x) { return x <= alpha ? 0.0f : x; });
}

void op_elu(OpBuilder& b) {
  unary_operator(b,
                 [alpha = b.float_argument("alpha", 1.0f)](float x) { return x < 0.0f ? alpha * std::expm1(x) : x; });
}

void op_selu(OpBuilder& b) {
  const float alpha = b.float_argument("alpha", 1.6732632423543772f);
  const float scale = b.float_argument("scale", 1.0507009873554805f);
  unary_operator(b, [=](float x) { return x > 0.0f ? scale * x : scale * (alpha * std::expm1(x)); });
}

void op_sigmoid(OpBuilder& b) { unary_operator(b, sigmoid); }

void op_hard_sigmoid(OpBuilder& b) {
  const float alpha = b.float_argument("alpha", 0.2f);
  const float beta = b.float_argument("beta", 0.5f);
  unary_operator(b, [=](float x) {
    const float y = alpha * x + beta;
    return y < 0.0f ? 0.0f : y > 1.0f ? 1.0f : y;
  });
}

void op_tanh(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::tanh(x); });
}

// log(1 + e^x) without overflow; Caffe2's own formula gives infinity from x = 89 on, where PyTorch gives x.
void op_softplus(OpBuilder& b) {
  unary_operator(b, [](float x) {
    if (std::isnan(x)) return x;
    return (x > 0.0f ? x : 0.0f) + std::log1p(std::exp(-std::fabs(x)));
  });
}

void op_softsign(OpBuilder& b) {
  unary_operator(b, [](float x) { return x / (1.0f + std::fabs(x)); });
}

void op_swish(OpBuilder& b) {
  unary_operator(b, [](float x) { return x * sigmoid(x); });
}

void op_gelu(OpBuilder& b) {
  if (b.bool_argument("fast_gelu", false)) {
    unary_operator(b, [](float x) {
      constexpr float kSqrt2OverPi = 0.79788456080286541f;
      return 0.5f * x * (1.0f + std::tanh(kSqrt2OverPi * (x + 0.044715f * x * x * x)));
    });
  } else {
    unary_operator(b, [](float x) {
      constexpr float kSqrtHalf = 0.70710678118654752f;
      return 0.5f * x * (1.0f + std::erf(x * kSqrtHalf));
    });
  }
}

// Exactly one input: the form of ONNX 11 with inputs for min and max is refused by the arity check.
void op_clip(OpBuilder& b) {
  const float lo = b.float_argument("min", std::numeric_limits<float>::lowest());
  const float hi = b.float_argument("max", std::numeric_limits<float>::max());
  unary_operator(b, [=](float x) { return x < lo ? lo : x > hi ? hi : x; });
}

// slope: one for every channel, or one for all.
void op_prelu(OpBuilder& b) {
  const Shape x = b.float_input(0);
  const Shape slope = b.float_input(1, 1);
  if (!b.ok()) return;
  const int64_t channels = x.rank() > 1 ? x[1] : 1;
  if (!b.require(slope[0] == 1 || (x.rank() > 1 && slope[0] == channels), "slope: expected 1 or ", channels,
                 " elements, found ", slope[0])) {
    return;
  }
  b.output(0, DType::kFloat, x);
  b.may_overwrite(0);
  const int64_t inner = x.rank() > 2 ? x.product(2, x.rank()) : 1;
  b.run([=, n = x.elements(), shared = slope[0] == 1](RunContext& c) {
    const float* in = c.in<float>(0);
    const float* w = c.in<float>(1);
    float* out = c.out<float>(0);
    for_elements(c.pool, n, [=](int64_t i) {
      const float v = in[i];
      out[i] = v > 0.0f ? v : v * (shared ? w[0] : w[i / inner % channels]);
    });
  });
}

}  // namespace mdeploy
