// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Operators that give the same elements another shape, or nothing new at all (docs/caffe2.md section 5).
#include "ops/op_builder.h"

namespace mdeploy {
namespace {

void same_elements(OpBuilder& b, const Shape& y) {
  b.output(0, b.input(0).dtype, y);
  if (!b.ok()) return;
  if (!b.require(y.elements() == b.shape(0).elements(), "shape ", b.shape(0), " does not hold the elements of ", y)) {
    return;
  }
  b.view_of_input();
}

}  // namespace

// Always two outputs, the second the old shape as int64. The new shape is an argument or a second input; 0 keeps a
// dimension and -1 infers one.
void op_reshape(OpBuilder& b) {
  const Shape& x = b.shape(0);
  std::vector<int64_t> dims;
  if (b.input_count() > 1) {
    if (!b.require(!b.has("shape"), "the new shape is given both as an argument and as an input")) return;
    dims = b.constant_ints(1, "the new shape");
  } else {
    if (!b.require(b.has("shape"), "the argument \"shape\" is missing")) return;
    dims = b.ints_argument("shape");
  }
  if (!b.ok()) return;
  Shape y;
  int inferred = -1;
  for (size_t i = 0; i < dims.size(); ++i) {
    int64_t d = dims[i];
    if (d == 0) {
      if (!b.require(static_cast<int>(i) < x.rank(), "dimension ", i, " of the new shape is 0, but the input ", x,
                     " has none to keep")) {
        return;
      }
      d = x[static_cast<int>(i)];
    } else if (d == -1) {
      if (!b.require(inferred < 0, "the new shape has -1 twice")) return;
      inferred = static_cast<int>(i);
      d = 1;
    }
    if (!b.require(d >= 0, "the new shape has the dimension ", d)) return;
    y.push_back(d);
  }
  if (Status status = y.check(); !status.ok()) return b.fail(status.message());
  if (inferred >= 0) {
    const int64_t rest = y.elements();
    if (!b.require(rest > 0 && x.elements() % rest == 0, "cannot infer a dimension: ", x, " has ", x.elements(),
                   " elements, the rest of the new shape ", rest)) {
      return;
    }
    y[inferred] = x.elements() / rest;
  }
  same_elements(b, y);
  if (!b.ok()) return;
  b.output(1, DType::kInt64, {x.rank()});
  b.run([x, bytes = b.input(0).bytes()](RunContext& c) {
    if (c.outputs[0] != nullptr && c.outputs[0] != c.inputs[0] && bytes > 0) {
      std::copy_n(c.in<char>(0), bytes, c.out<char>(0));
    }
    if (int64_t* old_shape = c.out<int64_t>(1)) std::copy(x.begin(), x.end(), old_shape);
  });
}

void op_flatten(OpBuilder& b) {
  const Shape& x = b.shape(0);
  const int64_t axis = b.int_argument("axis", 1);
  if (!b.ok() ||
      !b.require(axis >= 0 && axis <= x.rank(), "axis ", axis, " is out of range for ", x.rank(), " dimensions")) {
    return;
  }
  same_elements(b, {x.product(0, static_cast<int>(axis)), x.product(static_cast<int>(axis), x.rank())});
}

void op_flatten_to_vec(OpBuilder& b) { same_elements(b, {b.shape(0).elements()}); }

// `dims` are positions in the output.
void op_expand_dims(OpBuilder& b) {
  std::vector<int64_t> dims = b.ints_argument("dims");
  if (!b.ok()) return;
  std::sort(dims.begin(), dims.end());
  dims.erase(std::unique(dims.begin(), dims.end()), dims.end());
  Shape y = b.shape(0);
  for (int64_t d : dims) {
    if (!b.require(d >= 0 && d <= y.rank(), "dims: ", d, " is out of range for ", y.rank() + 1, " dimensions") ||
        !b.require(y.rank() < Shape::kMaxRank, "the output would have more than ", Shape::kMaxRank, " dimensions")) {
      return;
    }
    y.insert(static_cast<int>(d), 1);
  }
  same_elements(b, y);
}

void op_squeeze(OpBuilder& b) {
  const Shape& x = b.shape(0);
  const std::vector<int64_t> dims = b.ints_argument("dims");
  if (!b.ok()) return;
  bool dropped[Shape::kMaxRank] = {};
  for (int64_t d : dims) {
    if (!b.require(d >= 0 && d < x.rank(), "dims: ", d, " is out of range for ", x.rank(), " dimensions") ||
        !b.require(x[static_cast<int>(d)] == 1, "dimension ", d, " of ", x, " is not 1")) {
      return;
    }
    dropped[d] = true;
  }
  Shape y;
  for (int i = 0; i < x.rank(); ++i) {
    if (!dropped[i]) y.push_back(x[i]);
  }
  same_elements(b, y);
}

// Copy and its like on one device: StopGradient, Alias, CopyFromCPUInput, EnsureCPUOutput.
void op_identity(OpBuilder& b) { same_elements(b, b.shape(0)); }

void op_dropout(OpBuilder& b) {
  if (!b.require(b.has("is_test"), "the required argument \"is_test\" is missing")) return;
  if (!b.bool_argument("is_test", false) && b.ok()) {
    return b.fail_unsupported("training mode (is_test=0); only inference is supported");
  }
  same_elements(b, b.shape(0));
  if (!b.ok() || b.output_count() < 2) return;
  b.output(1, DType::kBool, b.shape(0));  // nothing is dropped
  b.run([n = b.shape(0).elements(), bytes = b.input(0).bytes()](RunContext& c) {
    if (c.outputs[0] != nullptr && c.outputs[0] != c.inputs[0] && bytes > 0) {
      std::copy_n(c.in<char>(0), bytes, c.out<char>(0));
    }
    if (bool* mask = c.out<bool>(1)) std::fill_n(mask, n, true);
  });
}

// The shape of the input, or some of its dimensions, as int64.
void op_shape(OpBuilder& b) {
  const Shape x = b.shape(0);
  const std::vector<int64_t> axes = b.ints_argument("axes");
  if (!b.ok()) return;
  std::vector<int64_t> dims;
  for (int64_t axis : axes) {
    if (!b.require(axis >= 0 && axis < x.rank(), "axes: ", axis, " is out of range for ", x.rank(), " dimensions"))
      return;
    dims.push_back(x[static_cast<int>(axis)]);
  }
  if (!b.has("axes")) dims.assign(x.begin(), x.end());
  b.output(0, DType::kInt64, {static_cast<int64_t>(dims.size())});
  b.independent_of_data();
  b.run([dims](RunContext& c) { std::copy(dims.begin(), dims.end(), c.out<int64_t>(0)); });
}

}  // namespace mdeploy
