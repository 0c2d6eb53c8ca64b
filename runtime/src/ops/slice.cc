// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Slice (operators/slice_op.h): starts and ends are arguments or inputs; a negative v stands for dim + 1 + v, so that
// -1 is the end; missing dimensions are taken whole; there are no steps. Caffe2 refuses to cut more than one dimension.
#include "ops/op_builder.h"
#include "ops/strided_copy.h"

namespace mdeploy {

void op_slice(OpBuilder& b) {
  const Shape& x = b.shape(0);
  if (!b.require(dtype_size(b.input(0).dtype) > 0, "an input of type ", dtype_name(b.input(0).dtype))) return;
  std::vector<int64_t> starts, ends;
  if (b.input_count() > 1) {
    if (!b.require(b.input_count() == 3, "expected starts and ends as inputs 1 and 2")) return;
    starts = b.constant_ints(1, "starts");
    ends = b.constant_ints(2, "ends");
  } else {
    starts = b.ints_argument("starts");
    ends = b.ints_argument("ends");
  }
  if (!b.ok() || !b.require(starts.size() == ends.size(), starts.size(), " starts, but ", ends.size(), " ends") ||
      !b.require(static_cast<int>(starts.size()) <= x.rank(), starts.size(), " starts for shape ", x)) {
    return;
  }
  Shape y = x;
  StridedCopy copy;
  copy.from_strides = dense_strides(x);
  int cut = -1;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int d = static_cast<int>(i);
    int64_t start = starts[i], end = ends[i];
    if (start < 0) start += x[d] + 1;
    if (end < 0) end += x[d] + 1;
    start = std::min(start, x[d]);
    end = std::min(end, x[d]);
    if (!b.require(start >= 0 && start <= end, "dimension ", d, " of ", x, " cannot be cut from ", starts[i], " to ",
                   ends[i])) {
      return;
    }
    if (start == 0 && end == x[d]) continue;
    if (!b.require(cut < 0, "dimensions ", cut, " and ", d, " are both cut; Caffe2 cuts one only: chain two Slices"))
      return;
    cut = d;
    y[d] = end - start;
    copy.from_offset = start * copy.from_strides[d];
  }
  b.output(0, b.input(0).dtype, y);
  if (!b.ok()) return;
  if (cut < 0) return b.view_of_input();
  copy.dims = y;
  copy.to_strides = dense_strides(y);
  copy.size = dtype_size(b.input(0).dtype);
  copy.simplify();
  if (copy.is_contiguous()) b.output_is_part(0, copy.from_offset);
  b.run([copy](RunContext& c) {
    const char* source = c.in<char>(0) + copy.from_offset * static_cast<int64_t>(copy.size);
    if (c.outputs[0] != source) copy.run(c.inputs[0], c.outputs[0], c.pool);
  });
}

}  // namespace mdeploy
