// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Element types, shapes and memory of tensors.
#ifndef MDEPLOY_BASE_TENSOR_H_
#define MDEPLOY_BASE_TENSOR_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>

#include "base/status.h"

namespace mdeploy {

// Values of caffe2.TensorProto.DataType.
enum class DType : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kInt32 = 2,
  kString = 4,  // made by fills, used by nothing
  kBool = 5,
  kUint8 = 6,
  kInt8 = 7,
  kUint16 = 8,
  kInt16 = 9,
  kInt64 = 10,
  kDouble = 13,
};

const char* dtype_name(DType dtype);
// Bytes of one element; 0 where there is no memory behind it (undefined, string).
size_t dtype_size(DType dtype);
bool dtype_is_valid(int64_t value);

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kFloat;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kDouble;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::kInt64;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::kUint8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::kBool;
};

// Up to MDEPLOY_MAX_RANK dimensions, none negative, with a product that fits. Every shape that exists has passed
// Shape::check, so elements() cannot overflow.
class Shape {
 public:
  static constexpr int kMaxRank = MDEPLOY_MAX_RANK;
  // Small enough that bytes, even of blocked activations, fit size_t.
  static constexpr int64_t kMaxElements = int64_t{1} << (sizeof(size_t) == 8 ? 40 : 27);

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) {
    for (int64_t d : dims) push_back(d);
  }

  int rank() const { return rank_; }
  int64_t operator[](int i) const { return dims_[static_cast<size_t>(i)]; }
  int64_t& operator[](int i) { return dims_[static_cast<size_t>(i)]; }
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  // Further dimensions than kMaxRank are counted but not kept; check() refuses them.
  void push_back(int64_t dim) {
    if (rank_ < kMaxRank) dims_[static_cast<size_t>(rank_)] = dim;
    ++rank_;
  }
  void insert(int at, int64_t dim);

  int64_t elements() const { return product(0, rank_); }
  int64_t product(int begin, int end) const {
    int64_t n = 1;
    for (int i = begin; i < end; ++i) n *= dims_[static_cast<size_t>(i)];
    return n;
  }
  // Dimension counted from the end where negative; -1 where there is none.
  int canonical_axis(int64_t axis) const {
    if (axis < -rank_ || axis >= rank_) return -1;
    return static_cast<int>(axis < 0 ? axis + rank_ : axis);
  }

  Status check() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    return a.rank_ == b.rank_ && std::equal(a.begin(), a.end(), b.begin());
  }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }

 private:
  int rank_ = 0;
  std::array<int64_t, kMaxRank> dims_{};
};

void append_text(std::string& out, const Shape& shape);  // (1, 3, 32, 32)

// The product, or the largest number where it does not fit: for counts of work, which no check bounds.
inline int64_t saturating_product(std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (int64_t factor : factors) {
    if (__builtin_mul_overflow(product, factor, &product)) return INT64_MAX;
  }
  return product;
}

struct TensorDesc {
  DType dtype = DType::kUndefined;
  Shape shape;

  int64_t elements() const { return shape.elements(); }
  size_t bytes() const { return static_cast<size_t>(elements()) * dtype_size(dtype); }
  friend bool operator==(const TensorDesc& a, const TensorDesc& b) { return a.dtype == b.dtype && a.shape == b.shape; }
};

// Memory aligned for every vector unit. Throws std::bad_alloc, which the C ABI turns into a status.
class Buffer {
 public:
  static constexpr size_t kAlignment = 64;

  Buffer() = default;
  explicit Buffer(size_t bytes);

  void* data() const { return data_.get(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> data_;
  size_t bytes_ = 0;
};

}  // namespace mdeploy

#endif  // MDEPLOY_BASE_TENSOR_H_
