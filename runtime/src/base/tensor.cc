// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "base/tensor.h"

#include <sys/mman.h>

namespace mdeploy {

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kUndefined: return "undefined";
    case DType::kFloat: return "float32";
    case DType::kInt32: return "int32";
    case DType::kString: return "string";
    case DType::kBool: return "bool";
    case DType::kUint8: return "uint8";
    case DType::kInt8: return "int8";
    case DType::kUint16: return "uint16";
    case DType::kInt16: return "int16";
    case DType::kInt64: return "int64";
    case DType::kDouble: return "float64";
  }
  return "unknown";
}

size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::kBool:
    case DType::kUint8:
    case DType::kInt8: return 1;
    case DType::kUint16:
    case DType::kInt16: return 2;
    case DType::kFloat:
    case DType::kInt32: return 4;
    case DType::kInt64:
    case DType::kDouble: return 8;
    case DType::kUndefined:
    case DType::kString: return 0;
  }
  return 0;
}

bool dtype_is_valid(int64_t value) { return value >= 0 && value <= 13 && dtype_size(static_cast<DType>(value)) > 0; }

void Shape::insert(int at, int64_t dim) {
  push_back(0);
  for (int i = std::min(rank_, kMaxRank) - 1; i > at; --i) (*this)[i] = (*this)[i - 1];
  if (at < kMaxRank) (*this)[at] = dim;
}

Status Shape::check() const {
  if (rank_ > kMaxRank) return unsupported("a tensor of ", rank_, " dimensions (at most ", kMaxRank, ")");
  int64_t product = 1;
  for (int64_t d : *this) {
    if (d < 0) return bad_input("the negative dimension ", d);
    if (d > kMaxElements || product > kMaxElements / std::max<int64_t>(d, 1)) {
      return bad_input("a tensor of shape ", *this, ", which is too large");
    }
    product *= std::max<int64_t>(d, 1);
  }
  return {};
}

void append_text(std::string& out, const Shape& shape) {
  out += '(';
  for (int i = 0; i < std::min(shape.rank(), Shape::kMaxRank); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  if (shape.rank() > Shape::kMaxRank) out += ", ...";
  out += ')';
}
Buffer::Buffer(size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  // Weights fill many megabytes once, at load, where half of the time would go into faults of 4 KB pages. Only whole
  // large pages are asked for, so nothing is resident that is not used.
  constexpr size_t kLargePage = size_t{2} << 20;
  const size_t alignment = bytes >= kLargePage ? kLargePage : kAlignment;
  void* memory = nullptr;
  if (bytes > SIZE_MAX - alignment || posix_memalign(&memory, alignment, bytes) != 0) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  if (bytes >= kLargePage) madvise(memory, bytes / kLargePage * kLargePage, MADV_HUGEPAGE);
#endif
  data_.reset(memory);
}

}  // namespace mdeploy
