// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Copies between strided views: what transpositions, slices and their like come down to.
#ifndef MDEPLOY_OPS_STRIDED_COPY_H_
#define MDEPLOY_OPS_STRIDED_COPY_H_

#include "base/tensor.h"
#include "cpu/thread_pool.h"

namespace mdeploy {

// Elements of `size` bytes; strides in elements.
struct StridedCopy {
  Shape dims;
  Shape from_strides, to_strides;
  int64_t from_offset = 0, to_offset = 0;
  size_t size = 4;

  // Drops dimensions of 1 and merges neighbours that go on evenly on both sides.
  void simplify();
  // Whether it is one straight run.
  bool is_contiguous() const;
  void run(const void* from, void* to, ThreadPool& pool) const;
};

// Strides of a dense tensor.
Shape dense_strides(const Shape& shape);

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_STRIDED_COPY_H_
