// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// MatMul and BatchMatMul (operators/matmul_op.h, batch_matmul_op.h).
#include "ops/broadcast.h"
#include "ops/elementwise.h"

namespace mdeploy {
namespace {

// One m x n product with strides; sums in double precision, in one order.
struct Product {
  int64_t m, n, k;
  int64_t a_row, a_column, b_row, b_column;

  void row(const float* a, const float* b, float* c, int64_t i) const {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0.0;
      for (int64_t t = 0; t < k; ++t)
        sum += static_cast<double>(a[i * a_row + t * a_column]) * b[t * b_row + j * b_column];
      c[i * n + j] = static_cast<float>(sum);
    }
  }
};

Product product(int64_t a_rows, int64_t a_columns, bool trans_a, int64_t b_rows, int64_t b_columns, bool trans_b) {
  Product p{};
  p.m = trans_a ? a_columns : a_rows;
  p.k = trans_a ? a_rows : a_columns;
  p.n = trans_b ? b_rows : b_columns;
  p.a_row = trans_a ? 1 : a_columns;
  p.a_column = trans_a ? a_columns : 1;
  p.b_row = trans_b ? 1 : b_columns;
  p.b_column = trans_b ? b_columns : 1;
  return p;
}

}  // namespace

// Both operands are flattened to two dimensions at axis_a and axis_b.
void op_matmul(OpBuilder& builder) {
  const Shape a = builder.float_input(0);
  const Shape b = builder.float_input(1);
  if (!builder.ok()) return;
  if (builder.input_count() > 2) return builder.fail_unsupported("a third input");
  const int axis_a = builder.axis_argument("axis_a", 1, a.rank() + 1);
  const int axis_b = builder.axis_argument("axis_b", 1, b.rank() + 1);
  const bool trans_a = builder.bool_argument("trans_a", false), trans_b = builder.bool_argument("trans_b", false);
  if (!builder.ok()) return;
  const int64_t a_rows = a.product(0, axis_a), a_columns = a.product(axis_a, a.rank());
  const int64_t b_rows = b.product(0, axis_b), b_columns = b.product(axis_b, b.rank());
  const Product p = product(a_rows, a_columns, trans_a, b_rows, b_columns, trans_b);
  const int64_t b_k = trans_b ? b_columns : b_rows;
  if (!builder.require(p.k == b_k, "inner dimensions differ: ", p.k, " in ", a, " and ", b_k, " in ", b)) return;
  builder.output(0, DType::kFloat, {p.m, p.n});
  if (!builder.ok()) return;
  builder.macs(saturating_product({p.m, p.n, p.k}));
  builder.run([p](RunContext& c) {
    const float *x = c.in<float>(0), *y = c.in<float>(1);
    float* z = c.out<float>(0);
    for_jobs(c.pool, p.m, p.n * p.k, [=](int64_t i) { p.row(x, y, z, i); });
  });
}

// Products over the leading dimensions, which must be equal, or broadcast with broadcast=1 (which also allows vectors).
void op_batch_matmul(OpBuilder& builder) {
  Shape a = builder.float_input(0);
  Shape b = builder.float_input(1);
  const bool trans_a = builder.bool_argument("trans_a", false), trans_b = builder.bool_argument("trans_b", false);
  const bool broadcast = builder.bool_argument("broadcast", false);
  if (!builder.ok()) return;
  const bool a_vector = a.rank() == 1, b_vector = b.rank() == 1;
  if (!builder.require(broadcast || (a.rank() == b.rank() && a.rank() >= 2), "shapes ", a, " and ", b,
                       " need broadcast=1") ||
      !builder.require(a.rank() >= 1 && b.rank() >= 1, "a scalar operand")) {
    return;
  }
  if (a_vector) a.insert(trans_a ? 1 : 0, 1);
  if (b_vector) b.insert(trans_b ? 0 : 1, 1);
  const Product p = product(a[a.rank() - 2], a[a.rank() - 1], trans_a, b[b.rank() - 2], b[b.rank() - 1], trans_b);
  const int64_t b_k = trans_b ? b[b.rank() - 1] : b[b.rank() - 2];
  Shape a_batch, b_batch, batch;
  for (int i = 0; i < a.rank() - 2; ++i) a_batch.push_back(a[i]);
  for (int i = 0; i < b.rank() - 2; ++i) b_batch.push_back(b[i]);
  if (!builder.require(p.k == b_k, "inner dimensions differ: ", p.k, " in ", a, " and ", b_k, " in ", b) ||
      !builder.require(broadcast ? broadcast_shapes(a_batch, b_batch, &batch) : a_batch == b_batch,
                       "leading dimensions differ: ", a, " and ", b)) {
    return;
  }
  if (!broadcast) batch = a_batch;
  Shape y = batch;
  if (!a_vector) y.push_back(p.m);
  if (!b_vector) y.push_back(p.n);
  if (y.rank() == 0) y.push_back(1);
  builder.output(0, DType::kFloat, y);
  if (!builder.ok()) return;
  builder.macs(saturating_product({batch.elements(), p.m, p.n, p.k}));

  builder.run([p, batch, a_batch, b_batch, a_size = a[a.rank() - 2] * a[a.rank() - 1],
               b_size = b[b.rank() - 2] * b[b.rank() - 1]](RunContext& c) {
    const float *x = c.in<float>(0), *y = c.in<float>(1);
    float* z = c.out<float>(0);
    const auto matrix = [&batch](const Shape& own, int64_t index) {  // position of a product's operand in its batch
      int64_t offset = 0, stride = 1;
      for (int i = 1; i <= batch.rank(); ++i) {
        const int64_t d = batch[batch.rank() - i], place = index % d;
        index /= d;
        if (i > own.rank()) continue;
        const int64_t own_d = own[own.rank() - i];
        if (own_d != 1) offset += place * stride;
        stride *= own_d;
      }
      return offset;
    };
    for_jobs(c.pool, batch.elements() * p.m, p.n * p.k, [&, x, y, z](int64_t job) {
      const int64_t index = p.m > 0 ? job / p.m : 0;
      p.row(x + matrix(a_batch, index) * a_size, y + matrix(b_batch, index) * b_size, z + index * p.m * p.n, job % p.m);
    });
  });
}

}  // namespace mdeploy
