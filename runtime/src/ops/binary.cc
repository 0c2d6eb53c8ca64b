// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Operators of two operands with broadcasting: arithmetic, comparison and logic (docs/caffe2.md section 5, Add to Pow).
#include <cmath>
#include <type_traits>

#include "ops/broadcast.h"
#include "ops/elementwise.h"

namespace mdeploy {
namespace {

// The walk over the operands, and which of them the output may overwrite: the same for all types and functors.
struct BinaryPlan {
  BroadcastWalk walk;
  TailLanes tail;
  bool clears;  // the tail: it is of floats
};
BinaryPlan plan_binary(OpBuilder& b, const BinaryShapes& s, bool can_overwrite) {
  if (can_overwrite && s.a == s.out) {
    b.may_overwrite(0);
  } else if (can_overwrite && s.b == s.out) {
    b.may_overwrite(1);
  }
  const Value& y = *b.node().outputs[0];
  const BinaryShapes m = y.layout.is_plain() ? s : blocked_shapes(s, y.layout);
  return {BroadcastWalk(m.a, m.b, m.out), TailLanes(y), y.desc.dtype == DType::kFloat};
}

template <typename F>
void run_kernel(OpBuilder& b, const BinaryPlan& plan, const BroadcastKernel& kernel, F f) {
  b.run([f, kernel, plan](RunContext& c) {
    broadcast(c.pool, plan.walk, kernel, &f, c.inputs[0], c.inputs[1], c.outputs[0]);
    if (plan.clears) plan.tail.clear(c.out<float>(0));
  });
}

template <typename T, typename R, typename F>
void run_binary(OpBuilder& b, const BinaryShapes& s, F f, bool can_overwrite) {
  run_kernel(b, plan_binary(b, s, can_overwrite), broadcast_kernel<T, R, F>(), f);
}

bool same_dtypes(OpBuilder& b) {
  return b.require(b.input(0).dtype == b.input(1).dtype, "operands of different types: ", dtype_name(b.input(0).dtype),
                   " and ", dtype_name(b.input(1).dtype));
}

// f is a generic functor of (T, T) -> T.
template <typename F>
void arithmetic(OpBuilder& b, F f) {
  BinaryShapes s;
  if (!binary_shapes(b, &s) || !same_dtypes(b)) return;
  b.output(0, b.input(0).dtype, s.out);
  switch (b.input(0).dtype) {
    case DType::kFloat:
      if (!b.node().epilogue.clamps()) return run_binary<float, float>(b, s, f, true);
      return run_binary<float, float>(
          b, s, [f, clamp = Clamp(b.node())](float x, float y) { return clamp(f(x, y)); }, true);
    case DType::kDouble: return run_binary<double, double>(b, s, f, true);
    case DType::kInt32: return run_binary<int32_t, int32_t>(b, s, f, true);
    case DType::kInt64: return run_binary<int64_t, int64_t>(b, s, f, true);
    default: b.fail_unsupported("operands of type ", dtype_name(b.input(0).dtype));
  }
}

// f is a generic functor of (T, T) -> bool.
template <typename F>
void comparison(OpBuilder& b, F f) {
  BinaryShapes s;
  if (!binary_shapes(b, &s) || !same_dtypes(b)) return;
  b.output(0, DType::kBool, s.out);
  switch (b.input(0).dtype) {
    case DType::kFloat: return run_binary<float, bool>(b, s, f, false);
    case DType::kDouble: return run_binary<double, bool>(b, s, f, false);
    case DType::kInt32: return run_binary<int32_t, bool>(b, s, f, false);
    case DType::kInt64: return run_binary<int64_t, bool>(b, s, f, false);
    case DType::kBool: return run_binary<bool, bool>(b, s, f, false);
    default: b.fail_unsupported("operands of type ", dtype_name(b.input(0).dtype));
  }
}

template <typename F>
void logic(OpBuilder& b, F f) {
  BinaryShapes s;
  if (!binary_shapes(b, &s) || !same_dtypes(b)) return;
  if (!b.require(b.input(0).dtype == DType::kBool, "expected bool, found ", dtype_name(b.input(0).dtype))) return;
  b.output(0, DType::kBool, s.out);
  run_binary<bool, bool>(b, s, f, true);
}

// Integers wrap around: signed overflow is not defined in C++, and a file may hold any number.
template <typename T, typename F>
T wrapping(T x, T y, F f) {
  using U = std::make_unsigned_t<T>;
  return static_cast<T>(f(static_cast<U>(x), static_cast<U>(y)));
}

struct AddF {
  template <typename T>
  T operator()(T x, T y) const {
    if constexpr (std::is_integral_v<T>)
      return wrapping(x, y, [](auto a, auto b) { return a + b; });
    else
      return x + y;
  }
};
struct SubF {
  template <typename T>
  T operator()(T x, T y) const {
    if constexpr (std::is_integral_v<T>)
      return wrapping(x, y, [](auto a, auto b) { return a - b; });
    else
      return x - y;
  }
};
struct MulF {
  template <typename T>
  T operator()(T x, T y) const {
    if constexpr (std::is_integral_v<T>)
      return wrapping(x, y, [](auto a, auto b) { return a * b; });
    else
      return x * y;
  }
};
// Division of integers by zero gives 0 rather than a signal, and the one overflow wraps.
struct DivF {
  template <typename T>
  T operator()(T x, T y) const {
    if constexpr (std::is_integral_v<T>)
      return y == 0 ? T{0} : y == T{-1} ? SubF()(T{0}, x) : x / y;
    else
      return x / y;
  }
};

}  // namespace

void op_add(OpBuilder& b) { arithmetic(b, AddF()); }
void op_sub(OpBuilder& b) { arithmetic(b, SubF()); }
void op_mul(OpBuilder& b) { arithmetic(b, MulF()); }
void op_div(OpBuilder& b) { arithmetic(b, DivF()); }

void op_eq(OpBuilder& b) {
  comparison(b, [](auto x, auto y) { return x == y; });
}
void op_ne(OpBuilder& b) {
  comparison(b, [](auto x, auto y) { return x != y; });
}
void op_lt(OpBuilder& b) {
  comparison(b, [](auto x, auto y) { return x < y; });
}
void op_le(OpBuilder& b) {
  comparison(b, [](auto x, auto y) { return x <= y; });
}
void op_gt(OpBuilder& b) {
  comparison(b, [](auto x, auto y) { return x > y; });
}
void op_ge(OpBuilder& b) {
  comparison(b, [](auto x, auto y) { return x >= y; });
}

void op_and(OpBuilder& b) {
  logic(b, [](bool x, bool y) { return x && y; });
}
void op_or(OpBuilder& b) {
  logic(b, [](bool x, bool y) { return x || y; });
}
void op_xor(OpBuilder& b) {
  logic(b, [](bool x, bool y) { return x != y; });
}

void op_not(OpBuilder& b) {
  if (!b.require(b.input(0).dtype == DType::kBool, "expected bool, found ", dtype_name(b.input(0).dtype))) return;
  b.output(0, DType::kBool, b.shape(0));
  b.may_overwrite(0);
  b.run([n = b.input(0).elements()](RunContext& c) {
    const bool* x = c.in<bool>(0);
    bool* y = c.out<bool>(0);
    for_elements(c.pool, n, [=](int64_t i) { y[i] = !x[i]; });
  });
}

// The exponent is an argument or a second operand.
void op_pow(OpBuilder& b) {
  if (b.input_count() == 1) {
    const float e = b.float_argument("exponent", 0.0f);
    if (!b.require(b.has("exponent"), "neither a second input nor the argument \"exponent\"")) return;
    unary_operator(b, [e](float x) { return std::pow(x, e); });
    return;
  }
  b.float_input(0);
  b.float_input(1);
  BinaryShapes s;
  if (!b.ok() || !binary_shapes(b, &s)) return;
  b.output(0, DType::kFloat, s.out);
  run_binary<float, float>(b, s, [](float x, float y) { return std::pow(x, y); }, true);
}

}  // namespace mdeploy
