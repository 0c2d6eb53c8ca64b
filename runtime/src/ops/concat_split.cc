// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Concat and Split (operators/concat_split_op.h; docs/caffe2.md section 5).
#include "ops/op_builder.h"
#include "ops/strided_copy.h"

namespace mdeploy {
namespace {

// The axis is given by itself or as the channels of `order`, not both.
int channel_or_axis(OpBuilder& b, int rank) {
  if (!b.require(!(b.has("axis") && b.has("order")), "both axis and order are given")) return 0;
  if (b.has("axis")) return b.axis_argument("axis", 0, rank);
  const std::string_view order = b.string_argument("order", "NCHW");
  if (!b.ok() || !b.require(order == "NCHW" || order == "NHWC", "order ", quoted(order), " is not NCHW or NHWC"))
    return 0;
  return b.check_axis(order == "NCHW" ? 1 : 3, rank, "the channel axis");
}

bool has_memory(OpBuilder& b) {
  return b.require(dtype_size(b.input(0).dtype) > 0, "inputs of type ", dtype_name(b.input(0).dtype));
}

}  // namespace

// Two outputs: the result and the sizes of the parts as int32. add_axis=1 makes a new axis.
void op_concat(OpBuilder& b) {
  const int64_t add_axis = b.int_argument("add_axis", 0);
  if (!b.ok() || !has_memory(b)) return;
  const bool stacks = add_axis != 0;
  const int rank = b.shape(0).rank() + (stacks ? 1 : 0);
  if (!b.require(rank <= Shape::kMaxRank, "the output would have ", rank, " dimensions")) return;
  const int axis = channel_or_axis(b, rank);
  if (!b.ok()) return;
  Shape y = b.shape(0);
  if (stacks) y.insert(axis, 0);
  std::vector<int64_t> sizes;
  int64_t total = 0;
  for (int i = 0; i < b.input_count(); ++i) {
    Shape part = b.shape(i);
    if (stacks && part.rank() + 1 == rank) part.insert(axis, 1);
    bool fits = part.rank() == rank && b.input(i).dtype == b.input(0).dtype;
    for (int d = 0; fits && d < rank; ++d) fits = d == axis || part[d] == y[d];
    if (!b.require(fits, "input ", i, " of type ", dtype_name(b.input(i).dtype), " and shape ", b.shape(i),
                   " does not go with the first, ", dtype_name(b.input(0).dtype), " ", b.shape(0), ", along axis ",
                   axis)) {
      return;
    }
    sizes.push_back(part[axis]);
    total += part[axis];
    y[axis] = total;
    if (Status status = y.check(); !status.ok()) return b.fail("the output would be ", status.message());
  }
  b.output(0, b.input(0).dtype, y);
  b.output(1, DType::kInt32, {b.input_count()});
  const size_t size = dtype_size(b.input(0).dtype);
  if (y.product(0, axis) == 1) {
    int64_t offset = 0;
    for (int i = 0; i < b.input_count(); ++i) {
      b.input_is_part(i, offset);
      offset += b.shape(i).elements();
    }
  }
  b.run([=, outer = y.product(0, axis), inner = y.product(axis + 1, rank)](RunContext& c) {
    int64_t offset = 0;
    for (size_t i = 0; c.outputs[0] != nullptr && i < sizes.size(); ++i) {
      StridedCopy copy;
      copy.dims = {outer, sizes[i] * inner};
      copy.from_strides = {sizes[i] * inner, 1};
      copy.to_strides = {total * inner, 1};
      copy.to_offset = offset;
      copy.size = size;
      const char* destination = c.out<char>(0) + offset * static_cast<int64_t>(size);
      if (c.inputs[i] != destination) copy.run(c.inputs[i], c.outputs[0], c.pool);
      offset += sizes[i] * inner;
    }
    if (int32_t* info = c.out<int32_t>(1)) std::copy(sizes.begin(), sizes.end(), info);
  });
}

// The sizes of the parts are an argument or a second input; without them the parts are equal.
void op_split(OpBuilder& b) {
  const Shape x = b.shape(0);
  if (!has_memory(b)) return;
  const int axis = channel_or_axis(b, x.rank());
  std::vector<int64_t> sizes = b.ints_argument("split");
  if (!b.ok()) return;
  if (b.input_count() > 1) {
    if (!b.require(sizes.empty(), "the sizes are given both as an argument and as an input")) return;
    sizes = b.constant_ints(1, "the sizes");
    if (!b.ok()) return;
  }
  const int count = b.output_count();
  if (sizes.empty()) {
    if (!b.require(x[axis] % count == 0, "dimension ", axis, " of ", x, " does not divide into ", count,
                   " equal parts")) {
      return;
    }
    sizes.assign(static_cast<size_t>(count), x[axis] / count);
  }
  if (!b.require(static_cast<int>(sizes.size()) == count, sizes.size(), " sizes for ", count, " outputs")) return;
  int64_t total = 0;
  for (int64_t s : sizes) {
    if (!b.require(s >= 0 && s <= x[axis] - total, "the parts do not add up to ", x[axis])) return;
    total += s;
  }
  if (!b.require(total == x[axis], "the parts add up to ", total, ", not to ", x[axis])) return;
  int64_t first = 0;
  for (int i = 0; i < count; ++i) {
    Shape y = x;
    y[axis] = sizes[static_cast<size_t>(i)];
    b.output(i, b.input(0).dtype, y);
    if (x.product(0, axis) == 1) b.output_is_part(i, first * x.product(axis + 1, x.rank()));
    first += sizes[static_cast<size_t>(i)];
  }
  const size_t size = dtype_size(b.input(0).dtype);
  b.run([=, outer = x.product(0, axis), inner = x.product(axis + 1, x.rank())](RunContext& c) {
    int64_t offset = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      StridedCopy copy;
      copy.dims = {outer, sizes[i] * inner};
      copy.from_strides = {total * inner, 1};
      copy.to_strides = {sizes[i] * inner, 1};
      copy.from_offset = offset;
      copy.size = size;
      const char* source = c.in<char>(0) + offset * static_cast<int64_t>(size);
      if (c.outputs[i] != nullptr && c.outputs[i] != source) copy.run(c.inputs[0], c.outputs[i], c.pool);
      offset += sizes[i] * inner;
    }
  });
}

}  // namespace mdeploy
