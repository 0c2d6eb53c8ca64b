// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "ops/strided_copy.h"

#include <cstring>

namespace mdeploy {
namespace {

template <typename T>
void copy_row(const char* from, char* to, int64_t n, int64_t from_step, int64_t to_step) {
  const T* in = reinterpret_cast<const T*>(from);
  T* out = reinterpret_cast<T*>(to);
  if (from_step == 1 && to_step == 1) {
    std::memcpy(out, in, static_cast<size_t>(n) * sizeof(T));
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * to_step] = in[i * from_step];
  }
}

}  // namespace

Shape dense_strides(const Shape& shape) {
  Shape strides = shape;
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

void StridedCopy::simplify() {
  Shape d, from, to;
  for (int i = 0; i < dims.rank(); ++i) {
    if (dims[i] == 1) continue;
    const int last = d.rank() - 1;
    if (last >= 0 && from[last] == from_strides[i] * dims[i] && to[last] == to_strides[i] * dims[i]) {
      d[last] *= dims[i];
      from[last] = from_strides[i];
      to[last] = to_strides[i];
    } else {
      d.push_back(dims[i]);
      from.push_back(from_strides[i]);
      to.push_back(to_strides[i]);
    }
  }
  dims = d;
  from_strides = from;
  to_strides = to;
}

bool StridedCopy::is_contiguous() const {
  StridedCopy simple = *this;
  simple.simplify();
  return simple.dims.rank() == 0 ||
         (simple.dims.rank() == 1 && simple.from_strides[0] == 1 && simple.to_strides[0] == 1);
}

void StridedCopy::run(const void* from, void* to, ThreadPool& pool) const {
  const int last = dims.rank() - 1;
  const int64_t inner = last >= 0 ? dims[last] : 1;
  const int64_t from_step = last >= 0 ? from_strides[last] : 1, to_step = last >= 0 ? to_strides[last] : 1;
  const int64_t outer = last >= 0 ? dims.product(0, last) : 1;
  if (inner == 0 || outer == 0) return;
  constexpr int64_t kGrain = 32768;
  pool.parallel_for(outer, std::max<int64_t>(1, kGrain / inner), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      int64_t f = from_offset, t = to_offset, rest = row;
      for (int i = last - 1; i >= 0; --i) {
        f += rest % dims[i] * from_strides[i];
        t += rest % dims[i] * to_strides[i];
        rest /= dims[i];
      }
      const char* in = static_cast<const char*>(from) + f * static_cast<int64_t>(size);
      char* out = static_cast<char*>(to) + t * static_cast<int64_t>(size);
      switch (size) {
        case 1: copy_row<uint8_t>(in, out, inner, from_step, to_step); break;
        case 2: copy_row<uint16_t>(in, out, inner, from_step, to_step); break;
        case 4: copy_row<uint32_t>(in, out, inner, from_step, to_step); break;
        default: copy_row<uint64_t>(in, out, inner, from_step, to_step); break;
      }
    }
  });
}

}  // namespace mdeploy
