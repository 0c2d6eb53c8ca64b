// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Tile, NumpyTile and Expand: repetition along axes (operators/tile_op.h, numpy_tile_op.h, expand_op.h).
#include "ops/broadcast.h"
#include "ops/strided_copy.h"

namespace mdeploy {
namespace {

// Repeats dimension d of the input (as `x`, of the output's rank) repeats[d] times.
void repeat(OpBuilder& b, const Shape& x, const std::vector<int64_t>& repeats) {
  Shape y = x;
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t r = repeats[static_cast<size_t>(i)];
    if (!b.require(r >= 0 && r < (1 << 30) && x[i] < (int64_t{1} << 32), "a repetition is out of range: ", r)) return;
    y[i] = x[i] * r;
  }
  b.output(0, b.input(0).dtype, y);
  if (!b.ok()) return;
  // Each dimension becomes two: the repetition, which stands still in the input, and the dimension itself.
  const Shape from = dense_strides(x), to = dense_strides(y);
  std::vector<int64_t> dims, from_strides, to_strides;
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t r = repeats[static_cast<size_t>(i)];
    if (r != 1) {
      dims.push_back(r);
      from_strides.push_back(0);
      to_strides.push_back(to[i] * x[i]);
    }
    if (x[i] != 1) {
      dims.push_back(x[i]);
      from_strides.push_back(from[i]);
      to_strides.push_back(to[i]);
    }
  }
  if (dims.size() > static_cast<size_t>(Shape::kMaxRank)) return b.fail_unsupported("so many repeated dimensions: ", x);
  StridedCopy copy;
  copy.size = dtype_size(b.input(0).dtype);
  for (size_t i = 0; i < dims.size(); ++i) {
    copy.dims.push_back(dims[i]);
    copy.from_strides.push_back(from_strides[i]);
    copy.to_strides.push_back(to_strides[i]);
  }
  copy.simplify();
  if (y == b.shape(0)) return b.view_of_input();
  b.run([copy](RunContext& c) { copy.run(c.inputs[0], c.outputs[0], c.pool); });
}

bool has_memory(OpBuilder& b) {
  return b.require(dtype_size(b.input(0).dtype) > 0, "an input of type ", dtype_name(b.input(0).dtype));
}

}  // namespace

// tiles and axis are arguments, or inputs 1 and 2 of one element each.
void op_tile(OpBuilder& b) {
  const Shape& x = b.shape(0);
  int64_t tiles = b.int_argument("tiles", 1), axis = b.int_argument("axis", 0);
  if (!b.ok() || !has_memory(b)) return;
  for (int i = 1; i < b.input_count(); ++i) {
    const std::vector<int64_t> v = b.constant_ints(i, i == 1 ? "tiles" : "axis");
    if (!b.ok() || !b.require(v.size() == 1, "input ", i, ": expected one element, found ", v.size())) return;
    (i == 1 ? tiles : axis) = v[0];
  }
  const int k = b.check_axis(axis, x.rank(), "axis");
  if (!b.ok()) return;
  std::vector<int64_t> repeats(static_cast<size_t>(x.rank()), 1);
  repeats[static_cast<size_t>(k)] = tiles;
  repeat(b, x, repeats);
}

void op_numpy_tile(OpBuilder& b) {
  const std::vector<int64_t> repeats = b.constant_ints(1, "the repetitions");
  if (!b.ok() || !has_memory(b)) return;
  const Shape& x = b.shape(0);
  if (!b.require(static_cast<int>(repeats.size()) == x.rank(), "expected ", x.rank(), " repetitions, found ",
                 repeats.size())) {
    return;
  }
  repeat(b, x, repeats);
}

// NumPy's rule both ways: the result broadcasts the input and the wanted shape.
void op_expand(OpBuilder& b) {
  const std::vector<int64_t> dims = b.input_count() > 1 ? b.constant_ints(1, "the shape") : b.ints_argument("shape");
  if (!b.ok() || !has_memory(b)) return;
  Shape wanted, y;
  for (int64_t d : dims) wanted.push_back(d);
  const Status status = wanted.check();
  if (!b.require(status.ok(), "the shape is ", status.message()) ||
      !b.require(broadcast_shapes(b.shape(0), wanted, &y), "shapes ", b.shape(0), " and ", wanted,
                 " do not broadcast")) {
    return;
  }
  Shape x = b.shape(0);
  while (x.rank() < y.rank()) x.insert(0, 1);
  std::vector<int64_t> repeats;
  for (int i = 0; i < y.rank(); ++i) repeats.push_back(x[i] == y[i] ? 1 : y[i]);
  repeat(b, x, repeats);
}

}  // namespace mdeploy
