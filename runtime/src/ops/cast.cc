// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Cast (operators/cast_op.cc): `to` is a number of TensorProto.DataType or its name.
#include <cmath>
#include <limits>

#include "ops/elementwise.h"
#include "proto/text_schema.h"

namespace mdeploy {
namespace {

// What does not fit becomes the nearest number that does, and NaN becomes 0: C++ leaves both undefined.
template <typename To, typename From>
To convert(From v) {
  if constexpr (std::is_same_v<To, bool>) {
    return v != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (v != v) return To{0};
    if (v <= static_cast<From>(std::numeric_limits<To>::lowest())) return std::numeric_limits<To>::lowest();
    if (v >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    return static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

// Converts n elements. There is one for every pair of types, so it is all that is compiled for each.
using CastRange = void (*)(const void* x, void* y, int64_t n);

template <typename From, typename To>
void cast_range(const void* x, void* y, int64_t n) {
  const From* from = static_cast<const From*>(x);
  To* to = static_cast<To*>(y);
  for (int64_t i = 0; i < n; ++i) to[i] = convert<To, From>(from[i]);
}

void run_cast(OpBuilder& b, CastRange cast, size_t from_bytes, size_t to_bytes) {
  b.run([=, n = b.input(0).elements()](RunContext& c) {
    c.pool.parallel_for(n, kElementGrain, [&](int64_t begin, int64_t end, int) {
      const size_t at = static_cast<size_t>(begin);
      cast(c.in<char>(0) + at * from_bytes, c.out<char>(0) + at * to_bytes, end - begin);
    });
  });
}

template <typename From, typename To>
void run_cast(OpBuilder& b) {
  run_cast(b, cast_range<From, To>, sizeof(From), sizeof(To));
}

template <typename From>
void cast_from(OpBuilder& b, DType to) {
  switch (to) {
    case DType::kFloat: return run_cast<From, float>(b);
    case DType::kDouble: return run_cast<From, double>(b);
    case DType::kInt32: return run_cast<From, int32_t>(b);
    case DType::kInt64: return run_cast<From, int64_t>(b);
    case DType::kInt16: return run_cast<From, int16_t>(b);
    case DType::kUint16: return run_cast<From, uint16_t>(b);
    case DType::kInt8: return run_cast<From, int8_t>(b);
    case DType::kUint8: return run_cast<From, uint8_t>(b);
    case DType::kBool: return run_cast<From, bool>(b);
    default: return b.fail_unsupported("a cast to ", dtype_name(to));
  }
}

}  // namespace

void op_cast(OpBuilder& b) {
  const proto::Argument* argument = b.node().argument("to");
  if (!b.require(argument != nullptr, "the argument \"to\" is missing")) return;
  int64_t to = 0;
  if (argument->s.has_value()) {
    std::string name(*argument->s);
    for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    to = proto::enum_value(name).value_or(0);
  } else {
    to = b.int_argument("to", 0);
  }
  if (!b.ok()) return;
  if (!dtype_is_valid(to)) return b.fail_unsupported("a cast to type ", to);
  const auto target = static_cast<DType>(to);
  b.output(0, target, b.shape(0));
  switch (b.input(0).dtype) {
    case DType::kFloat: return cast_from<float>(b, target);
    case DType::kDouble: return cast_from<double>(b, target);
    case DType::kInt32: return cast_from<int32_t>(b, target);
    case DType::kInt64: return cast_from<int64_t>(b, target);
    case DType::kInt16: return cast_from<int16_t>(b, target);
    case DType::kUint8: return cast_from<uint8_t>(b, target);
    case DType::kBool: return cast_from<bool>(b, target);
    default: b.fail_unsupported("a cast from ", dtype_name(b.input(0).dtype));
  }
}

}  // namespace mdeploy
