// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Fill operators: how weights come into a net (docs/caffe2.md section 4).
#include <algorithm>
#include <cstring>

#include "ops/op_builder.h"

namespace mdeploy {
namespace {

// The output's shape: the argument `shape`, or the shape of an input, or (input_as_shape=1) what is in an input;
// followed by `extra_shape`.
bool fill_shape(OpBuilder& b, Shape* shape) {
  const bool input_as_shape = b.bool_argument("input_as_shape", false);
  std::vector<int64_t> dims = b.ints_argument("shape");
  const std::vector<int64_t> extra = b.ints_argument("extra_shape");
  if (!b.ok()) return false;
  if (b.input_count() > 0) {
    if (!b.require(dims.empty(), "the shape is given both as an argument and by an input")) return false;
    if (input_as_shape) {
      dims = b.constant_ints(0, "the shape");
    } else {
      dims.assign(b.shape(0).begin(), b.shape(0).end());
      b.independent_of_data();
    }
  } else if (!b.require(!input_as_shape && extra.empty(), "extra_shape or input_as_shape without an input")) {
    return false;
  }
  dims.insert(dims.end(), extra.begin(), extra.end());
  Shape result;
  for (int64_t d : dims) result.push_back(d);
  const Status status = result.check();
  if (!status.ok()) b.fail("the output would be ", status.message());
  *shape = result;
  return b.ok();
}

// The argument `values`, which must hold as many elements as the shape.
const proto::Argument* given_values(OpBuilder& b, const Shape& shape, uint64_t proto::Argument::* count,
                                    const char* field) {
  const proto::Argument* values = b.node().argument("values");
  if (!b.require(values != nullptr, "the required argument \"values\" is missing")) return nullptr;
  const uint64_t expected = static_cast<uint64_t>(shape.elements());
  if (!b.require(values->*count == expected, "argument \"values\": expected ", expected, " ", field, " for shape ",
                 shape, ", found ", values->*count)) {
    return nullptr;
  }
  return values;
}

// Weights are most of a file, and most of the time goes into touching fresh pages: the threads share that.
void read_floats(const proto::Argument& values, float* out, ThreadPool& pool) {
  const std::string_view packed = values.packed_floats();
  if (packed.empty()) return values.read_floats(out);
  constexpr int64_t kPiece = 1 << 18;
  const auto size = static_cast<int64_t>(packed.size());
  pool.parallel_for((size + kPiece - 1) / kPiece, [&](int64_t piece, int) {
    const int64_t begin = piece * kPiece, length = std::min(kPiece, size - begin);
    std::memcpy(reinterpret_cast<char*>(out) + begin, packed.data() + begin, static_cast<size_t>(length));
  });
}

void given_floats(OpBuilder& b, DType dtype) {
  Shape shape;
  if (!fill_shape(b, &shape)) return;
  const proto::Argument* values = given_values(b, shape, &proto::Argument::float_count, "floats");
  if (values == nullptr) return;
  b.output(0, dtype, shape);
  b.run([values, dtype](RunContext& c) {
    if (dtype == DType::kFloat) return read_floats(*values, c.out<float>(0), c.pool);
    const std::vector<float> floats = values->floats();
    std::copy(floats.begin(), floats.end(), c.out<double>(0));
  });
}

template <typename T>
void write_ints(const proto::Argument& values, T* out) {
  const std::vector<int64_t> ints = values.ints();
  for (size_t i = 0; i < ints.size(); ++i) out[i] = static_cast<T>(ints[i]);
}

void given_ints(OpBuilder& b, DType dtype) {
  Shape shape;
  if (!fill_shape(b, &shape)) return;
  const proto::Argument* values = given_values(b, shape, &proto::Argument::int_count, "ints");
  if (values == nullptr) return;
  b.output(0, dtype, shape);
  b.run([values, dtype](RunContext& c) {
    switch (dtype) {
      case DType::kBool: return write_ints(*values, c.out<bool>(0));
      case DType::kInt16: return write_ints(*values, c.out<int16_t>(0));
      case DType::kInt32: return write_ints(*values, c.out<int32_t>(0));
      default: return values->read_ints(c.out<int64_t>(0));
    }
  });
}

template <typename T>
void constant_fill(OpBuilder& b, const Shape& shape, T value) {
  b.output(0, DTypeOf<T>::value, shape);
  b.run([value, n = shape.elements()](RunContext& c) { std::fill_n(c.out<T>(0), n, value); });
}

}  // namespace

// `dtype` asks GivenTensorFill for another type than float32.
void op_given_tensor_fill(OpBuilder& b) {
  const auto dtype = static_cast<DType>(b.int_argument("dtype", static_cast<int64_t>(DType::kFloat)));
  if (!b.ok()) return;
  switch (dtype) {
    case DType::kFloat:
    case DType::kDouble: return given_floats(b, dtype);
    case DType::kBool:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64: return given_ints(b, dtype);
    default: b.fail_unsupported("dtype ", static_cast<int64_t>(dtype));
  }
}

void op_given_tensor_double_fill(OpBuilder& b) { given_floats(b, DType::kDouble); }
void op_given_tensor_bool_fill(OpBuilder& b) { given_ints(b, DType::kBool); }
void op_given_tensor_int16_fill(OpBuilder& b) { given_ints(b, DType::kInt16); }
void op_given_tensor_int_fill(OpBuilder& b) { given_ints(b, DType::kInt32); }
void op_given_tensor_int64_fill(OpBuilder& b) { given_ints(b, DType::kInt64); }

// Strings, such as labels, take no part in a computation: the blob exists and nothing can use it.
void op_given_tensor_string_fill(OpBuilder& b) {
  Shape shape;
  if (!fill_shape(b, &shape)) return;
  if (given_values(b, shape, &proto::Argument::string_count, "strings") == nullptr) return;
  b.output(0, DType::kString, shape);
}

// Exactly one string, which holds the bytes.
void op_given_tensor_byte_string_to_uint8_fill(OpBuilder& b) {
  Shape shape;
  if (!fill_shape(b, &shape)) return;
  const proto::Argument* values = b.node().argument("values");
  if (!b.require(values != nullptr, "the required argument \"values\" is missing") ||
      !b.require(values->string_count == 1, "argument \"values\": expected one string, found ", values->string_count)) {
    return;
  }
  const std::string_view bytes = values->strings()[0];
  if (!b.require(static_cast<int64_t>(bytes.size()) == shape.elements(), "argument \"values\": expected ",
                 shape.elements(), " bytes for shape ", shape, ", found ", bytes.size())) {
    return;
  }
  b.output(0, DType::kUint8, shape);
  b.run([bytes](RunContext& c) { std::copy(bytes.begin(), bytes.end(), c.out<uint8_t>(0)); });
}

// Without `dtype` the field that `value` stands in says whether the elements are float32 or int64.
void op_constant_fill(OpBuilder& b) {
  Shape shape;
  if (!fill_shape(b, &shape)) return;
  const proto::Argument* value = b.node().argument("value");
  const bool is_integer = value != nullptr && value->i.has_value();
  const DType inferred = is_integer ? DType::kInt64 : DType::kFloat;
  const int64_t dtype = b.int_argument("dtype", static_cast<int64_t>(inferred));
  if (!b.ok()) return;
  switch (static_cast<DType>(dtype)) {
    case DType::kFloat: return constant_fill(b, shape, b.float_argument("value", 0.0f));
    case DType::kDouble: return constant_fill(b, shape, static_cast<double>(b.float_argument("value", 0.0f)));
    case DType::kInt32: return constant_fill(b, shape, static_cast<int32_t>(b.int32_argument("value", 0)));
    case DType::kInt64: return constant_fill(b, shape, b.int_argument("value", 0));
    case DType::kBool: return constant_fill(b, shape, b.bool_argument("value", false));
    case DType::kUint8: {
      const int64_t v = b.int_argument("value", 0);
      if (!b.require(v >= 0 && v <= 255, "argument \"value\" is out of range: ", v)) return;
      return constant_fill(b, shape, static_cast<uint8_t>(v));
    }
    default: b.fail_unsupported("dtype ", dtype);
  }
}

}  // namespace mdeploy
