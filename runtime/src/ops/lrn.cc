// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// LRN across channels (operators/local_response_normalization_op.cc): x (bias + alpha/size sum x^2)^-beta.
#include <cmath>

#include "ops/elementwise.h"

namespace mdeploy {

void op_lrn(OpBuilder& b) {
  const Shape x = b.float_input(0, 4);
  const int64_t size = b.int32_argument("size", 0);
  const float alpha = b.float_argument("alpha", 0.0f), beta = b.float_argument("beta", 0.0f);
  const float bias = b.float_argument("bias", 1.0f);
  if (!b.ok() || !b.require(size > 0, "size must be positive, found ", size)) return;
  for (int i = 0; i < b.output_count(); ++i) b.output(i, DType::kFloat, x);
  b.run([=, outputs = b.output_count()](RunContext& c) {
    const int64_t channels = x[1], plane = x[2] * x[3];
    // Of an even size the longer half lies behind: Caffe2 asserts an odd one in debug builds only, and then does this.
    const int64_t before = (size - 1) / 2, behind = size / 2;
    const float* in = c.in<float>(0);
    float* y = c.out<float>(0);
    float* scale = outputs > 1 ? c.out<float>(1) : nullptr;
    for_jobs(c.pool, x[0] * channels, plane * size, [=](int64_t job) {
      const int64_t k = job % channels;
      const float* picture = in + (job - k) * plane;
      const int64_t first = std::max<int64_t>(k - before, 0), last = std::min(k + behind, channels - 1);
      for (int64_t i = 0; i < plane; ++i) {
        double sum = 0.0;
        for (int64_t j = first; j <= last; ++j) {
          sum += static_cast<double>(picture[j * plane + i]) * picture[j * plane + i];
        }
        const double s = bias + static_cast<double>(alpha) / static_cast<double>(size) * sum;
        if (y != nullptr)
          y[job * plane + i] = static_cast<float>(in[job * plane + i] * std::pow(s, -static_cast<double>(beta)));
        if (scale != nullptr) scale[job * plane + i] = static_cast<float>(s);
      }
    });
  });
}

}  // namespace mdeploy
