// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// Convolution: the interface between the graph and the kernels. A kernel object is made once at load, with its weights
// packed for the instruction set, layouts and algorithm that it will use; running it allocates nothing.
//
// FC is the same thing with h = w = kh = kw = 1 and goes through here too.
#ifndef MDEPLOY_KERNELS_CONV_H_
#define MDEPLOY_KERNELS_CONV_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "base/tensor.h"
#include "cpu/isa.h"
#include "cpu/thread_pool.h"
#include "kernels/layout.h"

namespace mdeploy {

struct ConvShape {
  int64_t n = 1;
  int64_t c_in = 0, h = 0, w = 0;
  int64_t c_out = 0, out_h = 0, out_w = 0;  // out_h and out_w agree with the rest: conv_output_size()
  int64_t kh = 1, kw = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_t = 0, pad_l = 0, pad_b = 0, pad_r = 0;
  int64_t groups = 1;  // divides c_in and c_out

  int64_t macs() const { return saturating_product({n, c_out, out_h, out_w, c_in / groups, kh, kw}); }
  int64_t weight_count() const { return c_out * (c_in / groups) * kh * kw; }
};

// What happens to an output element before it is stored: y = clamp(conv + bias [+ residual], lo, hi).
// ReLU is lo = 0. A NaN stays a NaN.
struct ConvEpilogue {
  bool residual = false;
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();

  bool clamps() const {
    return lo != -std::numeric_limits<float>::infinity() || hi != std::numeric_limits<float>::infinity();
  }
};

struct ConvOptions {
  Isa isa = Isa::kReference;
  Layout input = Layout::plain();
  Layout output = Layout::plain();  // of the residual too
  ConvEpilogue epilogue;
  // Whether algorithms that reorder the sums more than a change of order does (Winograd) may be chosen. The choice
  // is a pure function of shape and options.
  bool winograd = true;
};

struct ConvArguments {
  const float* x = nullptr;
  float* y = nullptr;
  const float* residual = nullptr;  // where the epilogue has one; may be y itself, otherwise overlaps nothing
  // Floats from one picture of the batch to the next; 0 means dense. Not dense where x or y is a channel range of
  // a wider activation.
  int64_t x_stride = 0, y_stride = 0, residual_stride = 0;
  void* scratch = nullptr;  // scratch_bytes(pool.size()) bytes, 64-byte aligned, contents undefined
};

// Immutable after it is made; several sessions may run one at the same time, each with its own scratch.
class ConvKernel {
 public:
  virtual ~ConvKernel() = default;

  // x, y and packed weights are 64-byte aligned; a channel range of a blocked activation keeps that only for
  // blocks of 16, so kernels use unaligned loads and stores for activations.
  virtual void run(const ConvArguments& arguments, ThreadPool& pool) const = 0;

  virtual size_t scratch_bytes(int threads) const = 0;
  virtual size_t packed_bytes() const = 0;
  virtual const char* name() const = 0;  // such as "winograd_f4_avx512", as in profiles
};

// Whether make_conv has a kernel for these layouts (plain to plain is always there). Layout propagation asks.
bool conv_supports(const ConvShape& shape, const ConvOptions& options);

// Packs `weights` (c_out, c_in / groups, kh, kw) and `bias` (c_out, or null for zeros); neither is needed afterwards.
// Null only when conv_supports() says no. The shape has been checked by the caller.
std::unique_ptr<ConvKernel> make_conv(const ConvShape& shape, const ConvOptions& options, const float* weights,
                                      const float* bias);

// The plain loops, any layouts: what every fast kernel is tested against.
std::unique_ptr<ConvKernel> make_conv_reference(const ConvShape& shape, const ConvOptions& options,
                                                const float* weights, const float* bias);

}  // namespace mdeploy

#endif  // MDEPLOY_KERNELS_CONV_H_
