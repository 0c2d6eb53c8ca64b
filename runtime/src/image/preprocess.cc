// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "image/preprocess.h"

#include <cmath>
#include <vector>

#include "image/resample.h"

namespace mdeploy {
namespace {

constexpr int64_t kMaxSide = 32768;
constexpr int64_t kMaxOutputPixels = int64_t{1} << 26;

struct Size {
  int64_t h = 0, w = 0;
};

Status check(const uint8_t* rgba, Size picture, size_t stride, const mdeploy_preprocess_spec& spec) {
  if (rgba == nullptr) return usage_error("preprocess: no picture");
  if (picture.w < 1 || picture.h < 1 || picture.w > kMaxSide || picture.h > kMaxSide) {
    return bad_input("preprocess: a picture of ", picture.w, "x", picture.h, " is out of range (1 to ", kMaxSide, ")");
  }
  if (stride < static_cast<size_t>(picture.w) * 4) {
    return usage_error("preprocess: a row of ", picture.w, " pixels needs ", picture.w * 4, " bytes, stride is ",
                       stride);
  }
  if (spec.color_order < MDEPLOY_RGB || spec.color_order > MDEPLOY_GRAY) {
    return usage_error("preprocess: unknown colour order ", spec.color_order);
  }
  if (spec.resize_mode != MDEPLOY_BILINEAR && spec.resize_mode != MDEPLOY_NEAREST) {
    return usage_error("preprocess: unknown resize mode ", spec.resize_mode);
  }
  for (int32_t side : {spec.resize_short_side, spec.resize_height, spec.resize_width, spec.crop_height,
                       spec.crop_width}) {
    if (side < 0 || side > kMaxSide) return usage_error("preprocess: a side of ", side, " is out of range");
  }
  return {};
}

// torchvision's rule for the short side: the long one is cut to an integer.
Size resized(Size picture, const mdeploy_preprocess_spec& spec) {
  if (spec.resize_height > 0 && spec.resize_width > 0) return {spec.resize_height, spec.resize_width};
  const int64_t side = spec.resize_short_side;
  if (side == 0) return picture;
  if (picture.w <= picture.h) return {side * picture.h / picture.w, side};
  return {side, side * picture.w / picture.h};
}

}  // namespace

Status preprocess(const uint8_t* rgba, int64_t width, int64_t height, size_t stride,
                  const mdeploy_preprocess_spec& spec, mdeploy_tensor& output) {
  const Size picture{height, width};
  MDEPLOY_TRY(check(rgba, picture, stride, spec));
  const Size scaled = resized(picture, spec);
  const bool crops = spec.crop_height > 0 && spec.crop_width > 0;
  const Size out = crops ? Size{spec.crop_height, spec.crop_width} : scaled;
  if (out.h > scaled.h || out.w > scaled.w) {
    return bad_input("preprocess: a crop of ", out.w, "x", out.h, " does not fit into a picture of ", scaled.w, "x",
                     scaled.h);
  }
  const int64_t channels = spec.color_order == MDEPLOY_GRAY ? 1 : 3;
  const int64_t expected[4] = {1, spec.nhwc ? out.h : channels, spec.nhwc ? out.w : out.h,
                               spec.nhwc ? channels : out.w};
  const bool fits = output.rank == 4 && output.dims[0] == expected[0] && output.dims[1] == expected[1] &&
                    output.dims[2] == expected[2] && output.dims[3] == expected[3];
  if (!fits || output.dtype != MDEPLOY_FLOAT32) {
    return bad_input("preprocess: a picture of ", width, "x", height, " becomes a float32 tensor of (1, ", expected[1],
                     ", ", expected[2], ", ", expected[3], "), which is not the input's shape");
  }
  if (out.h * out.w > kMaxOutputPixels) return bad_input("preprocess: ", out.w, "x", out.h, " pixels are too many");
  if (output.data == nullptr || output.bytes < static_cast<size_t>(channels * out.h * out.w) * sizeof(float)) {
    return usage_error("preprocess: the output buffer is too small");
  }
  for (int64_t c = 0; c < channels; ++c) {
    if (!(std::fabs(spec.std[c]) > 0.0f) || !std::isfinite(spec.mean[c]) || !std::isfinite(spec.std[c])) {
      return bad_input("preprocess: mean and std must be finite and std not zero");
    }
  }

  // Centre crop as torchvision rounds it: half to even.
  const auto mode = static_cast<mdeploy_resize_mode>(spec.resize_mode);
  const auto margin = [](int64_t whole, int64_t part) {
    return static_cast<int64_t>(std::nearbyint(static_cast<double>(whole - part) / 2.0));
  };
  const ResampleTable columns = make_resample_table(mode, width, scaled.w, margin(scaled.w, out.w), out.w);
  const ResampleTable rows = make_resample_table(mode, height, scaled.h, margin(scaled.h, out.h), out.h);
  const int64_t first_row = rows.first.front();
  const int64_t last_row = rows.first.back() + rows.count.back();

  // Horizontal pass: rows that the vertical one reads, as interleaved RGB floats of 0..255.
  std::vector<float> lines(static_cast<size_t>((last_row - first_row) * out.w * 3));
  for (int64_t y = first_row; y < last_row; ++y) {
    const uint8_t* source = rgba + static_cast<size_t>(y) * stride;
    float* line = lines.data() + (y - first_row) * out.w * 3;
    for (int64_t x = 0; x < out.w; ++x) {
      const float* weights = columns.weights.data() + x * columns.width;
      const uint8_t* pixel = source + columns.first[x] * 4;
      float sum[3] = {0, 0, 0};
      for (int64_t k = 0; k < columns.count[x]; ++k) {
        for (int c = 0; c < 3; ++c) sum[c] += weights[k] * static_cast<float>(pixel[k * 4 + c]);
      }
      for (int c = 0; c < 3; ++c) line[x * 3 + c] = sum[c];
    }
  }

  auto* y = static_cast<float*>(output.data);
  for (int64_t i = 0; i < out.h; ++i) {
    const float* weights = rows.weights.data() + i * rows.width;
    const float* base = lines.data() + (rows.first[i] - first_row) * out.w * 3;
    for (int64_t j = 0; j < out.w; ++j) {
      float rgb[3] = {0, 0, 0};
      for (int64_t k = 0; k < rows.count[i]; ++k) {
        for (int c = 0; c < 3; ++c) rgb[c] += weights[k] * base[(k * out.w + j) * 3 + c];
      }
      if (spec.color_order == MDEPLOY_GRAY) rgb[0] = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
      for (int64_t c = 0; c < channels; ++c) {
        const float value = rgb[spec.color_order == MDEPLOY_BGR ? 2 - c : c];
        const float normal = (value / 255.0f - spec.mean[c]) / spec.std[c];
        y[spec.nhwc ? (i * out.w + j) * channels + c : (c * out.h + i) * out.w + j] = normal;
      }
    }
  }
  return {};
}

}  // namespace mdeploy
