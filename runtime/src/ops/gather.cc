// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Gather, BatchGather and ScatterAssign (operators/gather_op.h, batch_gather_ops.h, utility_ops.h).
#include <cstring>

#include "ops/op_builder.h"

namespace mdeploy {
namespace {

bool is_index(DType dtype) { return dtype == DType::kInt32 || dtype == DType::kInt64; }

int64_t index_at(const void* indices, bool wide, int64_t i) {
  return wide ? static_cast<const int64_t*>(indices)[i] : static_cast<const int32_t*>(indices)[i];
}

void gather(OpBuilder& b, int axis) {
  const Shape x = b.shape(0);
  const Shape indices = b.shape(1);
  if (!b.require(is_index(b.input(1).dtype), "indices: expected int32 or int64, found ",
                 dtype_name(b.input(1).dtype)) ||
      !b.require(dtype_size(b.input(0).dtype) > 0, "an input of type ", dtype_name(b.input(0).dtype)) ||
      !b.require(axis >= 0 && axis < x.rank(), "axis ", axis, " is out of range for shape ", x)) {
    return;
  }
  Shape y;
  for (int i = 0; i < axis; ++i) y.push_back(x[i]);
  for (int64_t d : indices) y.push_back(d);
  for (int i = axis + 1; i < x.rank(); ++i) y.push_back(x[i]);
  b.output(0, b.input(0).dtype, y);
  if (!b.ok()) return;
  const size_t row = static_cast<size_t>(x.product(axis + 1, x.rank())) * dtype_size(b.input(0).dtype);
  b.run([=, outer = x.product(0, axis), n = x[axis], count = indices.elements(),
         wide = b.input(1).dtype == DType::kInt64](RunContext& c) {
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < count; ++i) {
        int64_t index = index_at(c.inputs[1], wide, i);
        if (index < 0) index += n;
        if (index < 0 || index >= n)
          return c.fail("index ", index_at(c.inputs[1], wide, i), " is out of range for ", n);
        if (row > 0)
          std::memcpy(c.out<char>(0) + static_cast<size_t>(o * count + i) * row,
                      c.in<char>(0) + static_cast<size_t>(o * n + index) * row, row);
      }
    }
  });
}

}  // namespace

void op_gather(OpBuilder& b) {
  const int axis = b.axis_argument("axis", 0, b.shape(0).rank());
  if (b.ok()) gather(b, axis);
}

void op_batch_gather(OpBuilder& b) {
  const int axis = b.axis_argument("axis", 1, b.shape(0).rank());
  if (b.ok()) gather(b, axis);
}

// DATA with rows INDICES replaced by the rows of SLICES.
void op_scatter_assign(OpBuilder& b) {
  const Shape x = b.shape(0);
  const int64_t count = b.shape(1).elements();
  if (!b.require(is_index(b.input(1).dtype), "indices: expected int32 or int64, found ",
                 dtype_name(b.input(1).dtype)) ||
      !b.require(dtype_size(b.input(0).dtype) > 0 && b.input(0).dtype == b.input(2).dtype, "data of type ",
                 dtype_name(b.input(0).dtype), " and slices of type ", dtype_name(b.input(2).dtype)) ||
      !b.require(x.rank() >= 1, "a scalar has no rows")) {
    return;
  }
  const int64_t row_elements = x.product(1, x.rank());
  if (!b.require(b.shape(2).elements() == count * row_elements, "slices ", b.shape(2), " do not hold ", count,
                 " rows of ", x)) {
    return;
  }
  b.output(0, b.input(0).dtype, x);
  const size_t row = static_cast<size_t>(row_elements) * dtype_size(b.input(0).dtype);
  b.run([=, bytes = b.input(0).bytes(), n = x[0], wide = b.input(1).dtype == DType::kInt64](RunContext& c) {
    if (bytes > 0) std::memcpy(c.outputs[0], c.inputs[0], bytes);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t index = index_at(c.inputs[1], wide, i);
      if (index < 0 || index >= n) return c.fail("index ", index, " is out of range for ", n);
      if (row > 0)
        std::memcpy(c.out<char>(0) + static_cast<size_t>(index) * row, c.in<char>(2) + static_cast<size_t>(i) * row,
                    row);
    }
  });
}

}  // namespace mdeploy
