// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The arguments that convolutions and poolings share (operators/conv_pool_op_base.h), old and new forms.
#ifndef MDEPLOY_OPS_WINDOW_H_
#define MDEPLOY_OPS_WINDOW_H_

#include "ops/op_builder.h"

namespace mdeploy {

enum class LegacyPad { kNotSet = 0, kValid = 1, kSame = 2, kCaffePooling = 3 };

// A window moving over the last two dimensions.
struct Window {
  int64_t kernel_h = 0, kernel_w = 0;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_t = 0, pad_l = 0, pad_b = 0, pad_r = 0;
  LegacyPad legacy_pad = LegacyPad::kNotSet;
  bool global = false;
};

// Reads the arguments. False after a failure.
bool read_window(OpBuilder& b, Window* window);

// Gives the output size for an input of h x w and turns legacy padding into plain padding. Needs the kernel sizes.
bool resolve_window(OpBuilder& b, int64_t h, int64_t w, Window* window, int64_t* out_h, int64_t* out_w);

// The same for an input of shape `x` (N, C, H, W), into what the kernels' ConvShape and PoolShape share.
template <typename KernelShape>
bool resolve_window(OpBuilder& b, const Shape& x, Window* window, KernelShape* s) {
  if (!resolve_window(b, x[2], x[3], window, &s->out_h, &s->out_w)) return false;
  s->n = x[0];
  s->h = x[2];
  s->w = x[3];
  s->kh = window->kernel_h;
  s->kw = window->kernel_w;
  s->stride_h = window->stride_h;
  s->stride_w = window->stride_w;
  s->pad_t = window->pad_t;
  s->pad_l = window->pad_l;
  return true;
}

}  // namespace mdeploy

#endif  // MDEPLOY_OPS_WINDOW_H_
