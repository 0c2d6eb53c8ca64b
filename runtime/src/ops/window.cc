// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "ops/window.h"

#include <string>

namespace mdeploy {
namespace {

constexpr int64_t kLargest = 1'000'000'000;  // keeps sums and products of sizes far from overflow

// "kernels" wins over "kernel", which wins over "kernel_h" with "kernel_w".
bool read_pair(OpBuilder& b, const std::string& singular, const std::string& plural, int64_t* h, int64_t* w) {
  std::vector<int64_t> values = b.ints_argument(plural);
  if (b.has(singular)) {
    values.resize(2, b.int32_argument(singular, 0));
  } else if (b.has(singular + "_h") && b.has(singular + "_w")) {
    values.push_back(b.int32_argument(singular + "_h", 0));
    values.push_back(b.int32_argument(singular + "_w", 0));
  }
  if (values.empty()) return b.ok();
  if (values.size() != 2) {
    b.fail_unsupported("argument ", quoted(plural), " has ", values.size(), " values; only 2 dimensions are supported");
    return false;
  }
  *h = values[0];
  *w = values[1];
  return b.require(*h >= 0 && *w >= 0 && *h <= kLargest && *w <= kLargest, "argument ", quoted(plural),
                   " is out of range: ", *h, ", ", *w);
}

bool read_pads(OpBuilder& b, Window* window) {
  const bool automatic = window->legacy_pad == LegacyPad::kValid || window->legacy_pad == LegacyPad::kSame;
  std::vector<int64_t> pads = b.ints_argument("pads");
  if (b.has("pad")) {
    pads.resize(4, b.int32_argument("pad", 0));
  } else if (b.has("pad_t") && b.has("pad_l") && b.has("pad_b") && b.has("pad_r")) {
    for (const char* name : {"pad_t", "pad_l", "pad_b", "pad_r"}) pads.push_back(b.int32_argument(name, 0));
  }
  if (pads.empty()) return b.ok();
  if (!b.require(!automatic, "explicit pads beside legacy_pad VALID or SAME") ||
      !b.require(pads.size() == 4, "argument \"pads\": expected 4 values (top, left, bottom, right), found ",
                 pads.size())) {
    return false;
  }
  for (int64_t pad : pads) {
    if (!b.require(pad >= 0 && pad <= kLargest, "a pad is out of range: ", pad)) return false;
  }
  window->pad_t = pads[0];
  window->pad_l = pads[1];
  window->pad_b = pads[2];
  window->pad_r = pads[3];
  return true;
}

bool resolve_axis(OpBuilder& b, LegacyPad legacy, int64_t in, int64_t kernel, int64_t stride, int64_t dilation,
                  int64_t* head, int64_t* tail, int64_t* out) {
  const int64_t extent = dilation * (kernel - 1) + 1;
  if (!b.require(in <= kLargest && extent <= kLargest, "sizes are out of range")) return false;
  switch (legacy) {
    case LegacyPad::kNotSet: break;
    case LegacyPad::kValid: *head = *tail = 0; break;
    case LegacyPad::kSame: {  // an odd pad is larger at the tail
      if (!b.require(dilation == 1, "legacy_pad SAME does not go with dilation")) return false;
      const int64_t target = (in + stride - 1) / stride;
      const int64_t needed = std::max<int64_t>(0, (target - 1) * stride + kernel - in);
      *head = needed / 2;
      *tail = needed - *head;
      *out = target;
      return true;
    }
    case LegacyPad::kCaffePooling: {  // Caffe rounds up, and lets the last window begin inside the picture
      const int64_t span = in + 2 * *head - kernel;
      if (!b.require(span >= 0, "a kernel of ", kernel, " is larger than the padded input of ", in + 2 * *head))
        return false;
      *out = (span + stride - 1) / stride + 1;
      if (*head > 0 && (*out - 1) * stride >= in + *head) --*out;
      const int64_t plain = span / stride + 1;
      *tail = *head + stride * (*out - plain);
      return true;
    }
  }
  const int64_t padded = in + *head + *tail;
  if (!b.require(padded >= extent, "a kernel of ", extent, " (dilated) is larger than the padded input of ", padded)) {
    return false;
  }
  *out = (padded - extent) / stride + 1;
  return true;
}

}  // namespace

bool read_window(OpBuilder& b, Window* window) {
  const int64_t legacy = b.int_argument("legacy_pad", 0);
  if (!b.require(legacy >= 0 && legacy <= 3, "legacy_pad ", legacy, " is not one of 0 to 3")) return false;
  window->legacy_pad = static_cast<LegacyPad>(legacy);
  window->global = b.bool_argument("global_pooling", false);
  if (!read_pair(b, "kernel", "kernels", &window->kernel_h, &window->kernel_w) ||
      !read_pair(b, "stride", "strides", &window->stride_h, &window->stride_w) ||
      !read_pair(b, "dilation", "dilations", &window->dilation_h, &window->dilation_w) || !read_pads(b, window)) {
    return false;
  }
  if (!b.require(window->stride_h > 0 && window->stride_w > 0, "a stride is 0") ||
      !b.require(window->dilation_h > 0 && window->dilation_w > 0, "a dilation is 0")) {
    return false;
  }
  if (window->global) {
    return b.require(window->pad_t + window->pad_l + window->pad_b + window->pad_r == 0 && window->stride_h == 1 &&
                         window->stride_w == 1 && window->dilation_h == 1 && window->dilation_w == 1,
                     "global_pooling=1 does not go with pads, strides or dilations");
  }
  return b.require(window->kernel_h > 0 && window->kernel_w > 0, "the kernel size is missing (argument \"kernels\")");
}

bool resolve_window(OpBuilder& b, int64_t h, int64_t w, Window* window, int64_t* out_h, int64_t* out_w) {
  return resolve_axis(b, window->legacy_pad, h, window->kernel_h, window->stride_h, window->dilation_h, &window->pad_t,
                      &window->pad_b, out_h) &&
         resolve_axis(b, window->legacy_pad, w, window->kernel_w, window->stride_w, window->dilation_w, &window->pad_l,
                      &window->pad_r, out_w);
}

}  // namespace mdeploy
