// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Sum, Mean, Max and Min of any number of tensors. No broadcasting: all shapes are the same (docs/caffe2.md section 5).
#include "ops/elementwise.h"

namespace mdeploy {
namespace {

bool same_inputs(OpBuilder& b) {
  for (int i = 1; i < b.input_count(); ++i) {
    if (!b.require(b.input(i) == b.input(0), "input ", i, " ", quoted(b.node().inputs[static_cast<size_t>(i)]->name),
                   ": expected ", dtype_name(b.input(0).dtype), " ", b.shape(0), " as the first, found ",
                   dtype_name(b.input(i).dtype), " ", b.shape(i))) {
      return false;
    }
  }
  return true;
}

// combine(T, T) -> T over the inputs from first to last, then finish(T) -> T.
template <typename T, typename Combine, typename Finish>
void run_variadic(OpBuilder& b, Combine combine, Finish finish) {
  b.output(0, DTypeOf<T>::value, b.shape(0));
  b.may_overwrite(0);
  b.run([=, n = b.node().inputs[0]->storage_elements(), count = b.input_count(),
         tail = TailLanes(*b.node().outputs[0])](RunContext& c) {
    T* out = c.out<T>(0);
    for_elements(c.pool, n, [&, out](int64_t i) {
      T value = c.in<T>(0)[i];
      for (int k = 1; k < count; ++k) value = combine(value, c.in<T>(k)[i]);
      out[i] = finish(value);
    });
    if constexpr (std::is_same_v<T, float>) tail.clear(out);
  });
}

template <typename Combine>
void variadic(OpBuilder& b, Combine combine) {
  if (!same_inputs(b)) return;
  const auto keep = [](auto x) { return x; };
  switch (b.input(0).dtype) {
    case DType::kFloat:
      if (!b.node().epilogue.clamps()) return run_variadic<float>(b, combine, keep);
      return run_variadic<float>(b, combine, Clamp(b.node()));
    case DType::kDouble: return run_variadic<double>(b, combine, keep);
    case DType::kInt32: return run_variadic<int32_t>(b, combine, keep);
    case DType::kInt64: return run_variadic<int64_t>(b, combine, keep);
    default: b.fail_unsupported("operands of type ", dtype_name(b.input(0).dtype));
  }
}

}  // namespace

void op_sum(OpBuilder& b) {
  variadic(b, [](auto x, auto y) {
    using T = decltype(x);
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<U>(x) + static_cast<U>(y));
    } else {
      return x + y;
    }
  });
}

// A NaN on either side wins, as in PyTorch.
void op_max(OpBuilder& b) {
  variadic(b, [](auto x, auto y) { return y > x || y != y ? y : x; });
}
void op_min(OpBuilder& b) {
  variadic(b, [](auto x, auto y) { return y < x || y != y ? y : x; });
}

void op_mean(OpBuilder& b) {
  b.float_input(0);
  if (!b.ok() || !same_inputs(b)) return;
  const float scale = 1.0f / static_cast<float>(b.input_count());
  run_variadic<float>(b, [](float x, float y) { return x + y; }, [scale](float x) { return x * scale; });
}

}  // namespace mdeploy
