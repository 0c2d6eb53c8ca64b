// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Functions of one element (docs/caffe2.md section 5).
#include <cmath>

#include "ops/elementwise.h"

namespace mdeploy {

void op_exp(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::exp(x); });
}
void op_log(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::log(x); });
}
void op_sqrt(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::sqrt(x); });
}
void op_rsqrt(OpBuilder& b) {
  unary_operator(b, [](float x) { return 1.0f / std::sqrt(x); });
}
void op_sqr(OpBuilder& b) {
  unary_operator(b, [](float x) { return x * x; });
}
void op_cube(OpBuilder& b) {
  unary_operator(b, [](float x) { return x * x * x; });
}
void op_abs(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::fabs(x); });
}
void op_negative(OpBuilder& b) {
  unary_operator(b, [](float x) { return -x; });
}
void op_reciprocal(OpBuilder& b) {
  unary_operator(b, [](float x) { return 1.0f / x; });
}
void op_floor(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::floor(x); });
}
void op_ceil(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::ceil(x); });
}
void op_sign(OpBuilder& b) {
  unary_operator(b, [](float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; });
}
void op_sin(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::sin(x); });
}
void op_cos(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::cos(x); });
}
void op_erf(OpBuilder& b) {
  unary_operator(b, [](float x) { return std::erf(x); });
}

void op_scale(OpBuilder& b) {
  unary_operator(b, [scale = b.float_argument("scale", 1.0f)](float x) { return x * scale; });
}

}  // namespace mdeploy
