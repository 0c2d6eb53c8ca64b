// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// ConvTranspose (operators/conv_transpose_op_impl.h, conv_transpose_unpool_op_base.h; docs/caffe2.md section 5).
#include "ops/window.h"

namespace mdeploy {
namespace {

bool read_adjustments(OpBuilder& b, int64_t* h, int64_t* w) {
  std::vector<int64_t> adj = b.ints_argument("adjs");
  if (b.has("adj")) {
    adj.resize(2, b.int32_argument("adj", 0));
  } else if (b.has("adj_h") && b.has("adj_w")) {
    adj = {b.int32_argument("adj_h", 0), b.int32_argument("adj_w", 0)};
  }
  if (adj.empty()) return b.ok();
  if (!b.require(adj.size() == 2, "argument \"adjs\": expected 2 values, found ", adj.size())) return false;
  *h = adj[0];
  *w = adj[1];
  return true;
}

}  // namespace

void op_conv_transpose(OpBuilder& b) {
  const Shape x = b.float_input(0, 4);
  const Shape w = b.float_input(1, 4);
  Window window;
  const int64_t groups = b.int32_argument("group", 1);
  int64_t adj_h = 0, adj_w = 0;
  if (!b.ok() || !read_window(b, &window) || !read_adjustments(b, &adj_h, &adj_w)) return;
  const bool has_bias = b.input_count() > 2;
  if (window.legacy_pad == LegacyPad::kSame || window.legacy_pad == LegacyPad::kCaffePooling) {
    return b.fail_unsupported("legacy_pad SAME or CAFFE_LEGACY_POOLING for ConvTranspose");
  }
  if (!b.require(window.dilation_h == 1 && window.dilation_w == 1, "ConvTranspose has no dilation") ||
      !b.require(adj_h >= 0 && adj_w >= 0 && adj_h <= window.stride_h && adj_w <= window.stride_w,
                 "an output adjustment is larger than the stride") ||
      !b.require(w[2] == window.kernel_h && w[3] == window.kernel_w, "filter ", w, " does not agree with kernels ",
                 window.kernel_h, " x ", window.kernel_w) ||
      !b.require(groups > 0 && x[1] == w[0] && x[1] % groups == 0 && w[1] > 0, "filter ", w, " with group ", groups,
                 " does not fit input ", x)) {
    return;
  }
  const int64_t c_out = w[1] * groups;
  if (has_bias) {
    const Shape& bias = b.float_input(2, 1);
    if (!b.ok() || !b.require(bias[0] == c_out, "bias: expected ", c_out, " elements, found ", bias[0])) return;
  }
  if (!b.require(x[2] < (1 << 24) && x[3] < (1 << 24), "the input is too large")) return;
  const int64_t out_h = (x[2] - 1) * window.stride_h + window.kernel_h + adj_h - window.pad_t - window.pad_b;
  const int64_t out_w = (x[3] - 1) * window.stride_w + window.kernel_w + adj_w - window.pad_l - window.pad_r;
  if (!b.require(out_h > 0 && out_w > 0, "the output would be empty: ", out_h, " x ", out_w)) return;
  b.output(0, DType::kFloat, {x[0], c_out, out_h, out_w});
  if (!b.ok()) return;
  b.macs(saturating_product({x.elements(), w[1], w[2], w[3]}));

  b.run([=](RunContext& c) {
    const int64_t group_in = x[1] / groups, group_out = w[1], taps = w[2] * w[3];
    const float* in = c.in<float>(0);
    const float* weights = c.in<float>(1);
    const float* bias = has_bias ? c.in<float>(2) : nullptr;
    float* out = c.out<float>(0);
    // Gathers what every output element receives: one job is one output row.
    c.pool.parallel_for(x[0] * c_out * out_h, [&](int64_t job, int) {
      const int64_t oh = job % out_h, oc = job / out_h % c_out, n = job / out_h / c_out;
      const int64_t first_in = oc / group_out * group_in;
      for (int64_t ow = 0; ow < out_w; ++ow) {
        double sum = bias != nullptr ? bias[oc] : 0.0f;
        for (int64_t kh = 0; kh < w[2]; ++kh) {
          const int64_t up = oh + window.pad_t - kh;
          if (up < 0 || up % window.stride_h != 0 || up / window.stride_h >= x[2]) continue;
          for (int64_t kw = 0; kw < w[3]; ++kw) {
            const int64_t left = ow + window.pad_l - kw;
            if (left < 0 || left % window.stride_w != 0 || left / window.stride_w >= x[3]) continue;
            const float* px =
                in + ((n * x[1] + first_in) * x[2] + up / window.stride_h) * x[3] + left / window.stride_w;
            const float* pw = weights + (first_in * group_out + oc % group_out) * taps + kh * w[3] + kw;
            for (int64_t ic = 0; ic < group_in; ++ic) {
              sum += static_cast<double>(px[ic * x[2] * x[3]]) * pw[ic * group_out * taps];
            }
          }
        }
        out[job * out_w + ow] = static_cast<float>(sum);
      }
    });
  });
}

}  // namespace mdeploy
