// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Transpose, NCHW2NHWC, NHWC2NCHW and ChannelShuffle: the same elements in another order (docs/caffe2.md section 5).
#include <numeric>

#include "ops/op_builder.h"
#include "ops/strided_copy.h"

namespace mdeploy {
namespace {

bool has_memory(OpBuilder& b) {
  return b.require(dtype_size(b.input(0).dtype) > 0, "an input of type ", dtype_name(b.input(0).dtype));
}

// `x` is the input's shape, possibly with dimensions split; the output has the same elements in the order of `axes`.
void permute(OpBuilder& b, const Shape& x, const std::vector<int>& axes, const Shape& y) {
  b.output(0, b.input(0).dtype, y);
  if (!b.ok()) return;
  const Shape strides = dense_strides(x);
  StridedCopy copy;
  for (int axis : axes) {
    copy.dims.push_back(x[axis]);
    copy.from_strides.push_back(strides[axis]);
  }
  copy.to_strides = dense_strides(copy.dims);
  copy.size = dtype_size(b.input(0).dtype);
  copy.simplify();
  if (copy.is_contiguous()) return b.view_of_input();  // only dimensions of 1 have moved
  b.run([copy](RunContext& c) { copy.run(c.inputs[0], c.outputs[0], c.pool); });
}

void transpose(OpBuilder& b, const std::vector<int>& axes) {
  Shape y;
  for (int axis : axes) y.push_back(b.shape(0)[axis]);
  permute(b, b.shape(0), axes, y);
}

}  // namespace

// Without `axes` all dimensions are reversed.
void op_transpose(OpBuilder& b) {
  const int rank = b.shape(0).rank();
  const std::vector<int64_t> axes = b.ints_argument("axes");
  if (!b.ok() || !has_memory(b)) return;
  std::vector<int> order(static_cast<size_t>(rank));
  if (axes.empty()) {
    std::iota(order.rbegin(), order.rend(), 0);
  } else {
    if (!b.require(axes.size() == order.size(), "axes: expected ", rank, " values, found ", axes.size())) return;
    bool seen[Shape::kMaxRank] = {};
    for (size_t i = 0; i < axes.size(); ++i) {
      if (!b.require(axes[i] >= 0 && axes[i] < rank && !seen[axes[i]], "axes are not a permutation")) return;
      seen[axes[i]] = true;
      order[i] = static_cast<int>(axes[i]);
    }
  }
  transpose(b, order);
}

// Any number of dimensions from 3 on: the channels move between second and last place.
void op_nchw2nhwc(OpBuilder& b) {
  const int rank = b.shape(0).rank();
  if (!has_memory(b) || !b.require(rank >= 3, "expected at least 3 dimensions, found shape ", b.shape(0))) return;
  std::vector<int> axes{0};
  for (int i = 2; i < rank; ++i) axes.push_back(i);
  axes.push_back(1);
  transpose(b, axes);
}

void op_nhwc2nchw(OpBuilder& b) {
  const int rank = b.shape(0).rank();
  if (!has_memory(b) || !b.require(rank >= 3, "expected at least 3 dimensions, found shape ", b.shape(0))) return;
  std::vector<int> axes{0, rank - 1};
  for (int i = 1; i < rank - 1; ++i) axes.push_back(i);
  transpose(b, axes);
}

// C is seen as group x C / group, and the two change places.
void op_channel_shuffle(OpBuilder& b) {
  const Shape& x = b.shape(0);
  const int64_t groups = b.int32_argument("group", 1);
  if (!b.ok() || !has_memory(b) || !b.require(x.rank() >= 2, "expected at least 2 dimensions, found shape ", x) ||
      !b.require(groups > 0 && x[1] % groups == 0, "group ", groups, " does not divide the ", x[1], " channels")) {
    return;
  }
  permute(b, {x[0], groups, x[1] / groups, x.product(2, x.rank())}, {0, 2, 1, 3}, x);
}

}  // namespace mdeploy
