// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// ResizeNearest and PadImage (operators/resize_op.cc, pad_op.cc; docs/caffe2.md section 5).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/window.h"

namespace mdeploy {

// out = int(in * scale); the source of a pixel is int(position / scale), at most the last. The scales are arguments or
// a second input (height, width).
void op_resize_nearest(OpBuilder& b) {
  const Shape x = b.float_input(0, 4);
  float scale_h = b.float_argument("height_scale", 1.0f), scale_w = b.float_argument("width_scale", 1.0f);
  if (!b.ok()) return;
  if (b.input_count() > 1) {
    const float* scales = b.constant_as<float>(1);
    if (!b.require(b.shape(1).elements() == 2 && scales != nullptr, "scales must be two float32 known at load")) return;
    scale_h = scales[0];
    scale_w = scales[1];
  }
  if (!b.require(scale_h > 0.0f && scale_w > 0.0f && scale_h < 1e6f && scale_w < 1e6f, "scales ", scale_h, ", ",
                 scale_w, " are out of range") ||
      !b.require(x[2] > 0 && x[3] > 0 && x[2] < (1 << 24) && x[3] < (1 << 24), "a picture of ", x[2], " x ", x[3])) {
    return;
  }
  const auto out_h = static_cast<int64_t>(static_cast<float>(x[2]) * scale_h);
  const auto out_w = static_cast<int64_t>(static_cast<float>(x[3]) * scale_w);
  b.output(0, DType::kFloat, {x[0], x[1], out_h, out_w});
  b.run([=](RunContext& c) {
    const float* in = c.in<float>(0);
    float* out = c.out<float>(0);
    for_jobs(c.pool, x[0] * x[1], out_h * out_w, [=](int64_t plane) {
      const float* source = in + plane * x[2] * x[3];
      float* target = out + plane * out_h * out_w;
      for (int64_t i = 0; i < out_h; ++i) {
        const int64_t r = std::min(static_cast<int64_t>(static_cast<float>(i) / scale_h), x[2] - 1);
        for (int64_t j = 0; j < out_w; ++j) {
          const int64_t q = std::min(static_cast<int64_t>(static_cast<float>(j) / scale_w), x[3] - 1);
          target[i * out_w + j] = source[r * x[3] + q];
        }
      }
    });
  });
}

namespace {

enum class PadMode { kConstant, kReflect, kEdge };

// Where position i of the padded axis comes from; -1 for the constant.
int64_t pad_source(PadMode mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PadMode::kConstant: return -1;
    case PadMode::kReflect: return i < 0 ? -i : 2 * (n - 1) - i;
    case PadMode::kEdge: return i < 0 ? 0 : n - 1;
  }
  return -1;
}

}  // namespace

void op_pad_image(OpBuilder& b) {
  const Shape x = b.float_input(0, 4);
  const std::string_view mode_name = b.string_argument("mode", "constant");
  const float value = b.float_argument("value", 0.0f);
  Window window;
  window.kernel_h = window.kernel_w = 1;  // PadImage has none; 1 is what the size rule needs
  if (!b.ok() || !read_window(b, &window)) return;
  if (!b.require(window.legacy_pad == LegacyPad::kNotSet && window.stride_h == 1 && window.stride_w == 1 &&
                     window.dilation_h == 1 && window.dilation_w == 1 && !window.global,
                 "strides, dilations, legacy_pad and global_pooling are not for padding") ||
      !b.require(mode_name == "constant" || mode_name == "reflect" || mode_name == "edge", "mode ", quoted(mode_name),
                 " is not constant, reflect or edge")) {
    return;
  }
  const PadMode mode = mode_name == "constant"  ? PadMode::kConstant
                       : mode_name == "reflect" ? PadMode::kReflect
                                                : PadMode::kEdge;
  const int64_t h = x[2], w = x[3];
  if (!b.require(mode == PadMode::kConstant || (h > 0 && w > 0), "an empty picture ", x)) return;
  // Caffe2 reads outside the picture here.
  if (!b.require(mode != PadMode::kReflect ||
                     (std::max(window.pad_t, window.pad_b) < h && std::max(window.pad_l, window.pad_r) < w),
                 "mode reflect needs pads smaller than the picture of ", h, " x ", w)) {
    return;
  }
  const int64_t out_h = h + window.pad_t + window.pad_b, out_w = w + window.pad_l + window.pad_r;
  b.output(0, DType::kFloat, {x[0], x[1], out_h, out_w});
  b.run([=](RunContext& c) {
    const float* in = c.in<float>(0);
    float* out = c.out<float>(0);
    for_jobs(c.pool, x[0] * x[1], out_h * out_w, [=](int64_t plane) {
      for (int64_t i = 0; i < out_h; ++i) {
        const int64_t r = pad_source(mode, i - window.pad_t, h);
        for (int64_t j = 0; j < out_w; ++j) {
          const int64_t q = pad_source(mode, j - window.pad_l, w);
          out[(plane * out_h + i) * out_w + j] = r < 0 || q < 0 ? value : in[(plane * h + r) * w + q];
        }
      }
    });
  });
}

}  // namespace mdeploy
