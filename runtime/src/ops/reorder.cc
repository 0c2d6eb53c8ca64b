// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Reorder, made by layout propagation: the same activation in another layout.
#include "kernels/reorder.h"

#include "ops/op_builder.h"

namespace mdeploy {

void op_reorder(OpBuilder& b) {
  const Shape x = b.float_input(0, 4);
  b.output(0, DType::kFloat, x);
  if (!b.ok()) return;
  const Layout from = b.layout(0), to = b.output_layout(0);
  const int64_t pixels = x[2] * x[3], block = std::max(from.block, to.block);
  // One pixel with whole blocks is the same in both.
  if (from == to || (pixels == 1 && x[1] % block == 0)) return b.view_of_input();
  b.run([=](RunContext& c) {
    for (int64_t n = 0; n < x[0]; ++n) {
      const float* in = c.in<float>(0) + n * from.picture_size(x[1], x[2], x[3]);
      float* out = c.out<float>(0) + n * to.picture_size(x[1], x[2], x[3]);
      if (to.is_plain()) {
        blocked_to_plain(in, x[1], pixels, from, out, c.pool);
      } else {
        plain_to_blocked(in, x[1], pixels, to, out, c.pool);
      }
    }
  });
}

}  // namespace mdeploy
