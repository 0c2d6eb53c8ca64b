// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// SpatialBN at inference (operators/spatial_batch_norm_op.h): Y = X a + b with a = scale (var + epsilon)^-1/2 and
// b = bias - mean a. And AffineChannel, which is given a and b.
#include <cmath>

#include "ops/elementwise.h"

namespace mdeploy {
namespace {

// Splits an image (N, C, ...) and checks that inputs first .. last are vectors of C.
bool channel_vectors(OpBuilder& b, int first, int last, int64_t* channels, int64_t* inner) {
  const Shape x = b.float_input(0);
  if (!b.ok() || !b.require(x.rank() >= 2, "expected at least 2 dimensions, found shape ", x)) return false;
  *channels = x[1];
  *inner = x.product(2, x.rank());
  for (int i = first; i <= last; ++i) {
    const Shape& v = b.float_input(i, 1);
    if (!b.ok() || !b.require(v[0] == x[1], "input ", i, ": expected ", x[1], " elements, found ", v[0])) return false;
  }
  return true;
}

}  // namespace

void op_spatial_bn(OpBuilder& b) {
  int64_t channels = 0, inner = 0;
  if (!b.require(b.has("is_test"), "the required argument \"is_test\" is missing")) return;
  const bool is_test = b.bool_argument("is_test", false);
  const float epsilon = b.float_argument("epsilon", 1e-5f);
  if (!channel_vectors(b, 1, 4, &channels, &inner)) return;
  if (!is_test || b.output_count() != 1) {
    return b.fail_unsupported("training mode (is_test=0 or 5 outputs); only inference is supported");
  }
  b.output(0, DType::kFloat, b.shape(0));
  b.may_overwrite(0);
  b.run([=, jobs = b.shape(0)[0] * channels](RunContext& c) {
    const float *x = c.in<float>(0), *scale = c.in<float>(1), *bias = c.in<float>(2);
    const float *mean = c.in<float>(3), *variance = c.in<float>(4);
    float* y = c.out<float>(0);
    for_jobs(c.pool, jobs, inner, [=](int64_t job) {
      const int64_t k = job % channels;
      const float alpha = scale[k] / std::sqrt(variance[k] + epsilon);
      const float beta = bias[k] - mean[k] * alpha;
      for (int64_t i = job * inner; i < (job + 1) * inner; ++i) y[i] = x[i] * alpha + beta;
    });
  });
}

void op_affine_channel(OpBuilder& b) {
  int64_t channels = 0, pixels = 0;
  if (!channel_vectors(b, 1, 2, &channels, &pixels)) return;
  b.output(0, DType::kFloat, b.shape(0));
  b.may_overwrite(0);
  const Layout layout = b.layout(0);
  const int64_t block = layout.block, blocks = layout.padded_channels(channels) / block;
  b.run([=, pictures = b.shape(0)[0], clamp = Clamp(b.node())](RunContext& c) {
    const float *x = c.in<float>(0), *scale = c.in<float>(1), *shift = c.in<float>(2);
    float* y = c.out<float>(0);
    for_jobs(c.pool, pictures * blocks, pixels * block, [=](int64_t job) {
      const int64_t first = job % blocks * block, lanes = std::min(block, channels - first);
      const float* px = x + job * pixels * block;
      float* py = y + job * pixels * block;
      if (block == 1) {
        const float alpha = scale[first], beta = shift[first];
        for (int64_t p = 0; p < pixels; ++p) py[p] = clamp(px[p] * alpha + beta);
        return;
      }
      for (int64_t p = 0; p < pixels; ++p) {
        for (int64_t k = 0; k < lanes; ++k) {
          py[p * block + k] = clamp(px[p * block + k] * scale[first + k] + shift[first + k]);
        }
        for (int64_t k = lanes; k < block; ++k) py[p * block + k] = 0.0f;
      }
    });
  });
}

}  // namespace mdeploy
